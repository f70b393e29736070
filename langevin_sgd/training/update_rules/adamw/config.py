"""The `adamw` rule in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.fields import NonNegativeNumber
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.adam.config import Adaptive
from langevin_sgd.training.update_rules.section import UpdateRuleSection
from langevin_sgd.training.update_rules.sgd.config import SgdRule


class AdamWRule(Adaptive):
    """adam after w <- w - learning_rate decoupled_decay w, as torch.optim.AdamW writes it.

    That decay is no part of the energy; the weight decay of the sgd is, and comes in g if it is given too. (Loshchilov
    and Hutter, ICLR 2019)
    """

    RULE: ClassVar[str] = "langevin_sgd.training.update_rules.adamw.step:AdamW"
    PRECONDITIONER: ClassVar[bool] = True
    kind: Literal["adamw"]
    """Always `adamw`."""
    decoupled_decay: NonNegativeNumber = 0.01
    """How fast weights shrink, whatever the gradient; torch calls it weight_decay."""

    def held(self, sgd: Sgd) -> tuple[UpdateRuleSection, Sgd]:
        """That of adam, whose weights shrink besides: the preconditioner does not reach the decay."""
        left = sgd.model_copy(update={"momentum": self.beta_1, "weight_decay": 0.0})
        return HeldAdamW(kind="sgd", dampening=self.beta_1, decoupled_decay=self.decoupled_decay), left


class HeldAdamW(SgdRule):
    """w <- w - learning_rate decoupled_decay w, then SGD: adamw with its preconditioner held, in no config."""

    RULE: ClassVar[str] = "langevin_sgd.training.update_rules.adamw.step:HeldStep"
    decoupled_decay: NonNegativeNumber
    """That of adamw."""
