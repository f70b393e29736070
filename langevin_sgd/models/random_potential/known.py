"""The `random_potential` model once all its numbers are known: as given, or as measured on networks that have run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.config.fields import Magnitude, Number
from langevin_sgd.errors import UserError
from langevin_sgd.models.random_potential.config import LONGEST, RandomPotentialModel
from langevin_sgd.models.random_potential.strength import measured

if TYPE_CHECKING:
    import xarray as xr

_MOST_STEPS = 1 << 40
_LARGEST = {"alpha": math.nextafter(2.0, 0.0), "amplitude": 1.0, "thermal_energy": 1.0}


class Known(RandomPotentialModel):
    """The model with numbers for all that may be measured."""

    alpha: Number
    """alpha."""
    amplitude: Magnitude
    """A."""
    thermal_energy: Magnitude
    """theta."""

    def reached(self) -> Iterator[tuple[KeyPath, str]]:
        """The walk against the box, or the number of steps: known before anything runs."""
        if self.valid_range is None:
            assert self.half_width is not None
            assert self.spacing is not None
            walk = self._expected_distance()
            if self.correlation_length is None and walk > self.half_width * self.spacing:
                yield (
                    ("half_width",),
                    f"the box is smaller than the walk, which goes as far as about {walk:.3g} by ln t = "
                    f"{self.ln_time[1]:g}; give at least {math.ceil(4 * walk / self.spacing):,}, or an earlier last "
                    "time",
                )
                return
        yield from self._reach()

    def _reach(self) -> Iterator[tuple[KeyPath, str]]:
        """The number of steps, known before anything runs."""
        from langevin_sgd.landscapes.power_law import DisorderError  # not before it is asked for

        if self.method != "sde":
            return
        try:
            step = self.time_step or self._default_time_step()
        except DisorderError as error:
            yield ("alpha",), str(error)
            return
        last = self.ln_time[1]
        if last - math.log(step) > math.log(_MOST_STEPS):
            steps = math.exp(last) / step
            yield ("ln_time", 1), f"{last:g} takes {steps:.2g} steps of {step:.3g}; give an earlier last time"

    def _default_time_step(self) -> float:
        from langevin_sgd.models.random_potential import potentials

        law = potentials.line(self) if self.landscape == "line" else potentials.waves(self)
        return law.natural_time_step(self.thermal_energy)

    def _expected_distance(self) -> float:
        """((theta ln t)^2/A)^(1/alpha) at the last time, or that of free diffusion, sqrt(2 d theta t), if less."""
        last = self.ln_time[1]
        free = (math.log(2.0 * self.dimension * self.thermal_energy) + last) / 2.0
        if last <= 0.0:
            return math.exp(free)
        barrier = 2.0 * math.log(self.thermal_energy * last) - math.log(self.amplitude)
        return math.exp(min(free, barrier / self.alpha, LONGEST))


def known(model: RandomPotentialModel, lent: Mapping[str, xr.Dataset]) -> Known:
    """The model with the numbers measured on `lent`, the models that it names.

    Raises `UserError` for numbers of which there are no potentials, or whose walk does not fit into the box.
    """
    found = Known.model_construct(**{**dict(model), **measured(model.strength(), lent)})
    for (key, *_), message in found.faults():
        on = dict(model.needs()).get(str(key))
        raise UserError(f"{key}, as measured on {on}, {message}" if on else f"{key}: {message}")
    return found


def largest(model: RandomPotentialModel) -> Known:
    """The model with numbers in place of those that are not measured yet, with which it holds the most memory."""
    unknown = {key: _LARGEST[key] for key, _ in model.needs()}
    return Known.model_construct(**{**dict(model), **unknown})
