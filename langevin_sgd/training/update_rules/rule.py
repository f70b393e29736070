"""What an update rule does: one step of all replicas, in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class Replicas:
    """Some replicas at one step, as a rule finds them and moves them: everything is a view, to be changed in place.

    `weights` (replica, d) and each of `slots` are what the rule may change; `step` counts from 0. `summed` is the
    gradient of the loss, without weight decay, summed over the minibatch of `batch_size`: one tensor a parameter, as
    `parameters` and `slot_parameters` are of the weights and of the slots.
    """

    def __init__(
        self,
        weights: Tensor,
        parameters: Sequence[Tensor],
        slots: Mapping[str, Tensor],
        slot_parameters: Mapping[str, Sequence[Tensor]],
        *,
        batch_size: int,
    ) -> None:
        self.weights, self.parameters = weights, list(parameters)
        self.slots, self.slot_parameters = dict(slots), {name: list(each) for name, each in slot_parameters.items()}
        self.batch_size = batch_size
        self.step = 0
        self.summed: list[Tensor] = []
        self._numbers: dict[float, Tensor] = {}

    def gradient(self) -> Tensor:
        """The mean gradient over the minibatch (replica, d), without weight decay: a tensor of its own."""
        flat = [part.reshape(len(self.weights), -1) for part in self.summed]
        return torch.cat(flat, dim=1).div_(self.batch_size)

    def number(self, value: float) -> Tensor:
        """A number as a tensor, which torch multiplies by sooner than by Python's."""
        if value not in self._numbers:
            self._numbers[value] = self.weights.new_tensor(value)
        return self._numbers[value]


class UpdateRule:
    """The base of all rules. What it remembers lies in the slots, and nowhere else: then a training goes on to the same
    bits after an interruption, on any number of threads, and with any number of replicas beside one.

    Numbers that change with time follow from `step`. Each replica is moved by its own row alone.
    """

    def update(self, replicas: Replicas) -> None:
        """Make one step."""
        raise NotImplementedError
