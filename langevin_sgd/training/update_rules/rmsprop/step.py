"""RMSprop: the step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.rmsprop.config import RmspropRule
from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule


class Rmsprop(UpdateRule):
    """m <- momentum m + g/(sqrt(v) + epsilon), w <- w - learning_rate m, with the mean v of g^2 or its variance.

    Each replica has numbers of its own, but either all have momentum or none, and so it is with decay.
    """

    def __init__(self, section: RmspropRule, sgd: Sgd) -> None:
        self._smoothing, self._epsilon, self._centered = section.smoothing, section.epsilon, section.centered
        self._has_momentum, self._decays = sgd.momentum > 0, sgd.weight_decay > 0

    def update(self, replicas: Replicas) -> None:
        """Make one step."""
        gradient, slots = replicas.gradient(), replicas.slots
        if self._decays:
            gradient.addcmul_(replicas.weights, replicas.weight_decay)
        new = 1.0 - self._smoothing
        slots["mean_square"].mul_(self._smoothing).addcmul_(gradient, gradient, value=new)
        if self._centered:
            slots["mean"].mul_(self._smoothing).add_(gradient, alpha=new)
        step = gradient.div_(self._root(slots))
        if self._has_momentum:
            step = slots["velocity"].mul_(replicas.momentum).add_(step)
        replicas.weights.addcmul_(step, replicas.learning_rate, value=-1.0)

    def preconditioner(self, slots: Mapping[str, Tensor], steps: int) -> Tensor:
        """1/(sqrt(v) + epsilon)."""
        return self._root(slots).reciprocal_()

    def _root(self, slots: Mapping[str, Tensor]) -> Tensor:
        square = slots["mean_square"]
        if self._centered:
            # of gradients that are all alike rounding could leave less than nothing
            square = square.addcmul(slots["mean"], slots["mean"], value=-1.0).clamp_(min=0.0)
        return square.sqrt().add_(self._epsilon)
