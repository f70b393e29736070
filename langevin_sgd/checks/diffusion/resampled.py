"""Verdict on an estimate from its bootstrap resamples, where its error is not Student's."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.statistics import POWER, Assessment, Band, classify, conclusion, inconclusive, settled

Array = NDArray[np.float64]


def assess_resampled(
    estimate: float,
    resamples: Array,
    *,
    band: Band,
    confidence: float,
    name: str,
    shown: Callable[[float], float] = float,
    cure: str,
) -> Assessment:
    """Equivalence test of an estimate against a band by the percentile interval of its `resamples` (resample,).

    Resamples that are not finite count as lying at that end. The p-value is the share of resamples on the far side of
    the nearer edge, (1 + number)/(1 + resamples); `stderr`, on the scale of the test, is half the central 68%.
    `shown` and `cure` are as in `assess`.
    """
    if not math.isfinite(estimate) or np.isnan(resamples).any():
        return inconclusive(shown(estimate), math.nan, f"{name} is not finite")
    tail = 0.5 - confidence / 2.0
    low, high = (float(q) for q in np.quantile(resamples, [tail, 1.0 - tail], method="nearest"))
    stderr = float(np.diff(np.quantile(resamples, [0.16, 0.84], method="nearest"))[0]) / 2.0
    verdict = classify(low, high, band)
    half = (high - low) / 2.0
    to_see = half * (1.0 + float(scipy.special.ndtri(POWER) / scipy.special.ndtri(1.0 - tail)))
    reason = f"{name} {shown(estimate):.4g}, {100 * confidence:.4g}% interval {shown(low):.4g} to {shown(high):.4g}, "
    reason += conclusion(estimate, verdict, band, to_see, shown=shown, cure=cure)
    beyond = min(np.sum(resamples <= band.high), np.sum(resamples >= band.low))
    p_value = float((1 + beyond) / (1 + resamples.size))
    short = settled(estimate, verdict, band, to_see, shown=shown, cure=cure)
    return Assessment(shown(estimate), stderr, shown(low), shown(high), verdict, p_value, reason, short)
