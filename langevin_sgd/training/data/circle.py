"""The `circle` data set: points inside and outside of a circle."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveNumber
from langevin_sgd.training.data.section import DataShape
from langevin_sgd.training.data.synthetic_section import Needs, SyntheticSection


class CircleData(SyntheticSection):
    """x uniform in [-1, 1]^2, of class 1 where |x| < r and of class 0 elsewhere."""

    MAKE: ClassVar[str] = "langevin_sgd.training.data.synthetic_classes:circle"
    name: Literal["circle"]
    """Always `circle`."""
    radius: Annotated[PositiveNumber, Field(lt=1.4)] = 0.7978845608028654
    """r; sqrt(2/pi) = 0.798 gives both classes the same number of points on average."""

    def needs(self) -> Needs:
        """A point."""
        return Needs(2, 0, 0)

    def shape(self) -> DataShape:
        """Points of the plane in two classes."""
        return DataShape(samples=self.samples, inputs=2, classes=2)
