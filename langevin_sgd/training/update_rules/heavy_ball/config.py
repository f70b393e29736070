"""The `heavy_ball` rule in a config."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Literal

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.section import UpdateRuleSection


class HeavyBallRule(UpdateRuleSection):
    """m <- momentum m + g, w <- w - learning_rate m, as torch.optim.SGD writes it, with the momentum of the sgd."""

    RULE: ClassVar[str] = "langevin_sgd.training.update_rules.heavy_ball.step:HeavyBall"
    OWN_LAW: ClassVar[bool] = True
    FUSED: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum", "weight_decay")
    kind: Literal["heavy_ball"]
    """Always `heavy_ball`."""

    def slots(self, sgd: Sgd) -> tuple[str, ...]:
        """The velocity m, if there is momentum."""
        return ("velocity",) if sgd.momentum > 0 else ()

    def alike(self, sgd: Sgd) -> Hashable:
        """Whether there is momentum, and decay: steps without are others, rounded otherwise."""
        return sgd.momentum > 0, sgd.weight_decay > 0

    def problem(self, sgd: Sgd) -> str | None:
        """It takes any momentum."""
        return None
