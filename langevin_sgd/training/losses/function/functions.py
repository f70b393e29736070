"""A loss by a function of the user's own."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from langevin_sgd import import_path
from langevin_sgd.training.losses.function.config import FunctionLoss
from langevin_sgd.training.losses.loss import Loss


class OfFunction(Loss):
    """What the function returns; see `Loss` for what it must keep to."""

    def __init__(self, section: FunctionLoss) -> None:
        """Raises `UserError` if there is no such function."""
        self._function: Callable[[Tensor, Tensor], Tensor] = import_path.load(section.function)
        self.has_accuracy = section.accuracy

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample (n,)."""
        return self._function(outputs, targets)
