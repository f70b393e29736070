"""A random potential on a line: exact fractional Brownian motion with E[(V(x) - V(y))^2] = A |x - y|^alpha."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.special import binom

from langevin_sgd.integrators.random_numbers import Stream, normals
from langevin_sgd.landscapes.power_law import (
    DisorderError,
    check_count,
    check_positive,
    check_power_law,
    checked_disorders,
)
from langevin_sgd.landscapes.real_array import real_array

Array = NDArray[np.float64]

# The step in the counter of a potential's random numbers, by what its component counts.
_BONDS_TO_THE_RIGHT, _BONDS_TO_THE_LEFT, _MODES = 0, 1, 2
_NUMBERS_AT_A_TIME = 1 << 17
# Rounding leaves eigenvalues this far below zero, relative to the largest, in embeddings that have none.
_ROUNDING = 1e-12
# From here on eight terms leave a relative error below 20^-16 = 2e-21.
_EXPANSION_FROM, _EXPANSION_TERMS = 20, 8


@dataclass(frozen=True)
class Line:
    """Fractional Brownian motion of Hurst exponent alpha/2 on 2n + 1 sites, zero at the middle one.

    E[V] = 0, V(0) = 0 and E[(V(x) - V(y))^2] = A |x - y|^alpha for every pair of sites, so the law is exact at every
    distance from one spacing to the whole box. `amplitude` A in energy^2 / length^alpha, `half_width` n in sites,
    `spacing` h in lengths. The increments over a spacing are Gaussian with covariance

        (A h^alpha / 2) (|k + 1|^alpha - 2 |k|^alpha + |k - 1|^alpha)

    at k sites apart, and are drawn by circulant embedding (Davies and Harte, Biometrika 74 (1987) 95), exact because
    no eigenvalue is negative at any 0 < alpha < 2: below 1 all neighbours anticorrelate and yet a row sums to more
    than zero, above 1 the covariance falls and is convex (Dietrich and Newsam, SIAM J. Sci. Comput. 18 (1997) 1088).

    For alpha = 1 the increments are independent (Sinai's model), each with a random number of its own: a wider box
    keeps the sites of a narrower one bit for bit. For any other alpha a wider box is another potential.

    Raises DisorderError unless 0 < alpha < 2: at alpha = 2 V is a random constant force, which has no barriers.
    """

    alpha: float
    _: KW_ONLY
    half_width: int
    amplitude: float = 1.0
    spacing: float = 1.0

    def __post_init__(self) -> None:
        check_power_law(self.alpha, self.amplitude)
        check_count(self.half_width, "half_width", 1)
        check_positive(self.spacing, "spacing")

    @property
    def sites(self) -> int:
        """Number of sites 2n + 1."""
        return 2 * self.half_width + 1

    @property
    def positions(self) -> Array:
        """x of every site, (site,), zero at the middle one."""
        return self.spacing * np.arange(-self.half_width, self.half_width + 1, dtype=np.float64)

    @property
    def valid_range(self) -> tuple[float, float]:
        """The shortest and the longest distance at which the structure function is A r^alpha: all there are."""
        return self.spacing, 2.0 * self.half_width * self.spacing

    def structure_function(self, distance: ArrayLike) -> Array:
        """E[(V(x) - V(y))^2] = A r^alpha at distances r, in energy^2."""
        r = np.abs(real_array(distance, "a distance", DisorderError))
        return np.asarray(self.amplitude * r**self.alpha)

    def potential(self, seed: int, disorders: ArrayLike, *, threads: int | None = None) -> Array:
        """V at every site of the disorders with these numbers, float64 (disorder, site).

        A disorder depends on the seed and its own number alone, whatever others are asked for and on however many
        threads (by default all cores). `disorders` (n,) lie in [0, 2^32).
        """
        numbers = checked_disorders(seed, disorders)
        increments = self._independent(seed) if self.alpha == 1.0 else self._correlated(seed)
        out = np.zeros((numbers.size, self.sites))
        middle = self.half_width
        block = max(1, _NUMBERS_AT_A_TIME // self.sites)

        def fill(first: int) -> None:
            rows = out[first : first + block]
            left, right = increments(numbers[first : first + block])
            np.cumsum(right, axis=1, out=rows[:, middle + 1 :])
            np.cumsum(left, axis=1, out=rows[:, :middle][:, ::-1])

        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            list(pool.map(fill, range(0, numbers.size, block)))
        return out

    def _independent(self, seed: int) -> Callable[[NDArray[np.int64]], tuple[Array, Array]]:
        deviation = np.sqrt(self.structure_function(self.spacing))

        def draw(numbers: NDArray[np.int64]) -> tuple[Array, Array]:
            steps = [_BONDS_TO_THE_LEFT, _BONDS_TO_THE_RIGHT]
            drawn = normals(seed, trajectories=numbers, steps=steps, components=self.half_width, stream=Stream.DISORDER)
            drawn *= deviation
            return drawn[0], drawn[1]

        return draw

    def _correlated(self, seed: int) -> Callable[[NDArray[np.int64]], tuple[Array, Array]]:
        bonds = 2 * self.half_width
        size = 2 * scipy.fft.next_fast_len(bonds, real=True)
        weight = np.sqrt(embedding_eigenvalues(self.alpha, size) * self.structure_function(self.spacing) * size)
        weight[1:-1] *= np.sqrt(0.5)  # shared by a real and an imaginary part; the ends are real

        def draw(numbers: NDArray[np.int64]) -> tuple[Array, Array]:
            drawn = normals(seed, trajectories=numbers, steps=[_MODES], components=size + 2, stream=Stream.DISORDER)
            modes = weight * drawn[0].view(np.complex128)
            modes[:, [0, -1]] = modes[:, [0, -1]].real
            # one by one: a transform of many could round differently with their number
            increments = np.array([scipy.fft.irfft(row, size)[:bonds] for row in modes])
            return -increments[:, self.half_width - 1 :: -1], increments[:, self.half_width :]

        return draw


def embedding_eigenvalues(alpha: float, size: int) -> Array:
    """Eigenvalues 0 ... size/2 of the circulant of `size` (even) that embeds the increments at A h^alpha = 1.

    Those below zero by rounding are set to zero. Raises DisorderError if one is negative by more.
    """
    covariance = _increment_covariance(alpha, size // 2 + 1)
    eigenvalues = np.asarray(scipy.fft.rfft(np.concatenate([covariance, covariance[-2:0:-1]])).real)
    if eigenvalues.min() < -_ROUNDING * eigenvalues.max():
        raise DisorderError(
            f"the increments at alpha = {alpha} cannot be embedded in a circle of {size} sites; take a wider box"
        )
    return np.asarray(np.maximum(eigenvalues, 0.0))


def _increment_covariance(alpha: float, count: int) -> Array:
    """(|k + 1|^alpha - 2 |k|^alpha + |k - 1|^alpha)/2 for k = 0 ... count - 1."""
    k = np.arange(count, dtype=np.float64)
    covariance: Array = 0.5 * ((k + 1.0) ** alpha - 2.0 * k**alpha + np.abs(k - 1.0) ** alpha)
    # far out the difference cancels; its expansion in 1/k^2 does not
    far = k[_EXPANSION_FROM:]
    terms = (binom(alpha, 2 * m) * far ** (alpha - 2 * m) for m in range(1, _EXPANSION_TERMS + 1))
    covariance[_EXPANSION_FROM:] = sum(terms)
    return covariance


def refined(potential: ArrayLike, cells: int) -> Array:
    """The piecewise linear potential through the same sites, `cells` cells to a spacing: (..., (sites - 1) cells + 1).

    The force between two sites is constant, as the integrator of the stochastic equation takes it; the master
    equation on the finer lattice (spacing / cells) then converges to that equation. Old sites keep their values.
    """
    values = real_array(potential, "a potential", DisorderError)
    check_count(cells, "cells", 1)
    fraction = np.arange(cells) / cells
    between = values[..., :-1, None] + np.diff(values)[..., None] * fraction
    return np.concatenate([between.reshape(*values.shape[:-1], -1), values[..., -1:]], axis=-1)
