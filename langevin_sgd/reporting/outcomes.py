"""Where a model ended, for those with which nothing is compared: observables at the last recorded time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from langevin_sgd.reporting.verdict_table import plain

OUTCOMES = (
    ("train_loss", "train loss"),
    ("test_accuracy", "test accuracy"),
    ("squared_displacement", "displacement²"),
    ("drift_squared", "drift²"),
    ("spread", "spread"),
    ("ln_time", "ln t"),
    ("censored", "censored"),
)
"""Observables that say it, with what they are called."""


def ended(model: xr.Dataset) -> str:
    """`ends with train loss 0.036, test accuracy 0.98`, means over replicas, or the range of these over a scan.

    Empty if it holds none of them.
    """
    if "time" not in model.dims:
        return ""
    there = [(key, label) for key, label in OUTCOMES if key in model and "time" in model[key].dims]
    told = [f"{label} {number}" for key, label in there if (number := _over_points(model[key]))]
    return f"ends with {', '.join(told)}" if told else ""


def _over_points(variable: xr.DataArray) -> str:
    last = variable.isel(time=-1).astype(np.float64)
    own = [dim for dim in last.dims if dim in ("replica", "disorder")]
    means = last.mean(own).values
    means = means[np.isfinite(means)]
    if not means.size:
        return ""
    low, high = (plain(float(end)) for end in (means.min(), means.max()))
    return low if low == high else f"{low} to {high}"
