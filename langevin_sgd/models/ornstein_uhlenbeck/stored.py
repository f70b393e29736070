"""A finished Ornstein-Uhlenbeck model: its process, and what H, C, the sgd and its moments say again."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.laws import Point
from langevin_sgd.laws.linear_process import LinearProcess
from langevin_sgd.laws.recomputed import Found, energy_of_modes, follow, run_with, times
from langevin_sgd.models.ornstein_uhlenbeck.run import linear_process, resolve_modes
from langevin_sgd.observables.schedule import log_spaced_steps

Array = NDArray[np.float64]


def process(point: Point) -> LinearProcess | None:
    """The process of the H and C of the config, or of the networks that it names; None if those hold none."""
    assert point.sgd is not None
    if not _has_sources(point):
        return None
    return linear_process(point.model, point.sgd, resolve_modes(point.model, point.sources))


def follows(point: Point) -> Found:
    """From the H and C of the config, or of the networks that it names."""
    assert point.sgd is not None
    model, sgd = point.model, point.sgd
    if not _has_sources(point):
        return run_with(sgd)
    modes = resolve_modes(model, point.sources)
    own = linear_process(model, sgd, modes)
    record = log_spaced_steps(point.steps(), model.record_times)
    values: dict[str, ArrayLike] = own.variables()
    if "hessian_eigenvector" in point.data:
        values["hessian_eigenvector"] = modes.eigenvectors
    timed = times(record, time_step=sgd.learning_rate, momentum=sgd.momentum)
    found = {**follow(values, "H, C and the config"), **run_with(sgd), **timed}
    if "mode_moment_2" in point.data and "stationary_energy" in point.data:
        moment_2 = point.values("mode_moment_2")
        found["stationary_energy"] = energy_of_modes(point.values("stationary_energy"), moment_2, own.k)
    return found


def _has_sources(point: Point) -> bool:
    """Whether the networks that it takes H and C from hold them, and the run its own window."""
    hessian, noise = (getattr(part, "from_", None) for part in (point.model.hessian, point.model.noise))
    given = hessian is None or {"hessian_eigenvalue", "hessian_eigenvector"} <= set(point.sources[hessian].variables)
    covered = noise is None or "noise_covariance" in point.sources[noise].variables
    return given and covered and "sample_step" in point.names
