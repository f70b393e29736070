"""The squared displacement of replicas, split into the drift of their mean and their spread about it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.estimators.squared_mean import SquaredMean, of_deviations
from langevin_sgd.estimators.stationary import jackknife_stderr

Array = NDArray[np.float64]


class DisplacementSummary(NamedTuple):
    """The squared displacement, mean and parts, and what the interval of the drift needs, at one time or at many.

    `squared_displacement` is (..., replica), the others (...).
    """

    squared_displacement: Array
    drift_squared: Array
    drift_squared_stderr: Array
    spread: Array
    spread_stderr: Array
    spread_dimension: Array
    spread_along_drift: Array


POOLED = DisplacementSummary._fields[1:]
"""The observables of a summary that are pooled over replicas."""

_AT_ONCE = 1 << 15  # numbers whose summaries are worked out together: they stay in a core's own memory


def displacement_summary(displacements: ArrayLike) -> DisplacementSummary:
    """Split the squared displacement of replicas, shape (..., replica, coordinate), into drift and spread.

    With x_r the displacement of replica r from its start and m their mean:
    spread = sum_r |x_r - m|^2/(R - 1), drift_squared = |m|^2 - spread/R (unbiased: the noise of the mean is removed, so
    it may come out slightly negative). The error of the spread is a jackknife over replicas; that of the drift is the
    one of `squared_mean`, which holds where there is no drift as well. NaN where R is too small. Leading dimensions,
    such as times and points of a scan, change no bit of what each has alone.
    """
    x = np.asarray(displacements, dtype=np.float64)
    if x.ndim == 2:
        return _summary(x)
    lead, size = x.shape[:-2], x.shape[-2] * x.shape[-1]
    flat = x.reshape(-1, *x.shape[-2:])
    if size > np.getbufsize():  # numpy cuts sums there, and not alike in arrays of several dimensions
        each = [_summary(one) for one in flat]
        parts = [np.stack(values) for values in zip(*each, strict=True)]
    else:
        together = max(1, _AT_ONCE // size)
        each = [_summary(flat[first : first + together]) for first in range(0, len(flat), together)]
        parts = [np.concatenate(values) for values in zip(*each, strict=True)]
    return DisplacementSummary(*(part.reshape(*lead, *part.shape[1:]) for part in parts))


def _summary(x: Array) -> DisplacementSummary:
    replicas = x.shape[-2]
    squared = np.einsum("...rd,...rd->...r", x, x)
    mean = x.mean(axis=-2)
    deviation = x - mean[..., None, :]
    drift = of_deviations(x, mean, deviation)
    if replicas < 2:
        nothing = np.full(squared.shape[:-1], np.nan)
        return DisplacementSummary(squared, nothing, nothing, nothing, nothing, nothing, nothing)
    about_mean = np.einsum("...rd,...rd->...r", deviation, deviation)
    sum_of_squares = about_mean.sum(axis=-1)
    others = replicas - 1
    if others > 1:
        without = (sum_of_squares[..., None] - replicas / others * about_mean) / (others - 1)
    else:
        without = np.full(about_mean.shape, np.nan)
    return DisplacementSummary(
        squared,
        drift.value,
        drift.stderr,
        sum_of_squares / others,
        jackknife_stderr(without, axis=-1),
        drift.dimension,
        drift.along,
    )


def pooled(summary: DisplacementSummary) -> dict[str, ArrayLike]:
    """The observables `POOLED` of a summary."""
    return {name: getattr(summary, name) for name in POOLED}


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
