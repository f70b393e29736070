"""SGD of many replicas of one network at once, on minibatches of their own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.config import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training import cross_entropy
from langevin_sgd.training.architectures import Network
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.threads import Workers, one_thread_each, shares
from langevin_sgd.training.tracing import trace

_SECONDS_WORTH_A_THREAD = 0.5e-3  # less work a step than this is done sooner on one core than shared out


class IndexSource(Protocol):
    """Where minibatches come from."""

    def block(self, step: int, at_most: int) -> NDArray[np.int64]:
        """Sample indices (steps, replica, B) of the minibatches from `step` on, for at most so many steps."""


class Ensemble:
    """Weights of R replicas and one rule that moves them: heavy-ball SGD as torch.optim.SGD writes it.

        g = (1/B) sum over the minibatch of grad cross_entropy + weight_decay w
        m <- momentum m + g,    w <- w - learning_rate m

    `weights` (replica, d) are where they start. Replica r follows the same bits whatever the number of replicas beside
    it and of threads, on one machine's CPU: two or more share one kernel, and a lone one gets a `companion`, a copy.
    """

    def __init__(
        self,
        network: Network,
        samples: Samples,
        sgd: Sgd,
        *,
        weights: Tensor,
        dtype: torch.dtype,
        workers: Workers,
        companion: bool = True,
    ) -> None:
        self._replicas = len(weights)
        self._alone = self._replicas == 1 and companion
        moved = weights.to(dtype=dtype, device=samples.labels.device)
        self._weights = (moved.expand(2, -1) if self._alone else moved).contiguous().clone()
        self._velocity = torch.zeros_like(self._weights) if sgd.momentum > 0 else None
        self._workers = workers

        def block(piece: slice) -> _Block:
            velocity = None if self._velocity is None else self._velocity[piece]
            return _Block(network, samples, sgd, self._weights[piece], velocity)

        whole = slice(0, len(self._weights))
        self._blocks = [block(whole)]
        useful = int(self._blocks[0].seconds_per_step() / _SECONDS_WORTH_A_THREAD) if workers.count > 1 else 1
        pieces = shares(len(self._weights), min(workers.count, useful))
        if len(pieces) > 1:
            self._blocks = [block(piece) for piece in pieces]

    @property
    def weights(self) -> Tensor:
        """Weights (replica, d), in place: they change with every step."""
        return self._weights[: self._replicas]

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything that the next steps depend on."""
        velocity = {} if self._velocity is None else {"velocity": _copied(self._velocity[: self._replicas])}
        return {"weights": _copied(self.weights), **velocity}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._weights.copy_(torch.from_numpy(state["weights"]))  # a lone replica's row fills both
        if self._velocity is not None:
            self._velocity.copy_(torch.from_numpy(state["velocity"]))

    def advance(self, minibatches: IndexSource, first: int, last: int) -> None:
        """Make the steps first, first + 1, ..., last - 1."""
        step = first
        while step < last:
            indices = minibatches.block(step, last - step)
            step += len(indices)
            if self._alone:
                indices = np.repeat(indices, 2, axis=1)
            jobs, at = [], 0
            for block in self._blocks:
                jobs.append((block, indices[:, at : at + len(block.weights)]))
                at += len(block.weights)
            self._workers.map(lambda job: job[0].advance(job[1]), jobs)


class _Block:
    """Replicas that one thread takes care of."""

    def __init__(self, network: Network, samples: Samples, sgd: Sgd, weights: Tensor, velocity: Tensor | None) -> None:
        self.weights = weights
        self._velocity = velocity
        self._parameters = network.parameters(weights)
        self._velocities = None if velocity is None else network.parameters(velocity)
        self._samples = samples
        self._sgd = sgd
        # as tensors, which torch multiplies by sooner than by Python's numbers
        self._momentum = weights.new_tensor(sgd.momentum)
        self._shrinkage = weights.new_tensor(1.0 - sgd.learning_rate * sgd.weight_decay)
        first = torch.zeros(len(weights) * sgd.batch_size, dtype=torch.int64, device=weights.device)
        ensemble = torch.func.vmap(cross_entropy.gradient(network))
        try:
            self._gradient = trace(ensemble, *self._parameters, *self._minibatch(first))
        except (RuntimeError, NotImplementedError) as error:
            told = " ".join(str(error).split())
            raise UserError(
                f"the network cannot be trained as an ensemble (torch.func.vmap of its gradient fails): {told}"
            ) from error

    def advance(self, indices: NDArray[np.int64]) -> None:
        """One step for every row of indices (steps, replica, B)."""
        rows = torch.from_numpy(np.ascontiguousarray(indices).reshape(len(indices), -1)).to(self.weights.device)
        weights, velocity = self.weights, self._velocity
        eta, decay, batch_size = self._sgd.learning_rate, self._sgd.weight_decay, self._sgd.batch_size
        for row in rows.unbind(0):
            # one tensor a parameter, summed over the minibatch: dividing by B is left to the update
            gradient = list(self._gradient(*self._parameters, *self._minibatch(row)))
            if velocity is None or self._velocities is None:
                if decay:
                    weights.mul_(self._shrinkage)
                torch._foreach_add_(self._parameters, gradient, alpha=-eta / batch_size)
            else:
                velocity.mul_(self._momentum)
                torch._foreach_add_(self._velocities, gradient, alpha=1.0 / batch_size)
                if decay:
                    velocity.add_(weights, alpha=decay)
                weights.add_(velocity, alpha=-eta)

    def seconds_per_step(self) -> float:
        """How long the gradient takes on one core: the quickest of a few."""
        row = torch.zeros(len(self.weights) * self._sgd.batch_size, dtype=torch.int64, device=self.weights.device)
        times = []
        with one_thread_each(), torch.inference_mode():
            for _ in range(5):
                began = time.perf_counter()
                self._gradient(*self._parameters, *self._minibatch(row))
                times.append(time.perf_counter() - began)
        return min(times)

    def _minibatch(self, row: Tensor) -> tuple[Tensor, Tensor]:
        inputs, labels = self._samples.inputs, self._samples.labels
        replicas = len(self.weights)
        x = torch.index_select(inputs, 0, row).view(replicas, -1, *inputs.shape[1:])
        return x, torch.index_select(labels, 0, row).view(replicas, -1)


def _copied(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy().copy()
    return array
