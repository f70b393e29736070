"""The `diabetes` data set: progression of diabetes after a year in 442 patients, that scikit-learn comes with."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.section import DataSection, DataShape


class DiabetesData(DataSection):
    """Ten measurements of 442 patients, and a measure of how far diabetes has come a year later (Efron et al. 2004)."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_scikit_learn:diabetes"
    name: Literal["diabetes"]
    """Always `diabetes`."""

    def shape(self) -> DataShape:
        """442 samples of 10 inputs and one real target."""
        return DataShape(samples=442, inputs=10)

    def folder_problem(self) -> str | None:
        """It comes with scikit-learn."""
        return None if self.folder is None else "diabetes comes with scikit-learn and reads no folder; remove it"
