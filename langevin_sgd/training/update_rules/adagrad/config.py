"""The `adagrad` rule in a config."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Literal

from langevin_sgd.config.fields import NonNegativeNumber, PositiveNumber
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.section import UpdateRuleSection


class AdagradRule(UpdateRuleSection):
    """w <- w - learning_rate g/(sqrt(s) + epsilon), s <- s + g^2, as torch.optim.Adagrad writes it.

    The sum s begins at `initial`, and g holds the weight decay of the sgd. Steps become shorter without end, so no
    state is stationary. (Duchi, Hazan and Singer, JMLR 12, 2011)
    """

    RULE: ClassVar[str] = "langevin_sgd.training.update_rules.adagrad.step:Adagrad"
    SLOTS: ClassVar[tuple[str, ...]] = ("sum_of_squares",)
    FUSED: ClassVar[tuple[str, ...]] = ("learning_rate", "weight_decay")
    kind: Literal["adagrad"]
    """Always `adagrad`."""
    initial: NonNegativeNumber = 0.0
    """What the sum of squares begins with; torch calls it initial_accumulator_value."""
    epsilon: PositiveNumber = 1e-10
    """Added to the root of the sum."""

    def uncompared(self, modes: int | None) -> str:
        """No state is stationary."""
        return "is trained by adagrad, whose steps become shorter without end: it has no stationary law"

    def alike(self, sgd: Sgd) -> Hashable:
        """Whether there is decay: steps without are others, rounded otherwise."""
        return sgd.weight_decay > 0
