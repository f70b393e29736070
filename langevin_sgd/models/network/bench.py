"""What points of a scan with the same data and network have in common, made once: tensors, instruments, traces."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch

from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.problem import prepare
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.tracing import TensorFunction
from langevin_sgd.training.view import Instruments

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Bench:
    """The problem of a model on the device that trains it, and all that no number of the sgd changes about it."""

    def __init__(
        self,
        model: NetworkModel,
        *,
        seed: int,
        device: str,
        workers: Workers,
        refuse_size: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Raises `UserError` for data or an architecture that will not do; `refuse_size` as in `prepare`."""
        self.model, self.seed, self.device, self.workers = model, seed, device, workers
        self.problem = problem = prepare(model, seed=seed, device=device, refuse_size=refuse_size)
        self.dtype = DTYPES[model.precision]
        self.network: Network = problem.network(self.dtype)
        self.samples = problem.train.to(self.dtype)
        self.instruments = Instruments(
            problem.network(torch.float64), problem.train, problem.test, weight_decay=0.0, workers=workers,
            loss=problem.loss,
        )  # fmt: skip
        self.traced: dict[Hashable, TensorFunction] = {}

    def serves(self, model: NetworkModel) -> bool:
        """Whether another model has the same problem."""
        return self.model == model
