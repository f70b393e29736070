"""A finished walk in random potentials: its disorder, and what the config and the displacements say again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from langevin_sgd.landscapes.fourier import Fourier
from langevin_sgd.landscapes.grid import Grid
from langevin_sgd.landscapes.line import Line
from langevin_sgd.laws import Point
from langevin_sgd.laws.recomputed import Found, follow
from langevin_sgd.models.random_potential import run as random_potential
from langevin_sgd.models.random_potential.known import Known, known
from langevin_sgd.models.random_potential.potentials import Array, landscape, ln_times
from langevin_sgd.models.random_potential.strength import MEASURED, errors
from langevin_sgd.theory import effective_diffusion


@dataclass(frozen=True)
class InDisorder:
    """A walker in one of the potentials of a law."""

    model: Known
    landscape: Line | Grid | Fourier

    def structure_function(self) -> Array:
        """Mean of (V(x) - V(y))^2 at the distances that are measured, (distance,)."""
        return np.asarray(self.landscape.structure_function(self.landscape.distances))

    def late_diffusion(self) -> float:
        """The exact diffusion coefficient that bounded barriers on a line leave at late times."""
        model, line = self.model, self.landscape
        assert isinstance(line, Line)
        correlation = float(1.0 - line.structure_function(line.spacing) / (2.0 * line.variance))
        return effective_diffusion.gaussian_line(
            thermal_energy=model.thermal_energy, variance=line.variance, neighbour_correlation=correlation,
            between="sites" if model.cells else "linear", cells=model.cells or 1,
        )  # fmt: skip


def process(point: Point) -> InDisorder | None:
    """The walk of the config, and of the networks that it names; None if those do not hold what was measured."""
    if not _has_sources(point):
        return None
    model = known(point.model, point.sources)
    return InDisorder(model, landscape(model))


def follows(point: Point) -> Found:
    """alpha, A, theta, the range of the power law, times, and shares that returned."""
    data = point.data
    if not _has_sources(point):
        return {}
    model = known(point.model, point.sources)
    numbers = {**random_potential.law_values(model), **errors(point.model.strength(), point.sources)}
    found = dict(follow(numbers, "the config" if not point.sources else "the config and what was measured"))
    if model.landscape != "fourier" and "ln_time" in data.coords:
        ln_time = ln_times(model)
        found |= follow({"ln_time": ln_time, "time": np.exp(ln_time)}, "the config")
    if model.aging is not None and "two_time_displacement" in data:
        waits: dict[str, ArrayLike] = {"ln_waiting_time": model.aging.ln_waiting_times}
        times = {**waits, "ratio": np.unique(model.aging.ratios)}
        found |= follow(times, "the config")
        found |= follow(random_potential.returns(model, point.values("two_time_displacement")), "two_time_displacement")
    return found


def _has_sources(point: Point) -> bool:
    """Whether the networks that it is measured on hold what was measured there."""
    return all(MEASURED[key] in point.sources[name].variables for key, name in point.model.needs())
