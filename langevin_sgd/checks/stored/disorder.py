"""Walkers in random potentials: the numbers of their law, and what follows from their displacements."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from langevin_sgd.checks.stored.recomputed import Found, Point, follow
from langevin_sgd.models.random_potential import run as random_potential
from langevin_sgd.models.random_potential.disorder import landscape, ln_times


def in_disorder(point: Point) -> Found:
    """alpha, A, theta, the range of the power law and its potential's own numbers, times, and shares that returned."""
    model, data = point.model, point.data
    found = dict(follow(random_potential.law_values(model), "the config"))
    if model.landscape != "fourier" and "ln_time" in data.coords:
        ln_time = ln_times(model)
        found |= follow({"ln_time": ln_time, "time": np.exp(ln_time)}, "the config")
    if "structure_function_predicted" in data:
        law = landscape(model)
        found |= follow({"structure_function_predicted": law.structure_function(law.distances)}, "the config")
    if model.aging is not None and "two_time_displacement" in data:
        waits: dict[str, ArrayLike] = {"ln_waiting_time": model.aging.ln_waiting_times}
        times = {**waits, "ratio": np.unique(model.aging.ratios)}
        found |= follow(times, "the config")
        found |= follow(random_potential.returns(model, point.values("two_time_displacement")), "two_time_displacement")
    return found
