"""Heavy-ball SGD: the step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule
from langevin_sgd.training.update_rules.section import UpdateRuleSection


@dataclass(frozen=True)
class _Factors:
    """What every replica multiplies by: columns (replica, 1), each rounded once to the precision of the weights."""

    momentum: Tensor
    decay: Tensor
    shrinks: Tensor
    moves: Tensor
    moves_by_sum: list[Tensor]

    @classmethod
    def of(cls, replicas: Replicas) -> _Factors:
        numbers, like = replicas.numbers, replicas.weights
        eta = numbers.learning_rate
        return cls(
            momentum=replicas.momentum,
            decay=replicas.weight_decay,
            shrinks=(-eta * numbers.weight_decay).to(like.dtype),
            moves=(-eta).to(like.dtype),
            moves_by_sum=replicas.a_parameter((-eta / replicas.batch_size).to(like.dtype)),
        )


class HeavyBall(UpdateRule):
    """m <- momentum m + g + weight_decay w, w <- w - learning_rate m; without momentum the step alone.

    Each replica has numbers of its own, but either all have momentum or none, and so it is with decay.
    """

    def __init__(self, section: UpdateRuleSection, sgd: Sgd) -> None:
        self._has_momentum, self._decays = sgd.momentum > 0, sgd.weight_decay > 0

    def update(self, replicas: Replicas) -> None:
        """Make one step; the mean over the minibatch is taken in it."""
        factors = replicas.once(_Factors.of)
        if not self._has_momentum:
            if self._decays:
                # not w (1 - eta decay): in float32 that factor is rounded once and for all, to 1 if the decay is weak
                replicas.weights.addcmul_(replicas.weights, factors.shrinks)
            torch._foreach_addcmul_(replicas.parameters, replicas.summed, factors.moves_by_sum)
            return
        velocity = replicas.slots["velocity"]
        velocity.mul_(factors.momentum)
        torch._foreach_add_(replicas.slot_parameters["velocity"], replicas.summed, alpha=1.0 / replicas.batch_size)
        if self._decays:
            velocity.addcmul_(replicas.weights, factors.decay)
        replicas.weights.addcmul_(velocity, factors.moves)
