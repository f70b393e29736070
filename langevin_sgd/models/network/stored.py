"""A finished network: the process at its minimum, and what H, C, the sgd and the recorded steps say again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.laws import Point
from langevin_sgd.laws.linear_process import LinearProcess
from langevin_sgd.laws.recomputed import Found, Recomputed, follow, run_with, times
from langevin_sgd.observables.schedule import log_spaced_steps
from langevin_sgd.training.data.section import train_size

Array = NDArray[np.float64]

SAMPLES = "training_samples"
"""Attribute with the number of training samples, which epochs go through."""

_MEASURED = frozenset({"hessian", "hessian_eigenvector", "noise_covariance", "hessian_eigenvalue"})
_ORTHONORMAL = 1e-8


def process(point: Point) -> LinearProcess | None:
    """SGD at the minimum, from the stored `hessian_eigenvalue`, `hessian_eigenvector` and `noise_covariance`.

    None if they were not measured, for an update rule of which no law is known, and for epochs of a number of samples
    that an old run does not tell.
    """
    if not set(point.data.variables) >= _MEASURED or not point.model.update_rule.OWN_LAW:
        return None
    found = _at_minimum(point, point.values("hessian_eigenvalue"), point.values("hessian_eigenvector"))
    return None if found.own == "epoch" and found.samples is None else found


def _at_minimum(point: Point, eigenvalues: Array, basis: Array) -> LinearProcess:
    assert point.sgd is not None
    in_modes = basis.T @ point.values("noise_covariance") @ basis
    own = "epoch" if point.sgd.sampling == "epoch" else "discrete"
    return LinearProcess(eigenvalues, 0.5 * (in_modes + in_modes.T), point.sgd, own, _samples(point))  # type: ignore[arg-type]


def follows(point: Point) -> Found:
    """From the stored `hessian`, `hessian_eigenvector` and `noise_covariance`; the sgd alone without them."""
    assert point.sgd is not None
    found = run_with(point.sgd)
    if "step" in point.data.coords:
        eta, mu = point.sgd.learning_rate, point.sgd.momentum
        found |= times(point.data["step"].values, time_step=eta, momentum=mu)
        if point.model.training_time is None:
            last = point.model.length(point.sgd)
            found["step"] = Recomputed(log_spaced_steps(last, point.model.record_times), "the config")
    return {**found, **_curvature(point)} if set(point.data.variables) >= _MEASURED else found


def _curvature(point: Point) -> dict[str, Recomputed]:
    vectors, hessian = point.values("hessian_eigenvector"), point.values("hessian")
    # V' V = 1 and V' H V = diag(k): whatever was changed of the three, this says that they belong together no more
    basis = np.linalg.eigh(hessian)[1][:, ::-1] if _skew(vectors) else vectors
    diagonal = np.einsum("pm,pm->m", basis, hessian @ basis)
    eigenvalue = Recomputed(diagonal, "hessian and hessian_eigenvector")
    stored = point.values("hessian_eigenvalue")
    process = _at_minimum(point, stored if eigenvalue.agrees(stored) else diagonal, basis)
    return {
        **follow(process.variables(), "hessian, noise_covariance and the config"),
        "hessian_eigenvector": Recomputed(basis, "hessian"),
        "hessian_eigenvalue": eigenvalue,
    }


def _skew(vectors: Array) -> bool:
    """Whether columns are not of unit length, by their norms alone: the products are what the eigenvalues show."""
    return bool(np.abs(np.einsum("pm,pm->m", vectors, vectors) - 1.0).max() > _ORTHONORMAL)


def _samples(point: Point) -> int | None:
    if SAMPLES in point.data.attrs:
        return int(point.data.attrs[SAMPLES])
    shape = point.model.data.shape()  # runs of earlier versions do not tell, nor is it known of the user's own data
    return None if shape is None else train_size(shape.samples, point.model.data.test_fraction)
