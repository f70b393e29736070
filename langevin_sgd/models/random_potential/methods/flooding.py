"""A line or a grid by flooding: where walkers stand in the limit of strong disorder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from langevin_sgd.cores import cores
from langevin_sgd.integrators.flooding import flood
from langevin_sgd.models.random_potential.known import Known
from langevin_sgd.models.random_potential.methods.walker_history import walker_history
from langevin_sgd.models.random_potential.potentials import Arrays, Disorders, ln_times, sites


def measure(model: Known, disorders: Disorders, *, seed: int) -> Arrays:
    """Where the walkers of these disorders stand at Gamma = theta ln t; those that met the edge are censored."""
    landscape = sites(model)
    gamma = model.thermal_energy * ln_times(model)

    def one(number: int) -> Arrays:
        potential = landscape.potential(seed, np.array([number]))
        history = flood(potential, spacing=landscape.spacing, largest_gamma=float(gamma[-1]), threads=1)
        moved = history.displacement(gamma)
        out: Arrays = {
            "squared_displacement": (moved**2).sum(axis=-1),
            "censored": history.censored(gamma),
            "squared_increment": landscape.squared_increments(potential),
        }
        if model.dimension == 1:
            out |= {"mean_displacement": moved[..., 0], "position_draw": moved[:, -1:, 0]}
        return out

    with ThreadPoolExecutor(cores()) as pool:
        parts = list(pool.map(one, disorders.tolist()))
    out = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if model.dimension == 1 and disorders[0] == 0:
        none = np.full(gamma.size, np.nan)
        out |= walker_history(landscape.potential(seed, disorders[:1])[0], none, gamma, spacing=landscape.spacing)
    return out
