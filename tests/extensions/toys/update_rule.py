"""An update rule: steps of one length, in the direction of each gradient's sign."""

from typing import ClassVar

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.rule import Replicas, UpdateRule
from langevin_sgd.training.update_rules.section import UpdateRuleSection


class Signs(UpdateRuleSection):
    """w <- w - eta sign(g), and a count of the steps."""

    SLOTS: ClassVar[tuple[str, ...]] = ("steps",)

    def build(self, sgd: Sgd) -> "SignStep":
        """What makes the steps."""
        return SignStep(sgd.learning_rate)


class SignStep(UpdateRule):
    """One step."""

    def __init__(self, eta: float) -> None:
        self._eta = eta

    def update(self, replicas: Replicas) -> None:
        """Move all replicas."""
        replicas.weights.add_(replicas.gradient().sign(), alpha=-self._eta)
        replicas.slots["steps"].add_(1.0)
