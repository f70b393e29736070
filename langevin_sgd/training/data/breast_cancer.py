"""The `breast_cancer` data set: 569 tumours of two classes, that scikit-learn comes with."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.section import DataSection, DataShape


class BreastCancerData(DataSection):
    """Thirty measurements of cell nuclei in 569 tumours, malignant or benign (Street, Wolberg and Mangasarian 1993)."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_scikit_learn:breast_cancer"
    name: Literal["breast_cancer"]
    """Always `breast_cancer`."""

    def shape(self) -> DataShape:
        """569 samples of 30 inputs in two classes."""
        return DataShape(samples=569, inputs=30, classes=2)

    def folder_problem(self) -> str | None:
        """It comes with scikit-learn."""
        return None if self.folder is None else "breast_cancer comes with scikit-learn and reads no folder; remove it"
