"""The `rmsprop` rule in a config."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Literal

from langevin_sgd.config.fields import Flag, PositiveNumber
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.adam.config import Smoothing
from langevin_sgd.training.update_rules.section import UpdateRuleSection
from langevin_sgd.training.update_rules.sgd.config import SgdRule


class RmspropRule(UpdateRuleSection):
    """m <- momentum m + g/(sqrt(v) + epsilon), w <- w - learning_rate m, as torch.optim.RMSprop writes it.

    v <- smoothing v + (1 - smoothing) g^2; with `centered` the square of the mean gradient, smoothed alike, is taken
    from it. The momentum is that of the sgd, and g holds its weight decay. (Tieleman and Hinton 2012)
    """

    RULE: ClassVar[str] = "langevin_sgd.training.update_rules.rmsprop.step:Rmsprop"
    FUSED: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum", "weight_decay")
    MOMENTUM: ClassVar[bool] = True
    PRECONDITIONER: ClassVar[bool] = True
    kind: Literal["rmsprop"]
    """Always `rmsprop`."""
    smoothing: Smoothing = 0.99
    """What is left of the mean square from step to step; torch calls it alpha."""
    epsilon: PositiveNumber = 1e-8
    """Added to the root of the mean square."""
    centered: Flag = False
    """Whether the variance of the gradient takes the place of its mean square."""

    def slots(self, sgd: Sgd) -> tuple[str, ...]:
        """The mean square, the mean if it is `centered`, and the velocity m if there is momentum."""
        return (
            "mean_square",
            *(("mean",) if self.centered else ()),
            *(("velocity",) if sgd.momentum > 0 else ()),
        )

    def held(self, sgd: Sgd) -> tuple[UpdateRuleSection, Sgd]:
        """SGD of the same momentum."""
        return SgdRule(kind="sgd"), sgd.model_copy(update={"weight_decay": 0.0})

    def alike(self, sgd: Sgd) -> Hashable:
        """Whether there is momentum, and decay: steps without are others, rounded otherwise."""
        return sgd.momentum > 0, sgd.weight_decay > 0
