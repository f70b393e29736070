"""Effective thermal energy, displacement^2/(2 response), of independent replicas with the jackknife's errors.

Displacements are given by their moments, which may be averages over many earlier times, and count about their mean:
what all replicas do alike is no fluctuation. Arrays are (replica, ...).

Source: the fluctuation-dissipation relation <dx^2> = 2 theta chi of a system in equilibrium at theta; Cugliandolo,
Kurchan and Peliti 1997 for what takes its place elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.estimators.stationary import Estimate, jackknife_stderr, leave_one_out_variance, pooled_variance

Array = NDArray[np.float64]


def increment_variance(moment_1: Array, moment_2: Array) -> Estimate:
    """Variance of increments about their mean over replicas (and earlier times), from moments (replica, ...)."""
    return Estimate(pooled_variance(moment_1, moment_2), jackknife_stderr(leave_one_out_variance(moment_1, moment_2)))


def thermal_energy(moment_1: Array, moment_2: Array, response: Array) -> Estimate:
    """Variance of increments over twice the mean response, from moments and responses (replica, ...)."""
    value, without = thermal_energies(moment_1, moment_2, response)
    return Estimate(value, jackknife_stderr(without))


def thermal_energies(moment_1: Array, moment_2: Array, response: Array) -> tuple[Array, Array]:
    """The same value, and those with each replica left out, (replica, ...)."""
    replicas = len(response)
    total = response.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = pooled_variance(moment_1, moment_2) / (2.0 * total / replicas)
        without = leave_one_out_variance(moment_1, moment_2) / (2.0 * (total - response) / max(replicas - 1, 1))
    return value, without
