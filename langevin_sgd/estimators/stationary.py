"""Mean and variance of a stationary window, pooled over replicas, with the jackknife's errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Estimate(NamedTuple):
    """A value and its standard error."""

    value: Array
    stderr: Array


class StationarySummary(NamedTuple):
    """Pooled mean and variance of every mode, with standard errors over replicas."""

    mean: Estimate
    variance: Estimate


def pooled_variance(moment_1: Array, moment_2: Array) -> Array:
    """Variance about the pooled mean of replicas with time-averaged moments of shape (replica, ...).

    S = <m2> - mu^2 + Var(mu), where the last term, (<m1^2> - mu^2)/(R - 1), undoes the bias of subtracting the
    estimated mean; it is estimated between replicas, so correlations in time do not matter. NaN for fewer than two.
    """
    replicas = moment_1.shape[0]
    return _pooled(moment_1.sum(0), (moment_1**2).sum(0), moment_2.sum(0), replicas)


def _pooled(sum_1: Array, sum_11: Array, sum_2: Array, replicas: int) -> Array:
    if replicas < 2:
        return np.full(np.shape(sum_1), np.nan)
    mean = sum_1 / replicas
    between = np.maximum(sum_11 / replicas - mean**2, 0.0)
    variance: Array = sum_2 / replicas - mean**2 + between / (replicas - 1)
    return variance


def leave_one_out_variance(moment_1: Array, moment_2: Array) -> Array:
    """`pooled_variance` with each replica left out in turn, shape (replica, ...)."""
    square = moment_1**2
    return _pooled(
        moment_1.sum(0) - moment_1, square.sum(0) - square, moment_2.sum(0) - moment_2, moment_1.shape[0] - 1
    )


def jackknife_stderr(leave_one_out: Array, axis: int = 0) -> Array:
    """Standard error from leave-one-out values along an axis: sqrt((R-1)/R sum_r (x_r - mean)^2) (Efron 1982)."""
    replicas = leave_one_out.shape[axis]
    mean = leave_one_out.mean(axis, keepdims=True)
    if replicas < 2:
        return np.full(mean.squeeze(axis).shape, np.nan)
    deviation = leave_one_out - mean
    stderr: Array = np.sqrt((replicas - 1) / replicas * (deviation**2).sum(axis))
    return stderr


def stationary_summary(moment_1: Array, moment_2: Array) -> StationarySummary:
    """Mean and variance about it of every mode from per-replica moments of shape (replica, mode).

    Standard errors come from the replicas, which are independent: jackknife for the variance, and the spread of the
    replicas' means for the mean. They are NaN where there are too few replicas to tell.
    """
    replicas = moment_1.shape[0]
    mean_stderr = moment_1.std(0, ddof=1) / np.sqrt(replicas) if replicas > 1 else np.full(moment_1.shape[1:], np.nan)
    return StationarySummary(
        mean=Estimate(moment_1.mean(0), mean_stderr),
        variance=Estimate(
            pooled_variance(moment_1, moment_2), jackknife_stderr(leave_one_out_variance(moment_1, moment_2))
        ),
    )


def pooled_covariance(moment_1: Array, products: Array) -> Estimate:
    """Covariance about the pooled mean, (mode, mode), of replicas with time averages of x_i and of x_i x_j.

    `moment_1` is (replica, mode) and `products` (replica, mode, mode). On the diagonal it is `pooled_variance` of the
    same moments, and so is its jackknife error over replicas; both are NaN where there are too few replicas to tell.
    """
    replicas, modes = moment_1.shape
    if replicas < 2:
        nothing = np.full((modes, modes), np.nan)
        return Estimate(nothing, nothing.copy())
    sum_1, sum_11, sum_2 = moment_1.sum(0), moment_1.T @ moment_1, products.sum(0)

    def pooled(without: int | None) -> Array:
        if without is None:
            return _covariance(sum_1, sum_11, sum_2, replicas)
        one = moment_1[without]
        return _covariance(sum_1 - one, sum_11 - np.outer(one, one), sum_2 - products[without], replicas - 1)

    value = pooled(None)
    if replicas < 3:
        return Estimate(value, np.full((modes, modes), np.nan))
    # one matrix at a time: all of them together may be as many numbers as the products
    mean = sum(pooled(replica) for replica in range(replicas)) / replicas
    squares = sum((pooled(replica) - mean) ** 2 for replica in range(replicas))
    return Estimate(value, np.sqrt((replicas - 1) / replicas * squares))


def _covariance(sum_1: Array, sum_11: Array, sum_2: Array, replicas: int) -> Array:
    mean = sum_1 / replicas
    between = sum_11 / replicas - np.outer(mean, mean)
    covariance: Array = sum_2 / replicas - np.outer(mean, mean) + between / (replicas - 1)
    return covariance
