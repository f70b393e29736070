"""Scanned studies of a few modes, and the same with points that failed or are to come."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from langevin_sgd.observables.points_done import DONE, ERROR, FAILED, PENDING, STATUS
from langevin_sgd.observables.scanned import dimensions

RATES, BATCHES = (0.1, 0.2, 0.5), (4, 16)


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
