"""The `diabetes` data set: progression of diabetes after a year in 442 patients, that scikit-learn comes with."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.fields import Flag
from langevin_sgd.training.data.measurements import Measurements
from langevin_sgd.training.data.section import DataShape


class DiabetesData(Measurements):
    """Ten measurements of 442 patients, and a measure of how far diabetes has come a year later (Efron et al. 2004)."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_scikit_learn:diabetes"
    name: Literal["diabetes"]
    """Always `diabetes`."""
    standardise_targets: Flag = True
    """Shift and scale the target to mean 0 and variance 1 over the training set, so that the loss of who knows nothing
    is 1/2. Default: true."""

    def shape(self) -> DataShape:
        """442 samples of 10 inputs and one real target."""
        return DataShape(samples=442, inputs=10)
