"""What points of a scan with the same data and network have in common, made once: tensors, instruments, traces."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property

import torch

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.problem import Problem, prepare
from langevin_sgd.training.batched import Batched
from langevin_sgd.training.energy import Evaluator, Samples
from langevin_sgd.training.intermediate_results import forward_operations
from langevin_sgd.training.minibatches import Minibatches, NoIndices
from langevin_sgd.training.network import Network
from langevin_sgd.training.recording.config import Precision
from langevin_sgd.training.recording.meter import Meter, on_subsets
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Bench:
    """A problem on the device that trains it, and all that no number of the sgd changes about it."""

    def __init__(self, problem: Problem, *, dtype: torch.dtype, seed: int, workers: Workers) -> None:
        """`dtype` is the arithmetic of the training; what is measured is measured in float64."""
        self.problem, self.dtype, self.seed, self.workers = problem, dtype, seed, workers
        self.device = problem.device
        self.network: Network = problem.network(dtype)
        self.samples = problem.train.to(dtype)
        self.instruments = Instruments(
            problem.network(torch.float64), problem.train, problem.test, weight_decay=0.0, workers=workers,
            loss=problem.loss, apart=problem.apart,
        )  # fmt: skip
        self.traced: dict[Hashable, Batched] = {}
        self._meters: dict[tuple[Precision, int | None], Meter] = {}

    @cached_property
    def operations(self) -> int:
        """Multiplications and additions of one sample's pass through the network."""
        return forward_operations(self.instruments.network, self.problem.train.inputs)

    def evaluated(self, size: int | None) -> int:
        """Samples of one evaluation on `size` of the training and of the test samples, or on all of them."""
        sets = [len(part) for part in (self.problem.train, self.problem.test) if part is not None]
        return sum(sets if size is None else (min(size, whole) for whole in sets))

    def meter(self, precision: Precision, size: int | None) -> Meter:
        """What evaluates in this arithmetic on `size` samples of each set, or on all, without weight decay.

        Raises `UserError` for more samples than there are.
        """
        if precision == "float64" and size is None:
            return self.instruments.meter
        key = (precision, size)
        if key not in self._meters:
            problem, dtype = self.problem, DTYPES[precision]
            network = problem.network(dtype)

            def evaluator(samples: Samples, of: int) -> Evaluator:
                return Evaluator(
                    network, samples.to(dtype), self.workers, problem.loss, apart=problem.apart, dtype=dtype, of=of
                )

            self._meters[key] = on_subsets(evaluator, problem.train, problem.test, size, seed=self.seed)
        return self._meters[key]

    @classmethod
    def of(
        cls,
        model: NetworkModel,
        *,
        seed: int,
        device: str,
        workers: Workers,
        refuse_size: Callable[[int], None] = lambda size: None,
    ) -> Bench:
        """That of a config.

        Raises `UserError` for data or an architecture that will not do; `refuse_size` as in `prepare`.
        """
        problem = prepare(model, seed=seed, device=device, refuse_size=refuse_size)
        return cls(problem, dtype=DTYPES[model.precision], seed=seed, workers=workers)

    def minibatches(self, sgd: Sgd, replicas: int) -> Minibatches | NoIndices:
        """The minibatches of so many replicas, from the first step on."""
        if self.problem.supply is not None:
            return NoIndices(replicas, sgd.batch_size)
        return Minibatches.of(sgd, seed=self.seed, replicas=replicas, samples=len(self.samples))
