"""The `breast_cancer` data set: 569 tumours of two classes, that scikit-learn comes with."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.measurements import Measurements
from langevin_sgd.training.data.section import DataShape


class BreastCancerData(Measurements):
    """Thirty measurements of cell nuclei in 569 tumours, malignant or benign (Street, Wolberg and Mangasarian 1993)."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_scikit_learn:breast_cancer"
    name: Literal["breast_cancer"]
    """Always `breast_cancer`."""

    def shape(self) -> DataShape:
        """569 samples of 30 inputs in two classes."""
        return DataShape(samples=569, inputs=30, classes=2)
