"""The `wine` data set: 178 wines of three growers, that scikit-learn comes with."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.measurements import Measurements
from langevin_sgd.training.data.section import DataShape


class WineData(Measurements):
    """Thirteen chemical measurements of 178 wines of three growers (Forina et al. 1991)."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_scikit_learn:wine"
    name: Literal["wine"]
    """Always `wine`."""

    def shape(self) -> DataShape:
        """178 samples of 13 inputs in three classes."""
        return DataShape(samples=178, inputs=13, classes=3)
