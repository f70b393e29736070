"""The `cross_entropy` loss in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import Number
from langevin_sgd.training.losses.section import LossSection


class CrossEntropyLoss(LossSection):
    """Minus the logarithm of the probability that the softmax of the outputs gives to the true class."""

    LOSS: ClassVar[str] = "langevin_sgd.training.losses.cross_entropy.functions:CrossEntropy"
    kind: Literal["cross_entropy"]
    """Always `cross_entropy`."""
    label_smoothing: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Share e of the target spread over all K classes: 1 - e + e/K for the true one, e/K for each of the others."""
