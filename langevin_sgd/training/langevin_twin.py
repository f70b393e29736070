"""The Langevin twin of an ensemble in training: Euler-Maruyama steps of its own stochastic differential equation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.batched import Batched, OneByOne, batched
from langevin_sgd.training.losses import functions
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import Workers, shares
from langevin_sgd.training.tracing import TensorFunction
from langevin_sgd.training.twin_noise import TwinNoise

_REPLICAS_AT_A_TIME = 32


class LangevinTwin:
    """dw = -grad E dt + (eta/B)^(1/2) C(w)^(1/2) dW (Ito) of many replicas, in l steps to each step of SGD.

    w <- w - f eta grad E(w) + (f eta^2/B)^(1/2) xi, f = 1/l, with E the mean loss over the whole set and weight decay,
    and xi of covariance C by a `noise`. Each of its steps so costs about N/B gradients of SGD. `sgd` holds eta, B and
    weight decay; `weights` (replica, d) are where the replicas begin, of which replica r follows the same bits whatever
    the replicas beside it and the number of threads, as in `Ensemble`.

    Source: Li, Tai and E, Stochastic modified equations and adaptive stochastic gradient algorithms (2017).
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        sgd: Sgd,
        noise: TwinNoise,
        *,
        weights: Tensor,
        substeps: int,
        workers: Workers,
    ) -> None:
        self._replicas, self._workers = len(weights), workers
        alone = self._replicas == 1  # two or more share one kernel
        self._weights = (weights.expand(2, -1) if alone else weights).contiguous().clone()
        rows = np.zeros(2, dtype=np.int64) if alone else np.arange(self._replicas)
        pieces = shares(len(rows), max(workers.count, -(-len(rows) // _REPLICAS_AT_A_TIME)))
        traced: dict[tuple[int, int], Batched] = {}
        self._blocks = [
            _Block(network, loss, sgd, noise, self._weights[piece], rows[piece], substeps, traced) for piece in pieces
        ]

    @property
    def weights(self) -> Tensor:
        """Weights (replica, d), in place: they change with every step."""
        return self._weights[: self._replicas]

    @property
    def optimiser_state(self) -> Mapping[str, Tensor]:
        """Nothing is remembered."""
        return {}

    @property
    def squares(self) -> None:
        """Its steps are not those of the identity that such sums are for."""
        return

    @property
    def one_by_one(self) -> UserError | None:
        """Why replicas are evaluated one after the other, which is slower, and not at once; None if they are."""
        return self._blocks[0].one_by_one

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything that the next steps depend on."""
        return {"weights": snapshot(self.weights)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._weights.copy_(torch.from_numpy(state["weights"]))  # a lone replica's row fills both

    def advance(self, first: int, last: int) -> None:
        """Make what are the steps first, first + 1, ..., last - 1 of SGD."""
        self._workers.map(lambda block: block.advance(first, last), self._blocks)


class _Block:
    """Replicas that one thread takes care of."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        sgd: Sgd,
        noise: TwinNoise,
        weights: Tensor,
        replicas: NDArray[np.int64],
        substeps: int,
        traced: dict[tuple[int, int], Batched],
    ) -> None:
        self._weights, self._replicas, self._substeps, self._noise = weights, replicas, substeps, noise
        self._parameters = network.parameters(weights)
        self._time_step = sgd.learning_rate / substeps
        self._decay = self._time_step * sgd.weight_decay
        self._amplitude = math.sqrt(self._time_step * sgd.learning_rate / sgd.batch_size)
        self._gradients: dict[tuple[int, int], TensorFunction] = {}
        for inputs, labels, samples in noise.terms(0, replicas):
            key = samples.shape[0], samples.shape[1]
            if key not in traced:
                purpose = "moved as an ensemble (torch.func.vmap of its gradient fails)"
                of = partial(functions.gradient, loss=loss)
                traced[key] = batched(of, network, *self._parameters, inputs, labels, samples, purpose=purpose)
            self._gradients[key] = traced[key].holding(self._parameters)  # which change in place

        one = next(iter(traced.values()))
        self.one_by_one = one.refused if isinstance(one, OneByOne) else None

    def advance(self, first: int, last: int) -> None:
        """All steps of the twin within these of SGD."""
        for step in range(first * self._substeps, last * self._substeps):
            self._step(step)

    def _step(self, step: int) -> None:
        gradient: list[Tensor] = []
        for inputs, labels, samples in self._noise.terms(step, self._replicas):
            part = self._gradients[samples.shape[0], samples.shape[1]](inputs, labels, samples)
            if gradient:
                torch._foreach_add_(gradient, part)
            else:
                gradient = [each.clone() for each in part]
        kick = self._noise.kick(step, self._replicas)
        if self._decay:
            self._weights.add_(self._weights, alpha=-self._decay)
        torch._foreach_add_(self._parameters, gradient, alpha=-self._time_step)
        if kick is not None:
            self._weights.add_(kick, alpha=self._amplitude)
