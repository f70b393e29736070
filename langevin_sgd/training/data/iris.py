"""The `iris` data set: 150 flowers of three species, that scikit-learn comes with."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.section import DataSection, DataShape


class IrisData(DataSection):
    """Four lengths of 150 flowers of three species of iris (Fisher 1936)."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_scikit_learn:iris"
    name: Literal["iris"]
    """Always `iris`."""

    def shape(self) -> DataShape:
        """150 samples of four inputs in three classes."""
        return DataShape(samples=150, inputs=4, classes=3)

    def folder_problem(self) -> str | None:
        """It comes with scikit-learn."""
        return None if self.folder is None else "iris comes with scikit-learn and reads no folder; remove it"
