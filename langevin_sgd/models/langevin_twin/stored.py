"""A finished twin: the process that ran, and what follows again from what is stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.laws import Point
from langevin_sgd.laws.recomputed import Found, Recomputed, run_with
from langevin_sgd.laws.twin import TwinProcess, twin_at_minimum
from langevin_sgd.models.network.stored import curvature, has_curvature, noise_at_minimum

Array = NDArray[np.float64]


def process(point: Point) -> TwinProcess | None:
    """The twin at the minimum, from the stored curvature; None if none was measured."""
    if not has_curvature(point):
        return None
    return _at_minimum(point, point.values("hessian_eigenvalue"), point.values("hessian_eigenvector"))


def follows(point: Point) -> Found:
    """Times and what was run with, from the config, and what follows of the curvature."""
    assert point.sgd is not None
    eta, substeps = point.sgd.learning_rate, point.model.substeps
    time = eta * np.asarray(point.data["step"].values)
    return {
        **run_with(point.sgd, time_step=eta / substeps),
        "time_step_fraction": Recomputed(1.0 / substeps, "the config"),
        "twin_noise": Recomputed(point.model.noise, "the config"),
        "time": Recomputed(time, "step"),
        "effective_time": Recomputed(time, "step"),
        **curvature(point, _at_minimum),
    }


def _at_minimum(point: Point, eigenvalues: Array, basis: Array) -> TwinProcess:
    assert point.sgd is not None
    noise, more = noise_at_minimum(point, eigenvalues, basis)
    return twin_at_minimum(eigenvalues, noise, point.sgd, substeps=point.model.substeps, **more)
