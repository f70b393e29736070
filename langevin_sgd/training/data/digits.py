"""The `digits` data set: the 1797 images of 8 x 8 pixels that scikit-learn comes with."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.data.section import DataSection, DataShape, Image


class DigitsData(DataSection):
    """Handwritten digits (Alpaydin and Kaynak 1998), scaled to [0, 1]: real data, no download."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_scikit_learn:digits"
    name: Literal["digits"] = "digits"
    """Always `digits`."""

    def shape(self) -> DataShape:
        """1797 samples of 64 inputs in ten classes."""
        return DataShape(samples=1797, inputs=64, classes=10)

    def image(self) -> Image:
        """8 x 8 pixels of one channel."""
        return (1, 8, 8)

    def folder_problem(self) -> str | None:
        """It comes with scikit-learn."""
        return None if self.folder is None else "digits comes with scikit-learn and reads no folder; remove it"
