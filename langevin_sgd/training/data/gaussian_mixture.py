"""The `gaussian_mixture` data set: clouds of points, one a class."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import NonNegativeNumber, PositiveWholeNumber
from langevin_sgd.training.data.section import DataShape
from langevin_sgd.training.data.synthetic_section import Inputs, Needs, SyntheticSection


class GaussianMixtureData(SyntheticSection):
    """x = s m_c + z: class c uniform, z standard normal, and centres m_c with entries of variance 1/d, fixed."""

    MAKE: ClassVar[str] = "langevin_sgd.training.data.synthetic_classes:gaussian_mixture"
    name: Literal["gaussian_mixture"]
    """Always `gaussian_mixture`."""
    inputs: Inputs = 10
    """d, numbers of a sample."""
    classes: Annotated[PositiveWholeNumber, Field(ge=2, le=10_000)] = 2
    """Clouds."""
    separation: NonNegativeNumber = 3.0
    """s: two centres are about s sqrt(2) apart, and a cloud has a standard deviation of 1 in every direction."""

    def needs(self) -> Needs:
        """A class, a point, and the centres."""
        return Needs(1, self.inputs, self.classes * self.inputs)

    def shape(self) -> DataShape:
        """As the keys say."""
        return DataShape(samples=self.samples, inputs=self.inputs, classes=self.classes)
