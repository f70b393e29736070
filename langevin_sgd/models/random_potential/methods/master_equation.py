"""A line by its probability, the master equation: thermal averages, positions drawn at the end, and two times."""

from __future__ import annotations

from typing import Any

import numpy as np

from langevin_sgd.integrators.master_equation import evolve
from langevin_sgd.landscapes.line import refined
from langevin_sgd.models.random_potential.known import Known
from langevin_sgd.models.random_potential.methods.walker_history import walker_history
from langevin_sgd.models.random_potential.potentials import Array, Arrays, Disorders, line, ln_times

CENSORED_PROBABILITY = 1e-3
"""A disorder counts as censored once so much of its probability lies within a spacing of the ends of the box."""


def measure(model: Known, disorders: Disorders, *, seed: int) -> Arrays:
    """What the master equation says of these disorders, on a lattice with the model's `cells` to a spacing."""
    assert model.cells is not None
    landscape = line(model)
    sites = landscape.potential(seed, disorders)
    potential, spacing = refined(sites, model.cells), landscape.spacing / model.cells
    shared: dict[str, Any] = {
        "thermal_energy": model.thermal_energy, "spacing": spacing, "boundary_sites": model.cells,
        "steps_per_e_fold": model.steps_per_e_fold, "seed": seed, "disorders": disorders,
    }  # fmt: skip
    result = evolve(potential, times=np.exp(ln_times(model)), draws=model.draws or 0, **shared)
    out: Arrays = {
        "squared_displacement": result.mean_squared_displacement,
        "mean_displacement": result.mean_displacement,
        "censored": result.boundary_probability > CENSORED_PROBABILITY,
        "displaced_probability": result.returned,
        "position_draw": spacing * (result.positions[:, :, -1] - result.start_site[:, None]),
        "squared_increment": landscape.squared_increments(sites),
    }
    if model.draws and disorders[0] == 0:
        drawn = spacing * (result.positions[0, 0] - float(result.start_site[0]))
        gamma = model.thermal_energy * ln_times(model)
        out |= walker_history(potential[0], drawn, gamma, spacing=spacing)
    if model.aging is not None:
        out |= _aging(model, potential, shared)
    return out


def _aging(model: Known, potential: Array, shared: dict[str, Any]) -> Arrays:
    """Displacements between t_w and t_w^h, (disorder, waiting_time, ratio), from a position drawn at each t_w."""
    assert model.aging is not None
    waits = np.asarray(model.aging.ln_waiting_times)
    ratios = np.unique(model.aging.ratios)
    first = evolve(potential, times=np.exp(waits), draws=1, run_number=1, **shared)
    moved = np.empty((len(potential), waits.size, ratios.size))
    edge = np.empty(moved.shape, dtype=bool)
    for index, wait in enumerate(waits):
        start = first.positions[:, 0, index]
        # t_w^h - t_w without cancellation
        times = np.exp(wait) * np.expm1((ratios - 1.0) * wait)
        later = evolve(potential, times=times, start_site=start, draws=1, run_number=2 + index, **shared)
        moved[:, index] = shared["spacing"] * (later.positions[:, 0, :] - start[:, None])
        edge[:, index] = later.boundary_probability > CENSORED_PROBABILITY
    return {"two_time_displacement": moved, "two_time_censored": edge}
