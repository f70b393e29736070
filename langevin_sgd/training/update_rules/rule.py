"""What an update rule does: one step of all replicas, in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from langevin_sgd.config.sgd import Sgd

Made = TypeVar("Made")


@dataclass(frozen=True)
class Numbers:
    """The numbers of the sgd that may be others in every replica: columns (replica, 1), in float64."""

    learning_rate: Tensor
    momentum: Tensor
    weight_decay: Tensor

    @classmethod
    def of(cls, sgds: Sequence[Sgd], device: torch.device) -> Numbers:
        """Those of an sgd a replica."""

        def column(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float64, device=device)[:, None]

        return cls(
            column([sgd.learning_rate for sgd in sgds]),
            column([sgd.momentum for sgd in sgds]),
            column([sgd.weight_decay for sgd in sgds]),
        )

    def part(self, piece: slice) -> Numbers:
        """Those of some of the replicas."""
        return Numbers(self.learning_rate[piece], self.momentum[piece], self.weight_decay[piece])


class Replicas:
    """Some replicas at one step, as a rule finds them and moves them: everything is a view, to be changed in place.

    `weights` (replica, d) and each of `slots` are what the rule may change; `step` counts from 0. `summed` is the
    gradient of the loss, without weight decay, summed over the minibatch of `batch_size`: one tensor a parameter, as
    `parameters` and `slot_parameters` are of the weights and of the slots. `learning_rate`, `momentum` and
    `weight_decay` are columns (replica, 1) like the weights, since replicas of several points of a scan may be moved
    at once; `numbers` are the same in float64.
    """

    def __init__(
        self,
        weights: Tensor,
        parameters: Sequence[Tensor],
        slots: Mapping[str, Tensor],
        slot_parameters: Mapping[str, Sequence[Tensor]],
        *,
        batch_size: int,
        numbers: Numbers,
    ) -> None:
        self.weights, self.parameters = weights, list(parameters)
        self.slots, self.slot_parameters = dict(slots), {name: list(each) for name, each in slot_parameters.items()}
        self.batch_size, self.numbers, self._given, self._factor = batch_size, numbers, numbers, 1.0
        self.learning_rate, self.momentum, self.weight_decay = (
            column.to(weights.dtype) for column in (numbers.learning_rate, numbers.momentum, numbers.weight_decay)
        )
        self.step = 0
        self.summed: list[Tensor] = []
        self._numbers: dict[float, Tensor] = {}
        self._made: dict[Any, Any] = {}

    def gradient(self) -> Tensor:
        """The mean gradient over the minibatch (replica, d), without weight decay: a tensor of its own."""
        flat = [part.reshape(len(self.weights), -1) for part in self.summed]
        return torch.cat(flat, dim=1).div_(self.batch_size)

    def replace_gradient(self, mean: Tensor) -> None:
        """Let the mean gradient over the minibatch be another, (replica, d)."""
        summed = mean * self.batch_size
        sizes = [each[0].numel() for each in self.parameters]
        parts = torch.split(summed, sizes, dim=1)
        self.summed = [part.view_as(each) for part, each in zip(parts, self.parameters, strict=True)]

    def at_rate(self, factor: float) -> None:
        """Let the learning rates be `factor` times those that were given, from now on."""
        if factor == self._factor:
            return
        self._factor = factor
        self.numbers = replace(self._given, learning_rate=self._given.learning_rate * factor)
        self.learning_rate = self.numbers.learning_rate.to(self.weights.dtype)
        self._made.clear()

    def number(self, value: float) -> Tensor:
        """A number as a tensor, which torch multiplies by sooner than by Python's."""
        if value not in self._numbers:
            self._numbers[value] = self.weights.new_tensor(value)
        return self._numbers[value]

    def once(self, make: Callable[[Replicas], Made]) -> Made:
        """`make(self)`, made at the first step that asks for it: what is the same at every step.

        Where a schedule changes the learning rate it is made again.
        """
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    def a_parameter(self, column: Tensor) -> list[Tensor]:
        """A column (replica, 1) once a parameter, in a shape that multiplies it."""
        return [column.view(len(column), *(1 for _ in each.shape[1:])) for each in self.parameters]


class UpdateRule:
    """The base of all rules. What it remembers lies in the slots, and nowhere else: then a training goes on to the same
    bits after an interruption, on any number of threads, and with any number of replicas beside one.

    Numbers that change with time follow from `step`. Each replica is moved by its own row alone, by the numbers of the
    sgd that the rule was built with or, of those that its section names in FUSED, by the row's own.
    """

    def update(self, replicas: Replicas) -> None:
        """Make one step."""
        raise NotImplementedError

    def preconditioner(self, slots: Mapping[str, Tensor], steps: int) -> Tensor:
        """D (replica, d), what it multiplies gradients by after `steps` steps, from what it remembers then.

        Asked of a rule whose section says by `held` what is left of it where D does not change.
        """
        raise NotImplementedError
