"""Local exponent d ln<x^2>/d ln(ln t + c) against ln t: what was reached, without fitting one law to all times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

MINIMUM_TIMES = 3


@dataclass(frozen=True)
class LocalExponent:
    """Slopes `exponent` at `ln_time`, with standard errors and the ends of the windows they were taken over."""

    ln_time: Array
    exponent: Array
    stderr: Array
    ln_time_low: Array
    ln_time_high: Array


def local_exponent(
    ln_time: ArrayLike, squares: ArrayLike, *, shift: float = 0.0, width: float = math.log(1.5), points: int = 16
) -> LocalExponent:
    """Least-squares slope of ln<x^2> against ln(ln t + c) in windows of `width` in that variable.

    `ln_time` (time,) ascending, `squares` (sample, time); up to `points` windows, equally spaced in the same variable;
    those with fewer than 3 times are left out. With the true c the logarithmic law has the same slope p everywhere;
    with c = 0 it is p ln t/(ln t + c). The slope is linear in ln<x^2>, so its error is that of the mean over samples
    of sum_j a_j x_j^2/<x_j^2>, which keeps the correlation between times. Neighbouring windows overlap. Raises
    `UserError` if no window holds 3 times, and for fewer than 4 samples.
    """
    values = real_array(squares, "the squares", UserError)
    logarithm = real_array(ln_time, "the ln time", UserError) + shift
    usable = (logarithm > 0.0) & (values.mean(axis=0) > 0.0)
    if values.shape[0] < 4:
        raise UserError(f"{values.shape[0]} samples give no errors; at least 4 are needed")
    if not usable.any():
        raise UserError("no recorded time has ln t + shift > 0 and <x^2> > 0; run longer")
    x, values = np.log(logarithm[usable]), values[:, usable]
    mean = values.mean(axis=0)
    half = width / 2.0
    rows = []
    for centre in np.linspace(x[0] + half, max(x[-1] - half, x[0] + half), points):
        inside = np.abs(x - centre) <= half * (1.0 + 1e-12)
        if inside.sum() < MINIMUM_TIMES:
            continue
        weight = x[inside] - x[inside].mean()
        weight /= weight @ weight
        slope = float(weight @ np.log(mean[inside]))
        each = (values[:, inside] / mean[inside]) @ weight
        rows.append(
            (centre, slope, each.std(ddof=1) / math.sqrt(each.size), x[inside][0], x[inside][-1]),
        )
    if not rows:
        raise UserError(f"no window of width {width:.3g} in ln(ln t + c) holds {MINIMUM_TIMES} times; record more")
    centre, slope, stderr, low, high = np.array(rows).T
    return LocalExponent(np.exp(centre) - shift, slope, stderr, np.exp(low) - shift, np.exp(high) - shift)
