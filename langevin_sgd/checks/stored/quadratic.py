"""Networks at a minimum and Ornstein-Uhlenbeck models: everything that H, C, eta, B and mu say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from langevin_sgd.checks.stored.recomputed import BOUND, Found, Point, Recomputed, follow, run_with, times
from langevin_sgd.estimators.stationary import Array
from langevin_sgd.laws.quadratic import Laws, OwnLaw
from langevin_sgd.models.network.config import train_size
from langevin_sgd.models.ornstein_uhlenbeck import run as ornstein_uhlenbeck
from langevin_sgd.observables.schedule import log_spaced_steps

_ORTHONORMAL = 1e-8


def network(point: Point) -> Found:
    """From the stored `hessian`, `hessian_eigenvector` and `noise_covariance`; the sgd alone without them."""
    assert point.sgd is not None
    found = run_with(point.sgd)
    if "step" in point.data.coords:
        eta, mu = point.sgd.learning_rate, point.sgd.momentum
        found |= times(point.data["step"].values, time_step=eta, momentum=mu)
        last = point.model.length(point.sgd)
        if point.model.training_time is None:
            found["step"] = Recomputed(log_spaced_steps(last, point.model.record_times), "the config")
    needed = ("hessian", "hessian_eigenvector", "noise_covariance", "hessian_eigenvalue")
    return found if any(name not in point.data for name in needed) else {**found, **_at_minimum(point)}


def _at_minimum(point: Point) -> Found:
    sgd = point.sgd
    assert sgd is not None
    vectors, hessian = point.values("hessian_eigenvector"), point.values("hessian")
    covariance = point.values("noise_covariance")
    # V' V = 1 and V' H V = diag(k): whatever was changed of the three, this says that they belong together no more
    basis = np.linalg.eigh(hessian)[1][:, ::-1] if _skew(vectors) else vectors
    found = {"hessian_eigenvector": Recomputed(basis, "hessian")}
    diagonal = np.einsum("pm,pm->m", basis, hessian @ basis)
    found["hessian_eigenvalue"] = eigenvalue = Recomputed(diagonal, "hessian and hessian_eigenvector")
    stored = point.values("hessian_eigenvalue")
    k = stored if eigenvalue.agrees(stored) else diagonal
    in_modes = basis.T @ covariance @ basis
    epoch = sgd.sampling == "epoch"
    samples = _samples(point) if epoch else None
    if epoch and samples is None:
        return found  # of a user's own data, whose size is not stored
    laws = Laws(k, 0.5 * (in_modes + in_modes.T), sgd, "epoch" if epoch else "discrete", samples)
    record = point.data["step"].values
    values = {
        **_but_what_is_measured(laws),
        "transient_deficit": laws.transient_deficit(point.data["sample_step"].values),
        "spread_predicted": laws.transient_variance(record).sum(axis=1),
        "drift_squared_predicted": np.zeros(record.size),
    }
    return {**follow(values, "hessian, noise_covariance, sample_step and the config"), **found}


def ornstein_uhlenbeck_model(point: Point) -> Found:
    """From the H and C of the config, or of the networks that it names."""
    assert point.sgd is not None
    assert point.steps is not None
    model, sgd = point.model, point.sgd
    if not _has_sources(point):
        return run_with(sgd)
    modes = ornstein_uhlenbeck.resolve_modes(model, point.sources)
    own: OwnLaw = "continuum" if model.dynamics == "continuum" else "discrete"
    laws = Laws(modes.eigenvalues, modes.noise, sgd, own)
    record = log_spaced_steps(point.steps, model.record_times)
    start = ornstein_uhlenbeck.start_of(model, modes)
    sample = point.data["sample_step"].values
    values: dict[str, ArrayLike] = {
        **_but_what_is_measured(laws),
        "hessian_eigenvalue": laws.k,
        **ornstein_uhlenbeck.transients(laws, start, record, model.dynamics),
        "transient_deficit": 0.0 if isinstance(start, str) else laws.transient_deficit(sample),
    }
    if "hessian_eigenvector" in point.data:
        values["hessian_eigenvector"] = modes.eigenvectors
    timed = times(record, time_step=sgd.learning_rate, momentum=sgd.momentum)
    found = {**follow(values, "H, C, sample_step and the config"), **run_with(sgd), **timed}
    if "mode_moment_2" in point.data and "stationary_energy" in point.data:
        found |= _energy(point, laws.k)
    return found


def _has_sources(point: Point) -> bool:
    """Whether the networks that it takes H and C from hold them, and the run its own window."""
    hessian, noise = (getattr(part, "from_", None) for part in (point.model.hessian, point.model.noise))
    given = hessian is None or {"hessian_eigenvalue", "hessian_eigenvector"} <= set(point.sources[hessian].variables)
    covered = noise is None or "noise_covariance" in point.sources[noise].variables
    return given and covered and "sample_step" in point.data.variables


def _energy(point: Point, k: Array) -> Found:
    """Each replica's mean energy is k . <x^2>/2 exactly: where it is not, the energies are scaled to it."""
    energy, expected = point.values("stationary_energy"), point.values("mode_moment_2") @ k / 2.0
    mean = energy.mean(axis=1)
    off = np.abs(mean - expected) > BOUND * np.abs(expected)
    factor = np.where(off, expected / np.where(mean == 0.0, 1.0, mean), 1.0)
    return {"stationary_energy": Recomputed(energy * factor[:, None], "mode_moment_2 and hessian_eigenvalue")}


def _but_what_is_measured(laws: Laws) -> dict[str, ArrayLike]:
    values = dict(laws.variables())
    del values["hessian_eigenvalue"]
    return values


def _skew(vectors: Array) -> bool:
    """Whether columns are not of unit length, by their norms alone: the products are what the eigenvalues show."""
    return bool(np.abs(np.einsum("pm,pm->m", vectors, vectors) - 1.0).max() > _ORTHONORMAL)


def _samples(point: Point) -> int | None:
    shape = point.model.data.shape()
    return None if shape is None else train_size(shape.samples, point.model.data.test_fraction)
