"""Occupancy of inherent structures against their energy and the volume of their wells.

In equilibrium with constant isotropic noise, and in the harmonic approximation, ln p_i = const - E_i/theta - (1/2) ln
det H_i (Stillinger and Weber 1982), theta that of the positions: eta sigma^2/(2B (1 - momentum)). Neither equilibrium
nor isotropic noise is claimed of a network, so these rows are contrasts: they state which combination of energy and
curvature the occupancy did follow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Band, assess, rounded
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.estimators.stationary import jackknife_stderr
from langevin_sgd.laws import temperatures

Array = NDArray[np.float64]

LAW = "isotropic, harmonic"
_LAW_SAID = "equilibrium with isotropic noise in harmonic wells"
LEAST_INDEPENDENT = 5.0  # snapshots per replica: below it occupancy tells where replicas began
_NEWTON_STEPS = 100
_CONVERGED = 1e-10
_LARGEST_ODDS = 30.0  # logarithm of what may lie between the shares of two structures


class Coefficients(NamedTuple):
    """b and c of ln p_i = const - b E_i - c (1/2) ln det H_i, with a constant of its own for every group."""

    energy: float
    curvature: float


def groups(visits: Array) -> NDArray[np.int64]:
    """Group (structure,) of every structure: two share one if a chain of replicas leads from the one to the other.

    Between groups nobody moved, so their odds tell where replicas began; within one, visits (replica, structure) may be
    in local equilibrium.
    """
    label = np.arange(visits.shape[1])
    for own in visits > 0:
        label = np.where(np.isin(label, label[own]), label[own].min(initial=label.size), label)
    return np.unique(label, return_inverse=True)[1]


def fit(counts: Array, energy: Array, log_det: Array, group: NDArray[np.int64]) -> Coefficients:
    """Maximum likelihood of counts (structure,) among the structures of each group (conditional logit, by Newton).

    NaN if they do not fix two coefficients: too few structures in a group, or such that some odds grow without bound.
    """
    member = (group == np.arange(group.max(initial=0) + 1)[:, None]).astype(np.float64)
    features = -np.stack([energy, 0.5 * log_det], axis=1)
    features = features - ((member @ features) / member.sum(1)[:, None])[group]
    total = (member @ counts)[group]
    scale = np.linalg.norm(features, axis=0)
    if len(counts) - len(member) < 2 or not (scale > 0).all():
        return Coefficients(math.nan, math.nan)
    features = features / scale
    coefficients = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        odds = features @ coefficients
        if np.ptp(odds) > _LARGEST_ODDS:
            break
        p = np.exp(odds)
        p /= (member @ p)[group]
        about_mean = features - (member @ (p[:, None] * features))[group]
        slope = counts @ about_mean
        curvature = (about_mean.T * (total * p)) @ about_mean
        if np.linalg.cond(curvature) > 1.0 / _CONVERGED:
            break
        step = np.linalg.solve(curvature, slope)
        coefficients = coefficients + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < _CONVERGED * max(1.0, float(np.abs(coefficients).max())):
            return Coefficients(*(float(value) for value in coefficients / scale))
    return Coefficients(math.nan, math.nan)


def independent_snapshots(visits: Array) -> float:
    """Independent snapshots that a replica's are worth, from visits (replica, structure) by their scatter.

    sum_i p_i (1 - p_i) over the variance of the shares p_i between the replicas of one group, summed over structures
    and groups; at most their number.
    """
    snapshots = float(visits.sum(1).mean())
    share = visits / visits.sum(1, keepdims=True)
    home = groups(visits)[visits.argmax(1)]
    drawn = between = 0.0
    for group in np.unique(home):
        own = share[home == group]
        mean = own.mean(0)
        drawn += (len(own) - 1) * float((mean * (1.0 - mean)).sum())
        between += float(((own - mean) ** 2).sum())
    return min(snapshots, drawn / between) if between > 0 else snapshots


def structure_rows(dataset: xr.Dataset, *, model: str, tolerance: float, confidence: float) -> list[Comparison]:
    """Contrasts: the coefficient of E against 1/theta, and that of (1/2) ln det H against 1, within `tolerance`.

    Reads `structure` (replica, snapshot), `structure_energy`, `structure_log_det` (basin) and `structure_noise_scale`;
    theta is eta sigma^2/(2B (1 - momentum)) with sigma^2 averaged over the structures as they are occupied. Points that
    are no minima are left out. The fit is about odds within `groups`: structures between which no replica moved,
    however indirectly, are not compared, and those that were never seen are not in it. Errors are jackknife over
    replicas: snapshots of one replica are never taken for independent. Inconclusive if the snapshots of a replica are
    worth fewer than five independent ones, by the scatter of the replicas' shares over that of independent draws. No
    rows without `structure`.
    """
    if "structure" not in dataset:
        return []
    labels = dataset["structure"].transpose("replica", "snapshot").values
    log_det = dataset["structure_log_det"].values.astype(np.float64)
    minima = np.isfinite(log_det)
    energy = dataset["structure_energy"].values.astype(np.float64)[minima]
    visits = (labels[:, :, None] == np.arange(minima.size)).sum(1)[:, minima].astype(np.float64)
    group = groups(visits)
    found = fit(visits.sum(0), energy, log_det[minima], group)
    rest = np.array([fit(visits.sum(0) - own, energy, log_det[minima], group) for own in visits])
    errors = jackknife_stderr(rest)
    changes = float((np.diff(labels, axis=1) != 0).sum(1).mean())
    independent = independent_snapshots(visits)
    note = (
        f"{minima.sum()} structures in {group.max() + 1} groups between which nobody moved, {int(visits.sum())} "
        f"snapshots of {len(labels)} replicas, which changed structure {changes:.3g} times each; the scatter of their "
        f"shares makes {independent:.2g} independent snapshots a replica"
    )
    fault = ""
    if changes == 0.0:
        fault = f"never equilibrated: {note}; train longer, or with more noise"
    elif not independent >= LEAST_INDEPENDENT:
        fault = f"never equilibrated: {note}, and {LEAST_INDEPENDENT:g} are needed; about "
        fault += f"{rounded(LEAST_INDEPENDENT / independent)} times the steps, or more noise, would do"
    predicted = Coefficients(1.0 / temperatures.of_structures(dataset), 1.0)
    rows = []
    for name, value, error, law in zip(Coefficients._fields, found, errors, predicted, strict=True):
        assessed = assess(
            value / law, float(error) / law, dof=len(labels) - 1, band=Band(1.0 - tolerance, 1.0 + tolerance),
            confidence=confidence, name=f"coefficient of {_NAMES[name]} over that of the law", cure="replicas",
        )  # fmt: skip
        row = Comparison.from_assessment(
            assessed.with_note(note), model=model, quantity=_QUANTITIES[name], law=LAW, law_said=_LAW_SAID,
            role="contrast", measured=value, standard_error=float(error), predicted=law, tolerance=tolerance,
            eigenvalues=np.empty(0),
        )  # fmt: skip
        rows.append(row.spoiled(fault))
    return rows


_QUANTITIES = {
    "energy": Quantity("energy_coefficient", "coefficient of −E", ranks=(1, 5), said="the coefficient of −E"),
    "curvature": Quantity(
        "curvature_coefficient", "of −½ ln det H", ranks=(1, 5), said="the coefficient of −½ ln det H"
    ),
}
_NAMES = {"energy": "-E", "curvature": "-(1/2) ln det H"}
