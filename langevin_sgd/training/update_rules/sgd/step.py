"""Heavy-ball SGD and its variants: the step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule
from langevin_sgd.training.update_rules.sgd.config import SgdRule


@dataclass(frozen=True)
class _Factors:
    """What every replica multiplies by: columns (replica, 1), each rounded once to the precision of the weights."""

    momentum: Tensor
    decay: Tensor
    shrinks: Tensor
    moves: Tensor
    looks_ahead: Tensor
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
            looks_ahead=(-eta * numbers.momentum).to(like.dtype),
            moves_by_sum=replicas.a_parameter((-eta / replicas.batch_size).to(like.dtype)),
        )


class SgdStep(UpdateRule):
    """m <- momentum m + (1 - dampening) (g + weight_decay w), w <- w - learning_rate m; without momentum g alone.

    With Nesterov's momentum w <- w - learning_rate (g + weight_decay w + momentum m). Each replica has numbers of its
    own, but either all have momentum or none, and so it is with decay.
    """

    def __init__(self, section: SgdRule, sgd: Sgd) -> None:
        self._has_momentum, self._decays = sgd.momentum > 0, sgd.weight_decay > 0
        self._share, self._nesterov = 1.0 - section.dampening, section.nesterov

    def update(self, replicas: Replicas) -> None:
        """Make one step; the mean over the minibatch is taken in it."""
        factors = replicas.once(_Factors.of)
        if not self._has_momentum:
            self._descend(replicas, factors)
            return
        velocity = replicas.slots["velocity"]
        share = self._share if replicas.step > 0 else 1.0  # the first velocity is the gradient, as in torch
        velocity.mul_(factors.momentum)
        torch._foreach_add_(replicas.slot_parameters["velocity"], replicas.summed, alpha=share / replicas.batch_size)
        if self._decays:
            velocity.addcmul_(replicas.weights, factors.decay, value=share)
        if self._nesterov:
            self._descend(replicas, factors)
            replicas.weights.addcmul_(velocity, factors.looks_ahead)
        else:
            replicas.weights.addcmul_(velocity, factors.moves)

    def _descend(self, replicas: Replicas, factors: _Factors) -> None:
        """w <- w - learning_rate (g + weight_decay w)."""
        if self._decays:
            # not w (1 - eta decay): in float32 that factor is rounded once and for all, to 1 if the decay is weak
            replicas.weights.addcmul_(replicas.weights, factors.shrinks)
        torch._foreach_addcmul_(replicas.parameters, replicas.summed, factors.moves_by_sum)
