"""How far SGD's displacements are the noise-free path and linear response about it, from replicas and their responses.

Of replica r: w_r, and v_r, which linear response to the same minibatches says of w_r less the noise-free path c. What
is common to both cancels in ratios, so that their errors are several times smaller than those of either.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.estimators.squared_mean import squared_mean
from langevin_sgd.estimators.stationary import jackknife_stderr

Array = NDArray[np.float64]


class LinearResponse(NamedTuple):
    """Numbers at one time, with standard errors by jackknife over replicas; NaN where nothing has moved.

    `tangent_spread` is sum_r |v_r - <v>|^2/(R - 1), and `spread_over_tangent` the same of w over it;
    `tangent_residual` = sum |w - c - v|^2/sum |v|^2, which is what linear response leaves out, of second order in the
    noise; `tangent_correlation` that of w_r - <w> and v_r - <v>, summed over coordinates and replicas;
    `drift_over_control` = |<w> - w_0|^2/|c - w_0|^2 without the noise of the mean.
    """

    tangent_spread: float
    tangent_spread_stderr: float
    spread_over_tangent: float
    spread_over_tangent_stderr: float
    tangent_residual: float
    tangent_residual_stderr: float
    tangent_correlation: float
    drift_over_control: float
    drift_over_control_stderr: float


def linear_response(
    displacements: ArrayLike, responses: ArrayLike, control: ArrayLike, *, unbiased: bool
) -> LinearResponse:
    """From displacements w - w_0 and responses v (replica, coordinate), and the control's c - w_0 (coordinate,).

    `unbiased` says that <v> = 0, as it is where every minibatch is drawn by itself: then w - v has the mean of w, and
    the drift is taken from it where it has less noise.
    """
    x, v = (np.asarray(each, dtype=np.float64) for each in (displacements, responses))
    c = np.asarray(control, dtype=np.float64)
    own, theirs = x - x.mean(axis=0), v - v.mean(axis=0)
    spread, tangent = (_sum_and_left_out(each) for each in (own, theirs))
    both = float(np.einsum("rd,rd->", own, theirs))
    rest = x - c - v
    squares, missed = (np.einsum("rd,rd->r", each, each) for each in (v, rest))
    steadier = unbiased and _sum_and_left_out(own - theirs).whole < spread.whole
    drift = squared_mean(x - v if steadier else x)
    square = float(c @ c)
    others = len(x) - 1
    return LinearResponse(
        tangent.whole / others if others else np.nan,
        _error(tangent.left_out / (others - 1) if others > 1 else np.full(len(x), np.nan)),
        _ratio(spread.whole, tangent.whole),
        _error(_ratios(spread.left_out, tangent.left_out)),
        _ratio(missed.sum(), squares.sum()),
        _error(_ratios(missed.sum() - missed, squares.sum() - squares)),
        _ratio(both, float(np.sqrt(spread.whole * tangent.whole))),
        _ratio(float(drift.value), square),
        _ratio(float(drift.stderr), square),
    )


class _Squares(NamedTuple):
    """sum_r |x_r - <x>|^2, and what it is with each replica left out (replica,)."""

    whole: float
    left_out: Array


def _sum_and_left_out(deviations: Array) -> _Squares:
    each = np.einsum("rd,rd->r", deviations, deviations)
    whole, replicas = float(each.sum()), len(each)
    return _Squares(whole, whole - each * (replicas / (replicas - 1) if replicas > 1 else np.nan))


def _ratio(over: float, under: float) -> float:
    return float(over / under) if under > 0.0 else np.nan


def _ratios(over: Array, under: Array) -> Array:
    result: Array = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0.0)
    return result


def _error(left_out: Array) -> float:
    return float(jackknife_stderr(left_out))
