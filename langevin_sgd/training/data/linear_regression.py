"""The `linear_regression` data set: normal inputs, and targets that are linear in them."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.fields import NonNegativeNumber
from langevin_sgd.training.data.section import DataShape
from langevin_sgd.training.data.synthetic_section import Inputs, Needs, SyntheticSection


class LinearRegressionData(SyntheticSection):
    """y = w x + noise: x_i normal with variance i^(-decay), i = 1 ... d; w_i normal with variance 1/d, fixed.

    The Hessian of the squared loss (1/2)(w x - y)^2 is then diag(i^(-decay)), up to the samples that were drawn.
    """

    MAKE: ClassVar[str] = "langevin_sgd.training.data.synthetic_targets:linear_regression"
    name: Literal["linear_regression"]
    """Always `linear_regression`."""
    inputs: Inputs = 10
    """d, numbers of a sample."""
    decay: NonNegativeNumber = 0.0
    """Exponent of the spectrum of the inputs' covariance; 0: all directions alike."""

    def needs(self) -> Needs:
        """The inputs, and the weights."""
        return Needs(0, self.inputs, self.inputs)

    def shape(self) -> DataShape:
        """One real target."""
        return DataShape(samples=self.samples, inputs=self.inputs)
