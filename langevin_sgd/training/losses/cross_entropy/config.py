"""The `cross_entropy` loss in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.losses.section import LossSection


class CrossEntropyLoss(LossSection):
    """Minus the logarithm of the probability that the softmax of the outputs gives to the true class."""

    LOSS: ClassVar[str] = "langevin_sgd.training.losses.cross_entropy.functions:CrossEntropy"
    kind: Literal["cross_entropy"]
    """Always `cross_entropy`."""
