"""Scanned studies of a few modes, and the same with points that failed or are to come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from langevin_sgd.checks.equilibrium.point import TOTAL_VARIANCE
from langevin_sgd.checks.verdicts.statistics import assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison, to_dataset
from langevin_sgd.config.axis import Axis
from langevin_sgd.observables import blocks
from langevin_sgd.observables.blocks import DONE, ERROR, FAILED, PENDING, STATUS
from langevin_sgd.observables.scanned import SCAN, coordinates, dimensions

RATES, BATCHES = (0.1, 0.2, 0.5), (4, 16)
ANHARMONIC = {
    "kind": "langevin",
    "potential": {"kind": "expression", "energy": "x**2/2 + c*x**4", "variables": ["x"], "parameters": {"c": 0.1}},
    "temperature": 0.2,
    "start": [0.0],
    "steps": 20,
    "replicas": 16,
    "record_times": 4,
}
"""Cheap at any number of points; at a learning rate of 50 it diverges."""


def study(**changed: object) -> dict:
    """An Ornstein-Uhlenbeck model of three modes over learning rate and batch size."""
    model = {
        "kind": "ornstein_uhlenbeck",
        "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5, 0.2]},
        "noise": {"kind": "diagonal", "variances": [0.5, 0.4, 0.1]},
        "replicas": 32,
        "steps": 4000,
    }
    return {
        "name": "scanned",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 4},
        "models": {"ou": model},
        "checks": [{"kind": "equilibrium", "tolerance": 0.1}],
        "scan": {"sgd.learning_rate": list(RATES), "sgd.batch_size": list(BATCHES)},
        **changed,
    }


def half_done(
    model: xr.Dataset, failed: Mapping[tuple[int, ...], str], pending: tuple[tuple[int, ...], ...] = ()
) -> xr.Dataset:
    """The same model as a run leaves it of which these points, by their indices, failed or are to come."""
    names = dimensions(model)
    shape = tuple(model.sizes[name] for name in names)
    status, error = np.full(shape, DONE, dtype=np.int8), np.full(shape, "", dtype="<U99")
    for index, reason in failed.items():
        status[index], error[index] = FAILED, reason
    for index in pending:
        status[index] = PENDING
    there = xr.DataArray(status == DONE, dims=names)
    numbers = {
        name: variable.where(there)
        for name, variable in model.data_vars.items()
        if variable.dtype.kind == "f" and set(names) <= set(variable.dims)
    }
    return model.assign({**numbers, STATUS: (names, status), ERROR: (names, error)})


ETAS, SIZES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0), (4, 8, 16, 64)
FAILED_AT, PENDING_AT = (5, 0), (5, 3)


def a_row(model: str, law: str, ratio: float, **at: float | str) -> Comparison:
    """The total variance of a model at a point, over a law, with an error of 1% and a tolerance of 5%."""
    assessed = assess_ratio(ratio, 0.01 * ratio, 1.0, dof=63, tolerance=0.05, confidence=0.95, name="ratio")
    row = Comparison.from_assessment(
        assessed, model=model, quantity=TOTAL_VARIANCE, law=law, role="law" if law == "discrete" else "contrast",
        measured=ratio, standard_error=0.01 * ratio, predicted=1.0, tolerance=0.05, eigenvalues=np.empty(0),
    )  # fmt: skip
    point = ", ".join(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in at.items())
    return replace(row, point=point, at=at)


def a_model(kind: str) -> xr.Dataset:
    """A model over learning rate and batch size, of which one point failed and one is to come."""
    rate = ("learning_rate", list(ETAS), {"long_name": "learning rate", "units": "1"})
    size = ("batch_size", list(SIZES), {"long_name": "batch size", "units": "1"})
    attrs = {SCAN: ["learning_rate", "batch_size"], "kind": kind, "status": "done"}
    values = {"train_loss": ((), 1.0)} if kind == "network" else {}
    model = xr.Dataset(values, coords={"learning_rate": rate, "batch_size": size}, attrs=attrs)
    return half_done(model, {FAILED_AT: "diverged at step 31"}, (PENDING_AT,))


def a_map(models: tuple[str, ...] = ("network", "ou", "isotropic")) -> xr.DataTree:
    """Comparisons over a grid: the network is off by noise and step, what is simulated is not."""
    rng = np.random.default_rng(0)
    rows = []
    for name in models:
        for i, j in np.ndindex(len(ETAS), len(SIZES)):
            if (i, j) in (FAILED_AT, PENDING_AT):
                continue
            eta, size = ETAS[i], float(SIZES[j])
            own = 1 + 0.3 * eta / size**0.5 if name == "network" else 1.0
            for law, mean in (
                ("discrete", own),
                ("continuum", 1.05 * (1 + 0.3 * eta)),
                ("isotropic", 0.14 * (1 + eta)),
            ):
                rows.append(a_row(name, law, mean * np.exp(0.01 * rng.normal()), learning_rate=eta, batch_size=size))
    every = {name: a_model("network" if name == "network" else "ornstein_uhlenbeck") for name in models}
    provenance = json.dumps({"config": {"name": "map", "checks": []}})
    root = xr.Dataset(attrs={"provenance": provenance})
    return xr.DataTree.from_dict({"/": root, **every, "checks": to_dataset(rows, level=0.05, not_compared=[])})


def stack(datasets: Sequence[xr.Dataset], axes: Sequence[Axis]) -> xr.Dataset:
    """The datasets of all points of a grid, last axis fastest, as a run of the axes leaves them."""
    names = [axis.name for axis in axes]
    labels = [label for axis in axes for label in axis.labels]
    bare = [dataset.drop_vars(labels, errors="ignore") for dataset in datasets]
    whole = laid(bare, names, tuple(map(len, axes)))
    attrs = {**datasets[0].attrs, SCAN: names}
    return whole.assign_coords(coordinates(axes, datasets[0])).assign_attrs(attrs)


def laid(datasets: Sequence[xr.Dataset], names: Sequence[str], shape: tuple[int, ...]) -> xr.Dataset:
    """The same without the coordinates of axes and without attributes."""
    whole = blocks.collapsed(blocks.block(datasets, [""] * len(datasets), names, shape), names)
    return whole.drop_vars([STATUS, ERROR]).drop_attrs(deep=False)
