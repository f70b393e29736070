"""The `function` loss in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.fields import Flag, ImportPath
from langevin_sgd.training.losses.section import LossSection


class FunctionLoss(LossSection):
    """A function of your own, of torch tensors: outputs (n, k) and targets of n samples -> the loss (n,) of each.

    Targets are numbers of classes (n,), or real numbers (n, t) in the type of the outputs. Derivatives are automatic.
    """

    LOSS: ClassVar[str] = "langevin_sgd.training.losses.function.functions:OfFunction"
    TARGETS: ClassVar[frozenset[str]] = frozenset({"classes", "real"})
    kind: Literal["function"]
    """Always `function`."""
    function: ImportPath
    """"module:attribute" of it. It must treat every sample by itself, and choose no operation by values."""
    accuracy: Flag = True
    """Whether the class with the largest output is the answer, so that an accuracy is recorded. Of classes."""

    def code(self) -> tuple[str, ...]:
        """The function."""
        return (self.function,)
