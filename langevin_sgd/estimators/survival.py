"""First-passage times of which some were not seen before the end: survival curve, mean, and how exponential they are.

A walker that has not arrived when the run ends is censored: it says that its time is longer than the run. Leaving it
out biases the mean low; so does counting the end as its time.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

LAG_SHARE = 0.1  # of the arrivals come before the lag, in which the first passage is not yet at random
_SUPREMUM_95 = 1.094  # of sqrt(n) D where the mean is fitted (Lilliefors 1969; Stephens 1974); less with censoring


@dataclass(frozen=True)
class SurvivalCurve:
    """Share of walkers not yet arrived after each of the ascending `time`, with a 95% band."""

    time: Array
    survival: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class MeanFirstPassage:
    """The mean first-passage time and what it rests on.

    `tail_mean` is the mean time still to go of those that have not arrived at `lag`; `exponential_distance` is the
    sup-distance of their survival from exp(-(t - lag)/tail_mean) up to the end, and `exponential_noise` is what it is
    below in 19 of 20 cases where the law is exponential.
    """

    mean: float
    stderr: float
    arrived: int
    censored_share: float
    lag: float
    tail_mean: float
    exponential_distance: float
    exponential_noise: float


def kaplan_meier(times: ArrayLike, end: float) -> SurvivalCurve:
    """Kaplan and Meier's survival of first-passage `times` (replica,), NaN where none was seen until `end`.

    The band is that of scipy.stats.ecdf, log(-log) of Greenwood's variance. Raises `ValueError` without any arrival or
    if a time lies beyond the end.
    """
    values, censored = _right_censored(times, end)
    curve = scipy.stats.ecdf(scipy.stats.CensoredData.right_censored(values, censored)).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a survival of 1 or 0 has a band of no width
        interval = curve.confidence_interval(method="log-log")
    low, high = interval.low.probabilities, interval.high.probabilities
    survival = curve.probabilities
    return SurvivalCurve(
        curve.quantiles, survival, np.where(np.isnan(low), survival, low), np.where(np.isnan(high), survival, high)
    )


def mean_first_passage(times: ArrayLike, end: float) -> MeanFirstPassage:
    """Mean of first-passage `times` (replica,), NaN where none was seen until `end`, with its standard error.

    mean = <min(t, lag)> + S(lag) tau,  tau = (sum of the times spent after the lag)/(number of arrivals after it):
    the restricted mean up to the lag, which assumes nothing, and Epstein and Sobel's maximum-likelihood exponential
    for the rest (1953), since barriers are forgotten after a short while and crossed at random. The lag is the time by
    which a tenth of those that arrive have done so. If nobody is censored this is the plain mean, whatever the law,
    and whatever the lag. The error is that of the ratio of means over replicas (delta method): no assumption there.

    Raises `ValueError` for fewer than 2 arrivals after the lag, or if a time lies beyond the end.
    """
    values, censored = _right_censored(times, end)
    lag = float(np.quantile(values[~censored], LAG_SHARE, method="lower"))
    late = values > lag
    early, rest = np.minimum(values, lag), np.maximum(values - lag, 0.0)
    events = late & ~censored
    if events.sum() < 2:
        raise ValueError(f"{events.sum()} arrivals after the lag are too few for a mean")
    share, arrivals = late.mean(), events.mean()
    tail = float(rest.mean() / arrivals)
    mean = float(early.mean() + share * tail)
    influence = early - early.mean() + (late - share) * tail
    influence += share * ((rest - rest.mean()) - tail * (events - arrivals)) / arrivals
    stderr = float(influence.std(ddof=1)) / math.sqrt(values.size)
    distance = _exponential_distance(rest[late], censored[late], tail)
    return MeanFirstPassage(
        mean=mean,
        stderr=stderr,
        arrived=int((~censored).sum()),
        censored_share=float(censored.mean()),
        lag=lag,
        tail_mean=tail,
        exponential_distance=distance,
        exponential_noise=_SUPREMUM_95 / math.sqrt(float(late.sum())),
    )


def _exponential_distance(rest: Array, censored: NDArray[np.bool_], tail: float) -> float:
    """sup |S(t) - exp(-t/tail)| of the Kaplan-Meier survival of `rest`, on both sides of every arrival."""
    curve = scipy.stats.ecdf(scipy.stats.CensoredData.right_censored(rest, censored)).sf
    law = np.exp(-curve.quantiles / tail)
    before = np.concatenate([[1.0], curve.probabilities[:-1]])
    return float(max(np.abs(curve.probabilities - law).max(), np.abs(before - law).max()))


def _right_censored(times: ArrayLike, end: float) -> tuple[Array, NDArray[np.bool_]]:
    values = real_array(times, "the times", UserError)
    censored = np.isnan(values)
    if values.ndim != 1 or censored.all():
        raise ValueError("no first passage was seen" if values.ndim == 1 else "times must be (replica,)")
    if np.any(values > end * (1.0 + 1e-9)) or np.any(values < 0.0):
        raise ValueError(f"first-passage times must lie between 0 and the end, {end:g}")
    return np.where(censored, end, values), censored
