"""The `harmonics` data set: a sum of waves on a circle."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.training.data.section import DataShape
from langevin_sgd.training.data.synthetic_section import Needs, SyntheticSection


class HarmonicsData(SyntheticSection):
    """x = (cos a, sin a), y = sum_k sqrt(2/K) sin(f_k a + p_k) at angles a, with phases p_k uniform and fixed."""

    MAKE: ClassVar[str] = "langevin_sgd.training.data.synthetic_targets:harmonics"
    name: Literal["harmonics"]
    """Always `harmonics`."""
    wave_numbers: Annotated[tuple[PositiveWholeNumber, ...], Field(min_length=1)] = (1, 2, 4)
    """f_k, K of them: oscillations on the way round, each with the same share of the variance of y, which is 1."""
    spacing: Literal["random", "equal"] = "random"
    """Angles. random: uniform on the circle. equal: sample n of N at 2 pi n/N, all of them training samples, so that
    waves are orthogonal on them."""

    def problems(self, name: str, *, data: KeyPath, batch_size: int, batch_size_at: KeyPath) -> Faults:
        """Samples that are equally spaced stay together."""
        if self.spacing == "equal" and self.fresh:
            yield (*data, "spacing"), "fresh samples have random angles; give spacing: random"
        if self.spacing == "equal" and self.test_fraction > 0:
            yield (*data, "test_fraction"), "would leave gaps among samples that are equally spaced; give 0"
        yield from super().problems(name, data=data, batch_size=batch_size, batch_size_at=batch_size_at)

    def needs(self) -> Needs:
        """An angle, and two numbers for each phase."""
        return Needs(1, 0, 2 * len(self.wave_numbers))

    def shape(self) -> DataShape:
        """A point of the plane and one real target."""
        return DataShape(samples=self.samples, inputs=2)
