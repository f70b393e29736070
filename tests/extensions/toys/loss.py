"""A loss: the squared distance of the outputs from one-hot targets."""

from typing import ClassVar

from torch import Tensor

from langevin_sgd.training.losses.loss import Loss, one_hot
from langevin_sgd.training.losses.section import LossSection


class Squared(LossSection):
    """|z - one_hot(target)|^2/2 of every sample."""

    LOSS: ClassVar[str] = f"{__name__}:SquaredDistance"


class SquaredDistance(Loss):
    """Its function; the gradient follows."""

    def __init__(self, section: Squared) -> None:
        pass

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(n,) of outputs (n, classes) and targets (n,)."""
        return ((outputs - one_hot(targets, outputs)) ** 2).sum(1) / 2
