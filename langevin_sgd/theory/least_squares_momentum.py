"""Least squares by heavy-ball SGD: exact second moments of weights and momentum on finite data with replacement.

m <- mu m + H x + xi, x <- x - eta m for the displacement x from the minimum, with a minibatch noise xi of covariance
(C + F <x x^T>)/B, see `least_squares`. What the noise of one step makes of the stationary covariance of x is known
(`ornstein_uhlenbeck.discrete_covariance`, elementwise in the eigenbasis of H), so

    S_ij = (eta^2/B) (C + F S)_ij / D_ij

with D its bracket (Liu, Ziyin and Ueda 2021). On the way there the covariances of x and m move together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array
from langevin_sgd.theory.least_squares import SecondMoments, balance, curvature_moments
from langevin_sgd.theory.modes import NOISE_FREE, Array, checked_momentum, checked_steps


@dataclass(frozen=True)
class HeavyBallMoments(SecondMoments):
    """The same with momentum; `_step` is the affine map of <x x^T>, <x m^T> and <m m^T> in one step."""

    _step: Array

    def growth(self) -> float:
        """The factor by which second moments change in a step in the end; below 1 if they are bounded."""
        return float(np.abs(np.linalg.eigvals(self._step[:-1, :-1])).max())

    def transient_variance(self, steps: ArrayLike) -> Array:
        """Variance of every mode (n, d) after `steps` (n,) from the minimum with m = 0."""
        number = checked_steps(steps)
        size = int(self.moving.sum())
        found = np.zeros((len(number), self.moving.size))
        state, at, powers = np.append(np.zeros(len(self._step) - 1), 1.0), 0, [self._step]
        for place in np.argsort(number, kind="stable"):
            ahead, bit = int(number[place]) - at, 0
            while ahead >> bit:
                if bit == len(powers):
                    powers.append(powers[-1] @ powers[-1])
                if ahead >> bit & 1:
                    state = powers[bit] @ state
                bit += 1
            at = int(number[place])
            found[place, self.moving] = np.diagonal(state[: size**2].reshape(size, size))
        return found


def heavy_ball_moments(
    k: ArrayLike, c: ArrayLike, roots: ArrayLike, learning_rate: float, batch_size: float, momentum: float
) -> HeavyBallMoments:
    """The exact second moments of heavy-ball SGD with replacement; arguments as of `least_squares.second_moments`.

    Works with matrices over three times the pairs of modes, 9 d^4 numbers. Raises `ValueError` for a momentum outside
    [0, 1).
    """
    k, c = real_array(k, "the eigenvalues k", UserError), real_array(c, "the noise c", UserError)
    r = real_array(roots, "the roots", UserError)
    moving = k > NOISE_FREE * np.max(k, initial=0.0)
    rates, noise, rows = k[moving], c[np.ix_(moving, moving)], r[:, :, moving]
    kept, source = balance(rates, noise, rows, learning_rate, batch_size, checked_momentum(momentum))
    decay, vectors = np.linalg.eigh(kept)
    step = _step(rates, noise, rows, learning_rate, batch_size, momentum)
    return HeavyBallMoments(decay, vectors, vectors.T @ source, moving, step)


def _step(k: Array, c: Array, roots: Array, learning_rate: float, batch_size: float, momentum: float) -> Array:
    size = k.size
    pairs = size**2
    row, column = (index.ravel() for index in np.indices((size, size)))
    turned = (column * size + row).astype(np.int64)  # the place of <m_i x_j> among <x_j m_i>
    stays, pulls = 1.0 - learning_rate * k, -learning_rate * momentum
    whole = np.zeros((3 * pairs + 1, 3 * pairs + 1))
    x, y, z = (slice(part * pairs, (part + 1) * pairs) for part in range(3))

    def put(into: slice, xx: Array, xm: Array, mx: Array, mm: Array | float) -> None:
        block = whole[into]
        places: NDArray[np.int64] = np.arange(pairs)
        block[places, places] += xx
        block[places, pairs + places] += xm
        block[places, pairs + turned] += mx
        block[places, 2 * pairs + places] += mm

    # x' = stays x + pulls m - eta xi and m' = k x + mu m + xi, multiplied pair by pair
    put(x, stays[row] * stays[column], stays[row] * pulls, pulls * stays[column], pulls**2)
    put(y, stays[row] * k[column], stays[row] * momentum, pulls * k[column], pulls * momentum)
    put(z, k[row] * k[column], k[row] * momentum, momentum * k[column], momentum**2)
    # (F S)_ij = sum_kl <K_ik K_jl> S_kl
    fluctuation = curvature_moments(roots).transpose(0, 2, 1, 3).reshape(pairs, pairs)
    for into, factor in ((x, learning_rate**2), (y, -learning_rate), (z, 1.0)):
        whole[into, x] += factor / batch_size * fluctuation
        whole[into, -1] = factor / batch_size * c.ravel()
    whole[-1, -1] = 1.0
    return whole
