"""Sums over modes: bins of similar eigenvalue, and the squared mean without its noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.observables import jackknife_stderr

Array = NDArray[np.float64]
Modes = NDArray[np.bool_]


def eigenvalue_bins(eigenvalue: Array, noisy: Modes, bins: int) -> list[Modes]:
    """Masks of the noisy modes in `bins` bins of equal width in log eigenvalue, sharpest first, empty ones left out.

    Modes without noise, and modes whose eigenvalue is not positive, are in none.
    """
    usable = noisy & (eigenvalue > 0)
    if not usable.any():
        return []
    logarithm = np.log(np.where(usable, eigenvalue, 1.0))
    low, high = logarithm[usable].min(), logarithm[usable].max()
    if high > low:
        index = np.minimum(((high - logarithm) / (high - low) * bins).astype(np.int64), bins - 1)
    else:
        index = np.zeros(eigenvalue.shape, dtype=np.int64)
    masks = [usable & (index == number) for number in range(bins)]
    return [mask for mask in masks if mask.any()]


def squared_mean(moment_1: Array) -> tuple[float, float]:
    """|mean|^2 over modes of replicas' means (replica, mode), unbiased, and its jackknife standard error.

    U = sum_{r != s} m_r . m_s / (R (R - 1)), which may come out negative. Where the true mean is 0 the jackknife
    overestimates the variance, by about 2.
    """
    replicas = moment_1.shape[0]
    if replicas < 3:
        return math.nan, math.nan
    total = moment_1.sum(axis=0)
    own = np.einsum("rm,rm->r", moment_1, moment_1)
    square = float((total @ total - own.sum()) / (replicas * (replicas - 1)))
    rest = total - moment_1
    without = (np.einsum("rm,rm->r", rest, rest) - (own.sum() - own)) / ((replicas - 1) * (replicas - 2))
    return square, float(jackknife_stderr(without))
