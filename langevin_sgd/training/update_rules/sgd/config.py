"""The `sgd` rule in a config."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Flag, Number
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.section import UpdateRuleSection


class SgdRule(UpdateRuleSection):
    """m <- momentum m + (1 - dampening) g, w <- w - learning_rate m, as torch.optim.SGD writes it.

    The momentum is that of the sgd, and g holds its weight decay. The first m is g itself. With `nesterov`
    w <- w - learning_rate (g + momentum m).
    """

    RULE: ClassVar[str] = "langevin_sgd.training.update_rules.sgd.step:SgdStep"
    FUSED: ClassVar[tuple[str, ...]] = ("learning_rate", "momentum", "weight_decay")
    LINEAR: ClassVar[bool] = True
    MOMENTUM: ClassVar[bool] = True
    kind: Literal["sgd"]
    """Always `sgd`."""
    dampening: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """What of a gradient does not go into the momentum, from the second step on."""
    nesterov: Flag = False
    """Nesterov's momentum; it takes momentum > 0 and no dampening."""

    def slots(self, sgd: Sgd) -> tuple[str, ...]:
        """The velocity m, if there is momentum."""
        return ("velocity",) if sgd.momentum > 0 else ()

    def heavy_ball(self, sgd: Sgd) -> bool:
        """Unless it is told otherwise."""
        return not (self.nesterov or self.dampening or self.clips()) and self.schedule.constant()

    def alike(self, sgd: Sgd) -> Hashable:
        """Whether there is momentum, and decay: steps without are others, rounded otherwise."""
        return sgd.momentum > 0, sgd.weight_decay > 0

    def problems(self, sgd: Sgd, *, rule: KeyPath, momentum: KeyPath) -> Faults:
        """Options of a momentum that is 0, and both at once."""
        yield from super().problems(sgd, rule=rule, momentum=momentum)
        if self.nesterov and self.dampening:
            yield (*rule, "dampening"), f"must be 0 with nesterov, got {self.dampening:g}"
        for option in ("nesterov", "dampening"):
            if getattr(self, option) and sgd.momentum == 0:
                yield (*rule, option), "changes nothing at momentum 0; give sgd.momentum > 0, or leave it out"
