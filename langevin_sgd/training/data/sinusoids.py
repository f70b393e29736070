"""The `sinusoids` data set: a sum of sines on a line."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveNumber
from langevin_sgd.training.data.section import DataShape
from langevin_sgd.training.data.synthetic_section import Needs, SyntheticSection


class SinusoidsData(SyntheticSection):
    """y = sum_k (g_k sin(2 pi f_k x) + h_k cos(2 pi f_k x)) / sqrt(K): x uniform in [-1, 1], g, h normal and fixed."""

    MAKE: ClassVar[str] = "langevin_sgd.training.data.synthetic_targets:sinusoids"
    name: Literal["sinusoids"]
    """Always `sinusoids`."""
    frequencies: Annotated[tuple[PositiveNumber, ...], Field(min_length=1)] = (0.5, 1.0, 2.0)
    """f_k, K of them: oscillations as x goes up by 1."""

    def needs(self) -> Needs:
        """A point of the line, and the amplitudes."""
        return Needs(1, 0, 2 * len(self.frequencies))

    def shape(self) -> DataShape:
        """One input and one real target."""
        return DataShape(samples=self.samples, inputs=1)
