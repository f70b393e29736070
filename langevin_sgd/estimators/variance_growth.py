"""How much the variance over replicas grows between two times, with the jackknife's error.

With x and y the values at the earlier and the later time, Var(y) - Var(x) = Cov(y - x, y + x). As one covariance its
error knows how far the two have to do with each other: it is small where a walk has hardly moved, and where x and y are
independent it is that of two variances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.estimators.stationary import Estimate, jackknife_stderr

Array = NDArray[np.float64]


def variance_growth(earlier: Array, later: Array) -> Estimate:
    """Var(later) - Var(earlier), unbiased, summed over columns, of values (replica, column); each a number.

    The error, between replicas, is the jackknife's; NaN for fewer than three replicas.
    """
    replicas = len(earlier)
    if replicas < 3:
        return Estimate(np.array(np.nan), np.array(np.nan))
    moved, around = later - earlier, later + earlier
    # about the mean of all, so that what is left of the sums is of the size of the deviations
    moved, around = moved - moved.mean(axis=0), around - around.mean(axis=0)
    product = moved * around
    value = product.sum() / (replicas - 1)
    # without replica r the means are -m_r/(R - 1), and R - 1 times their product is m_r a_r/(R - 1)
    without = (product.sum() - product.sum(axis=1) * replicas / (replicas - 1)) / (replicas - 2)
    return Estimate(value, jackknife_stderr(without))
