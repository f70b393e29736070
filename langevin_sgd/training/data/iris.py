"""The `iris` data set: 150 flowers of three species, that scikit-learn comes with."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.measurements import Measurements
from langevin_sgd.training.data.section import DataShape


class IrisData(Measurements):
    """Four lengths of 150 flowers of three species of iris (Fisher 1936)."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_scikit_learn:iris"
    name: Literal["iris"]
    """Always `iris`."""

    def shape(self) -> DataShape:
        """150 samples of four inputs in three classes."""
        return DataShape(samples=150, inputs=4, classes=3)
