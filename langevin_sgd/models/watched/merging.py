"""Several runs of one loop as the replicas of one: what they must have in common, and what is pooled over them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.drift_and_spread import POOLED, displacement_summary, pooled
from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.models.section import ModelSection
from langevin_sgd.models.watched.config import WatchedModel
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.training import AT_MINIMUM

Array = NDArray[np.float64]

RECORDED = "recorded"
"""Attribute with the names of what was recorded, as JSON: observables, coordinates and attributes. The rest came later,
from laws and from the study."""

_VISITED = "visited_weights"
_PRECONDITIONER = "preconditioner"
_AGREED = 1e-6  # of the largest number: found by several searches, a minimum and its curvature differ by rounding
_ALIGNED = 1e-4  # of 1, the square of an overlap of eigenvectors: so much of its variance a mode takes from others
_SUMMARIES = frozenset((*POOLED, "mode_mean", "mode_mean_stderr", "mode_variance", "mode_variance_stderr"))


def told(data: xr.Dataset) -> xr.Dataset:
    """What was recorded, with the names of it all."""
    names = {"observables": list(data.data_vars), "coordinates": list(data.coords), "attributes": list(data.attrs)}
    return data.assign_attrs({RECORDED: json.dumps(names)})


def single(model: ModelSection, name: str) -> WatchedModel:
    """The model of a run that can be merged. Raises `UserError` for another kind, and for one that was merged."""
    if not isinstance(model, WatchedModel):
        raise UserError(f"{name}: is of kind {model.kind}; runs of langevin_sgd.watch can be merged")
    if model.replicas > 1:
        raise UserError(f"{name}: is merged of {model.replicas} runs already; merge those themselves, all at once")
    return model


def merged_model(models: Mapping[str, WatchedModel], data: Sequence[xr.Dataset]) -> WatchedModel:
    """That of all runs, by their names. Raises `UserError` for runs that have the same seed."""
    seeds: dict[int, str] = {}
    for name, model in models.items():
        (seed,) = model.seeds
        if seed in seeds:
            raise UserError(f"{name}: has the seed {seed} of {seeds[seed]}: the same numbers again; leave out one")
        seeds[seed] = name
    first = next(iter(models.values()))
    start = first.start
    if start == "shared" and any(not _same_start(data[0], each) for each in data[1:]):
        start = "independent"
    return first.model_copy(update={"seeds": tuple(seeds), "start": start})


def _same_start(one: xr.Dataset, other: xr.Dataset) -> bool:
    return np.array_equal(one[_VISITED].values[0, 0], other[_VISITED].values[0, 0])


def merged_data(model: WatchedModel, runs: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """The observables of all runs, by their names, as those of one ensemble; `model` is `merged_model` of them.

    What each replica has is put side by side, what is pooled over replicas is pooled again, and what they have in
    common is that of the first. Raises `UserError` for runs about different minima, and for what a probe has pooled
    over the replicas of each run.
    """
    first, *others = runs
    data, names = runs[first], json.loads(runs[first].attrs[RECORDED])
    for name in others:
        if not np.array_equal(runs[name]["time"].values, data["time"].values):
            raise UserError(
                f"{name}: its learning rate went another way than in {first}, as by a scheduler that looks at the "
                "loss; let all runs have one schedule"
            )
    signs = {name: _same_modes(first, data, name, runs[name]) for name in runs}
    values: dict[str, ArrayLike] = {}
    for name in sorted({*names["observables"]} - _SUMMARIES - {_VISITED}):
        parts = {run: _in_signs(name, each[name].values, signs[run]) for run, each in runs.items()}
        if "replica" in data[name].dims:
            values[name] = np.concatenate([*parts.values()], axis=data[name].dims.index("replica"))
            continue
        if name == _PRECONDITIONER:  # as it is averaged over the replicas of one run
            values[name] = len(runs) / sum(1.0 / part for part in parts.values())
            continue
        values[name] = parts[first]
        different = [run for run in others if name not in AT_MINIMUM and not _close(parts[run], parts[first])]
        if different:
            raise UserError(
                f"{different[0]}: {name} is another than in {first}, and pooled over the replicas of one run; leave "
                "out the probe that measures it, or train with kind: network"
            )
    visited = np.concatenate([each[_VISITED].values for each in runs.values()]).astype(np.float64)
    values |= pooled(displacement_summary((visited - visited[:, :1]).swapaxes(0, 1)))
    if "mode_moment_1" in values:
        summary = stationary_summary(np.asarray(values["mode_moment_1"]), np.asarray(values["mode_moment_2"]))
        for quantity, estimate in (("mode_mean", summary.mean), ("mode_variance", summary.variance)):
            values |= {quantity: estimate.value, f"{quantity}_stderr": estimate.stderr}
    coords = {name: data[name].values for name in names["coordinates"]} | {"replica": np.arange(len(runs))}
    attrs = {name: data.attrs[name] for name in names["attributes"]} | {"start": model.start}
    return dataset(values, coords=coords, declares=model.declares(), attrs=attrs)


def _same_modes(first: str, data: xr.Dataset, other: str, its: xr.Dataset) -> Array:
    """Signs (mode,) of the eigenvectors of one run along those of the first one.

    Raises `UserError` unless both have the same minimum, H and C, and fluctuate along the same eigenvectors in all
    modes that the noise reaches.
    """
    if "hessian_eigenvector" not in data:
        return np.ones(0)
    for name in ("minimum", "hessian", "noise_covariance", "hessian_eigenvalue", "noise_trace"):
        if name in data and not _close(its[name].values, data[name].values):
            raise UserError(
                f"{other}: its {name.replace('_', ' ')} is another than in {first}; let all runs start from the "
                "weights that one langevin_sgd.to_minimum has found"
            )
    overlap = np.einsum("pm,pm->m", data["hessian_eigenvector"].values, its["hessian_eigenvector"].values)
    turned = (overlap**2 < 1.0 - _ALIGNED) & data["noisy"].values
    if turned.any():
        raise UserError(
            f"{other}: mode {int(np.argmax(turned))} of its Hessian is another than in {first}, since eigenvalues are "
            "as good as equal; let all runs start from the weights that one langevin_sgd.to_minimum has found"
        )
    return np.where(overlap < 0.0, -1.0, 1.0)


def _in_signs(name: str, values: NDArray[Any], signs: Array) -> NDArray[Any]:
    return values * signs if name == "mode_moment_1" else values


def _close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape or one.dtype.kind not in "fiub":
        return bool(np.array_equal(one, other))
    largest = float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other)))
    return bool(np.allclose(one, other, rtol=0.0, atol=_AGREED * largest, equal_nan=True))
