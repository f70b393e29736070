"""The squared displacement of replicas, split into the drift of their mean and their spread about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.estimators.squared_mean import SquaredMean, squared_mean
from langevin_sgd.estimators.stationary import jackknife_stderr

Array = NDArray[np.float64]


class DisplacementSummary(NamedTuple):
    """The mean squared displacement and its two parts at one time, and what the interval of the drift needs."""

    squared_displacement: Array
    drift_squared: float
    drift_squared_stderr: float
    spread: float
    spread_stderr: float
    spread_dimension: float
    spread_along_drift: float


POOLED = DisplacementSummary._fields[1:]
"""The observables of a summary that are pooled over replicas."""


def displacement_summary(displacements: ArrayLike) -> DisplacementSummary:
    """Split the squared displacement of replicas, shape (replica, coordinate), into drift and spread.

    With x_r the displacement of replica r from its start and m their mean:
    spread = sum_r |x_r - m|^2/(R - 1), drift_squared = |m|^2 - spread/R (unbiased: the noise of the mean is removed, so
    it may come out slightly negative). The error of the spread is a jackknife over replicas; that of the drift is the
    one of `squared_mean`, which holds where there is no drift as well. NaN where R is too small.
    """
    x = np.asarray(displacements, dtype=np.float64)
    replicas = x.shape[0]
    squared = np.einsum("rd,rd->r", x, x)
    drift = squared_mean(x)
    if replicas < 2:
        return DisplacementSummary(squared, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan)
    deviation = x - x.mean(0)
    about_mean = np.einsum("rd,rd->r", deviation, deviation)
    sum_of_squares = float(about_mean.sum())
    others = replicas - 1
    without = (sum_of_squares - replicas / others * about_mean) / (others - 1) if others > 1 else np.full(2, np.nan)
    return DisplacementSummary(
        squared,
        float(drift.value),
        float(drift.stderr),
        sum_of_squares / others,
        float(jackknife_stderr(without)),
        float(drift.dimension),
        float(drift.along),
    )


def pooled(summaries: Sequence[DisplacementSummary]) -> dict[str, ArrayLike]:
    """The observables `POOLED` of summaries, one a time."""
    return {name: [getattr(summary, name) for summary in summaries] for name in POOLED}


def drift_of(dataset: xr.Dataset) -> SquaredMean:
    """`drift_squared` (time) of a dataset with its error and interval.

    Runs of earlier versions do not say which directions share the spread: one then has it all, which makes the interval
    widest near 0, and the variance along the drift is what the error, 4 v |mu|^2/R squared, says.
    """
    replicas = int(dataset.sizes["replica"])

    def values(name: str) -> Array:
        return np.asarray(dataset[name].values, dtype=np.float64)

    drift, stderr, spread = (values(name) for name in ("drift_squared", "drift_squared_stderr", "spread"))
    if "spread_dimension" in dataset and "spread_along_drift" in dataset:
        return SquaredMean(drift, stderr, spread, values("spread_dimension"), values("spread_along_drift"), replicas)
    along = np.minimum(replicas * stderr**2 / np.where(drift > 0.0, 4.0 * drift, np.inf), spread)
    return SquaredMean(drift, stderr, spread, np.ones_like(spread), np.where(drift > 0.0, along, spread), replicas)
