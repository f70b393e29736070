"""What is summed over every step of an ensemble while it steps: the squares of its steps, parameter by parameter.

With heavy-ball SGD, m <- mu m + g and w <- w - eta m, g the gradient of the step's own minibatch with weight decay; the
square of a step is |m|^2, without momentum |g|^2. Nothing else sees every step: probes look at a few.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from langevin_sgd.training.step_sums_kernel import add_squares
from langevin_sgd.training.update_rules.rule import Replicas


class StepSums:
    """Sums over steps of |m|^2 for some replicas, `sums` (replica, parameter) in float64, added to in place.

    The squares of one step are summed in the precision of the weights. Weights, slots and gradients are read and left
    as they are. The rule is heavy-ball SGD, as its section says by `heavy_ball`: what it remembers, if anything, is m.
    """

    def __init__(self, replicas: Replicas, sums: Tensor) -> None:
        sizes = [part[0].numel() for part in replicas.parameters]
        self._parts = [(end - size, size) for end, size in zip(np.cumsum(sizes).tolist(), sizes, strict=True)]
        velocities = list(replicas.slots.values())
        self._velocity = velocities[0] if velocities else None
        self._scale = 1.0 / replicas.batch_size**2
        # gradients are summed over the minibatch, and B times the decay goes with them; m has it already
        decay = replicas.weight_decay[:, 0] * (0 if velocities else replicas.batch_size)
        adds = _OnCpu if sums.device.type == "cpu" else _OnDevice
        self._add = adds(replicas.weights, decay, sums).add

    def before(self, summed: list[Tensor]) -> None:
        """Before a step of which this is the gradient, one tensor a parameter, summed over the minibatch."""
        if self._velocity is None:
            for column, (part, (place, size)) in enumerate(zip(summed, self._parts, strict=True)):
                self._add(part.reshape(len(part), -1).contiguous(), 0, place, size, self._scale, column)

    def after(self) -> None:
        """After the step."""
        if self._velocity is not None:
            for column, (place, size) in enumerate(self._parts):
                self._add(self._velocity, place, place, size, 1.0, column)


class _OnCpu:
    """Adds scale |v + decay w|^2 to a column of the sums, for `count` entries of every replica.

    v begins at column `first` of `values` (replica, ...), w at column `place` of the weights.
    """

    def __init__(self, weights: Tensor, decay: Tensor, sums: Tensor) -> None:
        self._function, self._bytes = add_squares(weights.dtype), weights.element_size()
        self._held = weights, decay.contiguous(), sums  # whose addresses these are
        self._weights, self._decay, self._sums = (each.data_ptr() for each in self._held)
        self._rows, self._weights_step, self._sums_step = len(weights), weights.stride(0), sums.stride(0)

    def add(self, values: Tensor, first: int, place: int, count: int, scale: float, column: int) -> None:
        v, w = values.data_ptr() + first * self._bytes, self._weights + place * self._bytes
        told = (v, values.stride(0), w, self._weights_step, self._decay, self._rows, count, scale)
        self._function(*told, self._sums + column * self._held[2].element_size(), self._sums_step)


class _OnDevice:
    """The same by torch."""

    def __init__(self, weights: Tensor, decay: Tensor, sums: Tensor) -> None:
        self._weights, self._sums = weights, sums
        self._decay = decay[:, None] if bool((decay > 0).any()) else None

    def add(self, values: Tensor, first: int, place: int, count: int, scale: float, column: int) -> None:
        own = values[:, first : first + count]
        if self._decay is not None:
            own = torch.addcmul(own, self._weights[:, place : place + count], self._decay)
        square = torch.linalg.vector_norm(own, dim=1).to(torch.float64).square_()
        self._sums[:, column].add_(square, alpha=scale)
