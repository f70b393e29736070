"""AdamW: the step."""

from __future__ import annotations

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.adam.step import Adam
from langevin_sgd.training.update_rules.adamw.config import AdamWRule
from langevin_sgd.training.update_rules.rule import Replicas


class AdamW(Adam):
    """w <- w - learning_rate decoupled_decay w, then the step of adam."""

    def __init__(self, section: AdamWRule, sgd: Sgd) -> None:
        super().__init__(section, sgd)
        self._decoupled = section.decoupled_decay

    def _shrink(self, replicas: Replicas) -> None:
        shrinks = replicas.numbers.learning_rate * -self._decoupled
        replicas.weights.addcmul_(replicas.weights, shrinks.to(replicas.weights.dtype))
