"""What points of a scan with the same data and network have in common, made once: tensors, instruments, traces."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.problem import Problem, prepare
from langevin_sgd.training.minibatches import Minibatches, NoIndices
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.tracing import TensorFunction
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
        self.traced: dict[Hashable, TensorFunction] = {}

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
