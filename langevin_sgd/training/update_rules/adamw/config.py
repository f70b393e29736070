"""The `adamw` rule in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.fields import NonNegativeNumber
from langevin_sgd.training.update_rules.adam.config import Adaptive


class AdamWRule(Adaptive):
    """adam after w <- w - learning_rate decoupled_decay w, as torch.optim.AdamW writes it.

    That decay is no part of the energy; the weight decay of the sgd is, and comes in g if it is given too. (Loshchilov
    and Hutter, ICLR 2019)
    """

    RULE: ClassVar[str] = "langevin_sgd.training.update_rules.adamw.step:AdamW"
    kind: Literal["adamw"]
    """Always `adamw`."""
    decoupled_decay: NonNegativeNumber = 0.01
    """How fast weights shrink, whatever the gradient; torch calls it weight_decay."""
