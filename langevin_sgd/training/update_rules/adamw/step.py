"""AdamW: the step."""

from __future__ import annotations

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.adam.step import Adam
from langevin_sgd.training.update_rules.adamw.config import AdamWRule, HeldAdamW
from langevin_sgd.training.update_rules.rule import Replicas
from langevin_sgd.training.update_rules.sgd.step import SgdStep


class AdamW(Adam):
    """w <- w - learning_rate decoupled_decay w, then the step of adam."""

    def __init__(self, section: AdamWRule, sgd: Sgd) -> None:
        super().__init__(section, sgd)
        self._decoupled = section.decoupled_decay

    def _shrink(self, replicas: Replicas) -> None:
        _shrink(replicas, self._decoupled)


class HeldStep(SgdStep):
    """w <- w - learning_rate decoupled_decay w, then the step of SGD."""

    def __init__(self, section: HeldAdamW, sgd: Sgd) -> None:
        super().__init__(section, sgd)
        self._decoupled = section.decoupled_decay

    def update(self, replicas: Replicas) -> None:
        """Make one step."""
        _shrink(replicas, self._decoupled)
        super().update(replicas)


def _shrink(replicas: Replicas, decay: float) -> None:
    shrinks = replicas.numbers.learning_rate * -decay
    replicas.weights.addcmul_(replicas.weights, shrinks.to(replicas.weights.dtype))
