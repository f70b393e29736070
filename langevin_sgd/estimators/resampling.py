"""Resampling of independent samples (disorders, replicas): the bootstrap, and the covariance between times.

Averages over the same disorders at different times are strongly correlated, so times are never resampled: whole
disorders are, with all their times (Efron 1979).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers.streams import Stream, integers
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

RESAMPLES = 1999  # so that the smallest p-value, 1/2000, passes Holm's rule at 5% among 100 rows
SMALLEST_SPREAD = 1e-9  # samples that do not differ at all
LARGEST_CORRELATION = 0.98  # no law holds to the differences that a closer correlation would resolve
_WORDS_AT_A_TIME = 1 << 21


def bootstrap_weights(samples: int, *, seed: int, first: int, last: int) -> Array:
    """Weights (last - first, sample), each row summing to 1, of the resamples numbered `first` to `last` - 1.

    Resample b draws `samples` numbers with the counter-based generator, trajectory b of `Stream.RESAMPLING`: the same
    seed gives the same resamples, whatever is averaged with them and however many are made at a time.
    """
    chosen = integers(
        seed,
        trajectories=np.arange(first, last),
        steps=np.array([0]),
        components=samples,
        upper=samples,
        stream=Stream.RESAMPLING,
    )[0]
    flat = (chosen + samples * np.arange(last - first)[:, None]).ravel()
    counts = np.bincount(flat, minlength=samples * (last - first)).reshape(last - first, samples)
    weights: Array = counts / float(samples)
    return weights


def bootstrap_means(values: ArrayLike, *, seed: int, resamples: int = RESAMPLES) -> Array:
    """Means over resampled rows of `values` (sample, column), shape (resample, column)."""
    values = real_array(values, "the values", UserError)
    samples = values.shape[0]
    at_a_time = max(1, _WORDS_AT_A_TIME // samples)
    means = np.empty((resamples, values.shape[1]))
    for first in range(0, resamples, at_a_time):
        last = min(first + at_a_time, resamples)
        means[first:last] = bootstrap_weights(samples, seed=seed, first=first, last=last) @ values
    return means


def relative_covariance(values: ArrayLike) -> Array:
    """Model of the covariance (time, time) of one sample's value over the mean, for times in even steps of scaling.

    S_ij = s_i s_j rho^|i-j|, ln s_i a straight line in i, rho the mean correlation of neighbours. In scaling variables
    x^2 is stationary, and by simulation its correlation is rho^|i-j| (alpha = 1: (ln t'/ln t)^-3.4). The sample
    covariance itself will not do for weights: the few samples that carry the mean carry its error too, so that weights
    and means go together (with 400 disorders the fitted amplitude comes out 7% low). Three numbers do not see them.
    """
    values = real_array(values, "the values", UserError)
    relative = values / values.mean(axis=0)
    deviation = relative - 1.0
    spread = np.sqrt(np.mean(deviation**2, axis=0) * values.shape[0] / (values.shape[0] - 1))
    spread = np.maximum(spread, SMALLEST_SPREAD)
    number = np.arange(spread.size)
    smooth = np.exp(np.polyval(np.polyfit(number, np.log(spread), 1), number))
    neighbours = np.mean(deviation[:, 1:] * deviation[:, :-1], axis=0) / (spread[1:] * spread[:-1])
    rho = float(np.clip(neighbours.mean(), 0.0, LARGEST_CORRELATION))
    covariance: Array = np.outer(smooth, smooth) * rho ** np.abs(number[:, None] - number)
    return covariance
