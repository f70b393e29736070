"""The `spiral` data set: points on the arms of a spiral, one arm a class."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import NonNegativeNumber, PositiveNumber, PositiveWholeNumber
from langevin_sgd.training.data.section import DataShape
from langevin_sgd.training.data.synthetic_section import Needs, SyntheticSection


class SpiralData(SyntheticSection):
    """x = t (cos a, sin a) + spread z with a = 2 pi (turns t + c/k): class c of k and t in [0, 1] uniform, z normal."""

    MAKE: ClassVar[str] = "langevin_sgd.training.data.synthetic_classes:spiral"
    name: Literal["spiral"]
    """Always `spiral`."""
    classes: Annotated[PositiveWholeNumber, Field(ge=2, le=10_000)] = 2
    """k, arms."""
    turns: PositiveNumber = 1.0
    """How often an arm goes around the origin."""
    spread: NonNegativeNumber = 0.02
    """Standard deviation of points off their arm."""

    def needs(self) -> Needs:
        """A class and a place on its arm, and where beside it."""
        return Needs(2, 2, 0)

    def shape(self) -> DataShape:
        """Points of the plane."""
        return DataShape(samples=self.samples, inputs=2, classes=self.classes)
