"""Law of SGD that shuffles the data once an epoch (batches without replacement), in the Hessian's eigenbasis.

An epoch has n = N div B batches. With C the covariance of one per-sample gradient over the N samples, a minibatch has
gradient covariance (C/B)(N - B)/(N - 1), two batches of one epoch have covariance -C/(N - 1), and batches of different
epochs are independent. With multipliers m_i = 1 - eta k_i and G_p(x) = 1 + x + ... + x^(p-1), the noise of the first p
batches of an epoch has covariance

    Q_p = eta^2 c_ij/(N - 1) [(N/B) G_p(m_i m_j) - G_p(m_i) G_p(m_j)],

so that S_0 = Q_n/(1 - (m_i m_j)^n) at the ends of epochs and S_p = (m_i m_j)^p S_0 + Q_p at phase p.
With momentum the multipliers become companion matrices, see `epoch_momentum`. A remainder of N - n B samples is left
out, another one every epoch. The effect was described by Kuehn and Rosenow (2023).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from langevin_sgd.theory.epoch_momentum import Epochs
from langevin_sgd.theory.modes import Array, checked_steps, log_multipliers, relaxing_noise


def epoch_covariance(
    k: ArrayLike,
    c: ArrayLike,
    learning_rate: float,
    batch_size: int,
    samples: int,
    phase: int | None = None,
    momentum: float = 0.0,
) -> Array:
    """Stationary covariance (d, d) of epoch sampling from `samples` = N samples.

    `phase` p, in [0, n): the covariance when p batches of the epoch have been used; None averages over all phases
    equally. Raises ValueError for B outside [1, N], and when a noisy mode has no stationary state.
    """
    a, scaled, batches = _epoch(k, c, learning_rate, batch_size, samples, momentum)
    if phase is not None and not 0 <= phase < batches:
        raise ValueError(f"phase must lie in [0, {batches}), the batches of an epoch, not {phase}")
    if momentum != 0.0:
        return Epochs(a, scaled, momentum, batch_size, samples, batches).stationary(phase)
    powers = (1.0 - a)[:, None] ** np.arange(batches)
    partial = _partial_sums(powers)
    squares = powers @ powers.T  # G_n(m_i m_j)
    centred = _centred(a, partial)
    whole = (samples / batch_size - batches) * squares + batches * (centred @ centred.T)
    at_start = scaled * whole / ((a[:, None] + a - np.outer(a, a)) * squares)
    if phase is None:
        left = np.arange(batches - 1, -1, -1.0)
        summed = samples / batch_size * ((powers * left) @ powers.T) - partial @ partial.T
        return squares / batches * at_start + scaled * summed / batches
    first = powers[:, :phase]
    noise = samples / batch_size * (first @ first.T) - np.outer(partial[:, phase], partial[:, phase])
    return np.outer(1.0 - a, 1.0 - a) ** phase * at_start + scaled * noise


def epoch_transient_covariance(
    k: ArrayLike,
    c: ArrayLike,
    learning_rate: float,
    batch_size: int,
    samples: int,
    steps: ArrayLike,
    momentum: float = 0.0,
) -> Array:
    """Variance of every mode (n, d) after `steps` (n,) from a point at the start of an epoch: the diagonal only.

    After e epochs and p batches: m^(2p) S_0 (1 - m^(2 n e)) + Q_p; with momentum, from rest.
    """
    number = checked_steps(steps)
    a, scaled, batches = _epoch(k, c, learning_rate, batch_size, samples, momentum)
    if momentum != 0.0:
        return Epochs(a, scaled, momentum, batch_size, samples, batches).transient(number)
    variance = np.diagonal(scaled)
    powers = (1.0 - a)[:, None] ** np.arange(batches)
    partial = _partial_sums(powers)
    squares = np.cumsum(powers**2, axis=1)
    ratio = samples / batch_size
    whole = (ratio - batches) * squares[:, -1] + batches * np.sum(_centred(a, partial) ** 2, axis=1)
    at_start = variance * whole / (a * (2.0 - a) * squares[:, -1])
    epochs, phases = np.divmod(number, batches)
    noise = ratio * np.where(phases > 0, squares[:, phases - 1], 0.0) - partial[:, phases] ** 2
    logarithm = 2.0 * log_multipliers(a, 1.0)[1]
    reached = np.exp(np.outer(logarithm, phases)) * -np.expm1(np.outer(logarithm, batches * epochs))
    spread: Array = (at_start[:, None] * reached + variance[:, None] * noise).T
    return spread


def _epoch(
    k: ArrayLike, c: ArrayLike, learning_rate: float, batch_size: int, samples: int, momentum: float
) -> tuple[Array, Array, int]:
    """a = eta k (d,), eta^2 c/(N - 1) (d, d), and the number of batches in an epoch."""
    if not 1 <= batch_size <= samples:
        raise ValueError(f"batch_size must lie in [1, {samples}], the number of samples, not {batch_size}")
    rates, noise = relaxing_noise(k, c, learning_rate, momentum)
    return learning_rate * rates, learning_rate**2 / max(samples - 1, 1) * noise, samples // batch_size


def _partial_sums(powers: Array) -> Array:
    """G_p(m) for p = 0 .. n-1, (d, n)."""
    return np.concatenate([np.zeros((len(powers), 1)), np.cumsum(powers[:, :-1], axis=1)], axis=1)


def _centred(a: Array, partial: Array) -> Array:
    """Deviation of the powers m^p from their mean over an epoch, (d, n): -a (G_p - mean G_p), up to the sign.

    Over a whole epoch the noises cancel in slow modes: (N/B) G_n(m_i m_j) - G_n(m_i) G_n(m_j) is a small difference,
    and written as (N/B - n) sum m_i^p m_j^p + n sum of products of these deviations it is free of cancellation.
    """
    deviation: Array = a[:, None] * (partial - partial.mean(axis=1, keepdims=True))
    return deviation
