"""Adagrad: the step."""

from __future__ import annotations

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.adagrad.config import AdagradRule
from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule


class Adagrad(UpdateRule):
    """w <- w - learning_rate g/(sqrt(initial + s) + epsilon), with the sum s of g^2 over all steps, this one included.

    Each replica has numbers of its own, but either all have decay or none.
    """

    def __init__(self, section: AdagradRule, sgd: Sgd) -> None:
        self._initial, self._epsilon = section.initial, section.epsilon
        self._decays = sgd.weight_decay > 0

    def update(self, replicas: Replicas) -> None:
        """Make one step."""
        gradient = replicas.gradient()
        if self._decays:
            gradient.addcmul_(replicas.weights, replicas.weight_decay)
        summed = replicas.slots["sum_of_squares"].addcmul_(gradient, gradient)
        root = (summed + self._initial).sqrt_().add_(self._epsilon)
        replicas.weights.addcmul_(gradient.div_(root), replicas.learning_rate, value=-1.0)
