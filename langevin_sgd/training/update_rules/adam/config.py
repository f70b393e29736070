"""The `adam` rule in a config."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import Number, PositiveNumber
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.update_rules.section import UpdateRuleSection
from langevin_sgd.training.update_rules.sgd.config import SgdRule

Smoothing = Annotated[Number, Field(ge=0, lt=1)]


class Adaptive(UpdateRuleSection):
    """What adam and adamw have in common."""

    SLOTS: ClassVar[tuple[str, ...]] = ("mean", "mean_square")
    FUSED: ClassVar[tuple[str, ...]] = ("learning_rate", "weight_decay")
    beta_1: Smoothing = 0.9
    """What is left of the mean gradient from step to step: its momentum. That of the sgd must be 0."""
    beta_2: Smoothing = 0.999
    """The same of the mean square."""
    epsilon: PositiveNumber = 1e-8
    """Added to the root of the mean square."""

    def alike(self, sgd: Sgd) -> Hashable:
        """Whether there is decay: steps without are others, rounded otherwise."""
        return sgd.weight_decay > 0


class AdamRule(Adaptive):
    """w <- w - learning_rate M/(sqrt(V) + epsilon) with the means M of g and V of g^2, as torch.optim.Adam writes it.

    m <- beta_1 m + (1 - beta_1) g, v <- beta_2 v + (1 - beta_2) g^2, M = m/(1 - beta_1^n) and V = v/(1 - beta_2^n) at
    the n-th step; g holds the weight decay of the sgd. (Kingma and Ba, ICLR 2015)
    """

    RULE: ClassVar[str] = "langevin_sgd.training.update_rules.adam.step:Adam"
    PRECONDITIONER: ClassVar[bool] = True
    kind: Literal["adam"]
    """Always `adam`."""

    def held(self, sgd: Sgd) -> tuple[UpdateRuleSection, Sgd]:
        """With M and V as they are late, SGD of momentum and dampening beta_1."""
        left = sgd.model_copy(update={"momentum": self.beta_1, "weight_decay": 0.0})
        return SgdRule(kind="sgd", dampening=self.beta_1), left
