"""A finished network: the process at its minimum, and what H, C, the sgd and the recorded steps say again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd import import_path
from langevin_sgd.config.kinds import is_own
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.laws import Point
from langevin_sgd.laws.companion import PreconditionedProcess, about_minimum, kept, observables
from langevin_sgd.laws.linear_process import LinearProcess, Whole
from langevin_sgd.laws.recomputed import Found, Recomputed, energy_of_modes, follow, run_with, times
from langevin_sgd.observables.schedule import log_spaced_steps

Array = NDArray[np.float64]
ProcessOf = Callable[[Point, Array, Array], LinearProcess]
"""Of a point, eigenvalues (mode,) and eigenvectors (d, mode) the process there."""

SAMPLES = "training_samples"
"""Attribute with the number of training samples, which epochs go through."""

_MEASURED = frozenset({"hessian", "hessian_eigenvector", "noise_covariance", "hessian_eigenvalue"})
_MEASURED_IN_MODES = frozenset({"hessian_eigenvector", "hessian_eigenvalue", "noise_in_modes", "noise_trace"})
_ORTHONORMAL = 1e-8


def process(point: Point) -> LinearProcess | PreconditionedProcess | None:
    """SGD at the minimum, from the stored `hessian_eigenvalue`, `hessian_eigenvector` and `noise_covariance`, or from
    `noise_in_modes` where some modes alone were measured.

    Of a rule that is not linear it is what is left where its preconditioner is held. None if they were not measured,
    for another rule of which no law is known, and for epochs of a number of samples that an old run does not tell.
    """
    if not has_curvature(point):
        return None
    if "law" not in point.data.attrs:
        return _preconditioned(point)
    found = _at_minimum(point, point.values("hessian_eigenvalue"), point.values("hessian_eigenvector"))
    return None if found.own == "epoch" and found.samples is None else found


def _preconditioned(point: Point) -> PreconditionedProcess | None:
    step = kept(point)
    if step is None or "preconditioner" not in point.data or "noise_covariance" not in point.data:
        return None
    assert point.sgd is not None
    basis = point.values("hessian_eigenvector")
    return PreconditionedProcess(
        k=point.values("hessian_eigenvalue"),
        c=basis.T @ point.values("noise_covariance") @ basis,
        basis=basis,
        preconditioner=point.values("preconditioner"),
        step=step,
        batch_size=point.sgd.batch_size,
        samples=_samples(point) if point.sgd.sampling == "epoch" else None,
    )


def noise_at_minimum(point: Point, eigenvalues: Array, basis: Array) -> tuple[Array, dict[str, Any]]:
    """C in the modes, and what else a process about the minimum takes: `samples`, `roots` and the `whole`."""
    if "noise_covariance" in point.data:
        in_modes, whole = basis.T @ point.values("noise_covariance") @ basis, None
    else:
        in_modes = point.values("noise_in_modes")
        whole = Whole.unless_all(eigenvalues.size, len(basis), float(point.values("noise_trace")))
    roots = point.values("curvature_root") @ basis if "curvature_root" in point.data else None
    return 0.5 * (in_modes + in_modes.T), {"samples": _samples(point), "roots": roots, "whole": whole}


def _at_minimum(point: Point, eigenvalues: Array, basis: Array) -> LinearProcess:
    assert point.sgd is not None
    noise, more = noise_at_minimum(point, eigenvalues, basis)
    more["since"] = point.model.update_rule.schedule.settled() or 0
    step = kept(point) if "law" in point.data.attrs else None
    return about_minimum(eigenvalues, noise, point.sgd, step=step, **more)


def follows(point: Point) -> Found:
    """From the stored `hessian`, `hessian_eigenvector` and `noise_covariance`; the sgd alone without them."""
    assert point.sgd is not None
    found = run_with(point.sgd)
    if "step" in point.data.coords:
        found |= _times(point, point.sgd)
        if point.model.training_time is None:
            last = point.model.length(point.sgd)
            found["step"] = Recomputed(log_spaced_steps(last, point.model.record_times), "the config")
    rule = point.model.update_rule
    if "rule_kick" in point.data and not is_own(type(rule)) and not rule.code():
        found |= _step(point, point.sgd)
    return {**found, **curvature(point, _at_minimum)}


def _step(point: Point, sgd: Sgd) -> Found:
    """The step of a rule of this package, which may be run again."""
    from langevin_sgd.training.update_rules import linear  # imports torch

    rule = point.model.update_rule
    step = linear.companion(rule, sgd, rule.build(sgd))
    return {} if step is None else follow(observables(step), "the update rule and the config")


def curvature(point: Point, process_of: ProcessOf) -> Found:
    """What follows of the curvature at the minimum, if it was measured, with the process there of some modes."""
    if set(point.data.variables) >= _MEASURED:
        return _curvature(point, process_of)
    return _curvature_in_modes(point, process_of) if has_curvature(point) else {}


def has_curvature(point: Point) -> bool:
    """Whether H and C were measured, in full or in some modes."""
    here = set(point.data.variables)
    return here >= _MEASURED or here >= _MEASURED_IN_MODES


def _curvature_in_modes(point: Point, process_of: ProcessOf) -> dict[str, Recomputed]:
    """What follows where H is known along some eigenvectors alone: that these are orthonormal, and the energies."""
    vectors, k = point.values("hessian_eigenvector"), point.values("hessian_eigenvalue")
    found = follow(process_of(point, k, vectors).variables(), "noise_in_modes, noise_trace and the config")
    del found["hessian_eigenvalue"]  # from which all of this is worked out
    found["hessian_eigenvector"] = Recomputed(np.linalg.qr(vectors)[0] if _skew(vectors) else vectors, "V^T V = 1")
    return found | _mode_energy(point, k)


def _times(point: Point, sgd: Sgd) -> Found:
    """Steps and times; no times by a schedule of the user's own, which reading a run does not call."""
    schedule, step = point.model.update_rule.schedule, point.data["step"].values
    if import_path.reading() and schedule.code():
        return {}
    of_steps = step if schedule.constant() else schedule.summed(step.tolist(), point.model.length(sgd))
    return times(step, time_step=sgd.learning_rate, momentum=sgd.momentum, factors=of_steps)


def _curvature(point: Point, process_of: ProcessOf) -> dict[str, Recomputed]:
    vectors, hessian = point.values("hessian_eigenvector"), point.values("hessian")
    # V' V = 1 and V' H V = diag(k): whatever was changed of the three, this says that they belong together no more
    basis = np.linalg.eigh(hessian)[1][:, ::-1] if _skew(vectors) else vectors
    diagonal = np.einsum("pm,pm->m", basis, hessian @ basis)
    eigenvalue = Recomputed(diagonal, "hessian and hessian_eigenvector")
    stored = point.values("hessian_eigenvalue")
    process = process_of(point, stored if eigenvalue.agrees(stored) else diagonal, basis)
    return {
        **_least_squares(point, hessian),
        **follow(process.variables(), "hessian, noise_covariance and the config"),
        **_mode_energy(point, stored),
        "hessian_eigenvector": Recomputed(basis, "hessian"),
        "hessian_eigenvalue": eigenvalue,
    }


def _mode_energy(point: Point, eigenvalues: Array) -> dict[str, Recomputed]:
    """The energies along modes, where these are what is recorded in the window."""
    if "mode_energy" not in point.data:
        return {}
    return {"mode_energy": energy_of_modes(point.values("mode_energy"), point.values("mode_moment_2"), eigenvalues)}


def _least_squares(point: Point, hessian: Array) -> dict[str, Recomputed]:
    """H is the mean of the samples' curvatures, but for weight decay."""
    if "curvature_root" not in point.data:
        return {}
    assert point.sgd is not None
    rows = point.values("curvature_root")
    mean = np.einsum("nop,noq->pq", rows, rows) / len(rows) + point.sgd.weight_decay * np.eye(len(hessian))
    return {"hessian": Recomputed(mean, "curvature_root")}


def _skew(vectors: Array) -> bool:
    """Whether columns are not of unit length, by their norms alone: the products are what the eigenvalues show."""
    return bool(np.abs(np.einsum("pm,pm->m", vectors, vectors) - 1.0).max() > _ORTHONORMAL)


def _samples(point: Point) -> int | None:
    if SAMPLES in point.data.attrs:
        return int(point.data.attrs[SAMPLES])
    samples: int | None = point.model.data.training_samples()
    return samples  # runs of earlier versions do not tell, nor is it known of all data
