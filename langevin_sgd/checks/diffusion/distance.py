"""Sup-distance between a measured distribution and a law, with an interval over replicas.

With F the true distribution, G the law and F_R the pooled empirical one of R independent replicas, the measured
D = sup|F_R - G| differs from the true sup|F - G| by no more than sup|F_R - F|. The bootstrap over whole replicas,
which keeps the correlations in time of each, gives the law of that: q is the quantile of sup|F* - F_R| at the
confidence, and the true distance lies in [D - q, D + q] with at least that probability (Bickel and Freedman 1981 for
the bootstrap of sup F_R - F). This is a statement about a distance, not a test of exact equality, which any real
process fails with enough data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.statistics import (
    LONGER,
    MINIMUM_REPLICAS,
    POWER,
    Assessment,
    Band,
    classify,
    conclusion,
    inconclusive,
    settled,
    too_few_replicas,
)
from langevin_sgd.random_numbers.streams import Stream, integers

Array = NDArray[np.float64]

RESAMPLES = 1999  # so that the smallest p-value, 1/2000, passes Holm's rule at 5% among 100 rows
LAW_POINTS = 1024
GRID_POINTS = 512


@dataclass(frozen=True)
class Resampled:
    """Sorted sup|F* - F_R| of the bootstrap, widened for few replicas."""

    deviations: Array

    def half_width(self, confidence: float) -> float:
        """The quantile q of sup|F* - F_R| at the confidence."""
        return float(np.quantile(self.deviations, confidence, method="higher"))

    def p_value(self, excess: float) -> float:
        """Probability of a deviation of at least `excess`: (1 + number above)/(1 + resamples)."""
        above = self.deviations.size - np.searchsorted(self.deviations, excess, side="left")
        return float((1 + above) / (1 + self.deviations.size))


def sup_distance(samples: Array, cdf: Callable[[Array], Array]) -> float:
    """sup_x |F(x) - G(x)| between the pooled empirical F of `samples`, any shape, and the law's distribution `cdf`.

    The law is evaluated at up to 1,024 quantiles of the samples, extremes included, and interpolated linearly between
    them; within a gap both run over about 0.1%, so the interpolation is off by far less than that.
    """
    pooled = np.sort(np.asarray(samples, dtype=np.float64), axis=None)
    positions = np.unique(np.linspace(0, pooled.size - 1, min(LAW_POINTS, pooled.size)).astype(np.int64))
    points = np.unique(pooled[positions])
    law = np.interp(pooled, points, np.asarray(cdf(points), dtype=np.float64))
    rank = np.arange(pooled.size)
    return float(max(np.max((rank + 1) / pooled.size - law), np.max(law - rank / pooled.size)))


def resample(samples: Array, *, seed: int, resamples: int = RESAMPLES) -> Resampled:
    """Bootstrap of sup|F* - F_R| over the replicas of `samples`, shape (replica, sample).

    Replicas are drawn by the counter-based generator, so the same seed gives the same interval. The deviations are
    multiplied by sqrt(R/(R-1)) t_{R-1}/z (at 95%), which undoes the bootstrap's bias and thin tails for few replicas.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64), axis=1)
    replicas, count = ordered.shape
    grid = np.quantile(ordered, np.linspace(0.0, 1.0, GRID_POINTS))
    each = np.stack([np.searchsorted(row, grid, side="right") for row in ordered]) / count
    chosen = integers(
        seed,
        trajectories=np.arange(resamples),
        steps=np.array([0]),
        components=replicas,
        upper=replicas,
        stream=Stream.RESAMPLING,
    )[0]
    flat = (chosen + replicas * np.arange(resamples)[:, None]).ravel()
    weights = np.bincount(flat, minlength=resamples * replicas).reshape(resamples, replicas) / replicas
    deviations = np.abs((weights - 1.0 / replicas) @ each).max(axis=1)
    small = (
        math.sqrt(replicas / (replicas - 1))
        * float(scipy.special.stdtrit(replicas - 1, 0.975))
        / float(scipy.special.ndtri(0.975))
    )
    return Resampled(np.sort(small * deviations))


def assess_distance(
    distance: float,
    resampled: Resampled | None,
    *,
    replicas: int,
    bound: float,
    confidence: float,
    cure: str = LONGER,
) -> Assessment:
    """Whether the true sup-distance stays within `bound`: verdict from the interval [D - q, D + q], cut at 0.

    D misses the truth by more than the deviations' 80% quantile in a fifth of cases at most: the power is a lower
    bound.
    `resampled` may be None only where fewer than 4 replicas allow no verdict. `cure` names what should be more.
    """
    if resampled is None or replicas < MINIMUM_REPLICAS:
        return inconclusive(distance, math.nan, too_few_replicas(replicas))
    half = resampled.half_width(confidence)
    low, high = max(0.0, distance - half), distance + half
    band = Band(-math.inf, bound)
    verdict = classify(low, high, band)
    reason = (
        f"largest difference of the distribution functions {distance:.3g}, {100 * confidence:.4g}% interval "
        f"{low:.3g} to {high:.3g} (half-width {half:.2g}), "
    )
    to_see = half + resampled.half_width(POWER)
    reason += conclusion(distance, verdict, band, to_see, cure=cure)
    return Assessment(
        distance,
        half / float(scipy.special.ndtri(0.5 + confidence / 2)),
        low,
        high,
        verdict,
        resampled.p_value(distance - bound),
        reason,
        settled(distance, verdict, band, to_see, cure=cure),
    )
