"""A random potential on a line: exact fractional Brownian motion with E[(V(x) - V(y))^2] = A |x - y|^alpha."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.cores import cores
from langevin_sgd.landscapes.power_law import (
    TOLERANCE,
    DisorderError,
    check_count,
    check_positive,
    check_power_law,
    checked_disorders,
)
from langevin_sgd.random_numbers.streams import Stream, normals
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]
_Fill = Callable[[Array, NDArray[np.int64]], None]

# The step in the counter of a potential's random numbers, by what its component counts.
_BONDS_TO_THE_RIGHT, _BONDS_TO_THE_LEFT, _MODES = 0, 1, 2
_NUMBERS_AT_A_TIME = 1 << 17
# Rounding leaves eigenvalues this far below zero, relative to the largest, in embeddings that have none.
_ROUNDING = 1e-12
# From here on eight terms leave a relative error below 20^-16 = 2e-21.
_EXPANSION_FROM, _EXPANSION_TERMS = 20, 8
# exp of minus this is rounding: a circle of twice the distance at which the covariance has fallen so far is a line
_NO_CORRELATION = 37.0
_PAIRS, _LAGS_PER_OCTAVE = 256, 3
# in the shorter of the two times in which noise and force act across a cell
_STEPS_PER_CELL = 32


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

    With a `correlation_length` xi the potential is stationary but for its value in the middle, with covariance
    (A xi^alpha/2) exp(-(r/xi)^alpha), so that its barriers are bounded: E[(V(x) - V(y))^2] =
    A xi^alpha (1 - exp(-(r/xi)^alpha)), which is A r^alpha for r << xi. A wider box is another potential.

    Raises DisorderError unless 0 < alpha < 2: at alpha = 2 V is a random constant force, which has no barriers.
    """

    alpha: float
    _: KW_ONLY
    half_width: int
    amplitude: float = 1.0
    spacing: float = 1.0
    correlation_length: float | None = None

    def __post_init__(self) -> None:
        check_power_law(self.alpha, self.amplitude)
        check_count(self.half_width, "half_width", 1)
        check_positive(self.spacing, "spacing")
        if self.correlation_length is None:
            return
        check_positive(self.correlation_length, "correlation_length")
        longest = 2.0 * self.half_width * self.spacing
        if not self.spacing < self.correlation_length < longest:
            raise DisorderError(
                f"the cutoffs are crossed: the correlation_length {self.correlation_length:g} must lie between the "
                f"spacing {self.spacing:g} and the box of {longest:g}; without one the power law has no upper cutoff"
            )

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
        """The shortest and the longest distance at which the structure function is A r^alpha: all there are, or, with a
        correlation length, those at which it is so within 3%."""
        longest = 2.0 * self.half_width * self.spacing
        if self.correlation_length is not None:
            short = scipy.optimize.brentq(lambda u: -math.expm1(-u) / u - (1.0 - TOLERANCE), 1e-6, 1.0)
            longest = min(longest, self.correlation_length * short ** (1.0 / self.alpha))
        return self.spacing, longest

    def structure_function(self, distance: ArrayLike) -> Array:
        """E[(V(x) - V(y))^2] at distances r, in energy^2: A r^alpha, or A xi^alpha (1 - exp(-(r/xi)^alpha))."""
        r = np.abs(real_array(distance, "a distance", DisorderError))
        if self.correlation_length is None:
            return np.asarray(self.amplitude * r**self.alpha)
        return np.asarray(-2.0 * self.variance * np.expm1(-((r / self.correlation_length) ** self.alpha)))

    def natural_time_step(self, thermal_energy: float) -> float:
        """h^2/32 over the larger of theta and E[(V_{i+1} - V_i)^2]/theta, h the spacing and theta the thermal energy.

        It is the step of walkers in the potential interpolated linearly. The Euler step has to resolve a cell. Inside
        one it is exact, and so is its Boltzmann factor; all errors come from the kinks at the sites, of relative order
        f^2 dt/(4 theta) in the weight of a cell with force f. At this step the noise, sqrt(2 theta dt), is at most a
        quarter of the spacing, and that error of a root mean square force at most 1/128. Measured against the master
        equation where both times are equal (alpha = 1, ln t from 2 to 6): <x^2> is too large by 0.45 +- 0.15% on
        average and 0.7% root mean square in single disorders, at twice the step by 1.0% and 1.6%, at four times by 2.9%
        and 4.3%.
        """
        bond = float(self.structure_function(self.spacing))
        return self.spacing**2 / (_STEPS_PER_CELL * max(thermal_energy, bond / thermal_energy))

    @property
    def variance(self) -> float:
        """sigma^2 = A xi^alpha/2 of a potential with correlation length xi, infinite without one."""
        return math.inf if self.correlation_length is None else self.amplitude * self.correlation_length**self.alpha / 2

    @property
    def distances(self) -> Array:
        """Distances at which `squared_increments` looks, (distance,): about three an octave, up to the whole box."""
        return np.asarray(self.spacing * self._lags, dtype=np.float64)

    @property
    def _lags(self) -> NDArray[np.int64]:
        count = _LAGS_PER_OCTAVE * (2 * self.half_width).bit_length()
        return np.unique(np.geomspace(1, 2 * self.half_width, count).round().astype(np.int64))

    def squared_increments(self, potential: Array) -> Array:
        """Mean of (V(x + r) - V(x))^2 over up to 256 places x of every disorder, (disorder, distance)."""
        out = np.empty((len(potential), self._lags.size))
        for column, lag in zip(out.T, self._lags, strict=True):
            at = np.unique(np.linspace(0, self.sites - 1 - lag, _PAIRS).astype(np.int64))
            column[:] = ((potential.take(at + lag, axis=1) - potential.take(at, axis=1)) ** 2).mean(axis=1)
        return out

    def potential(self, seed: int, disorders: ArrayLike, *, threads: int | None = None) -> Array:
        """V at every site of the disorders with these numbers, float64 (disorder, site).

        A disorder depends on the seed and its own number alone, whatever others are asked for and on however many
        threads (by default all cores). `disorders` (n,) lie in [0, 2^32).
        """
        numbers = checked_disorders(seed, disorders)
        if self.correlation_length is not None:
            fill = self._stationary(seed)
        else:
            fill = self._independent(seed) if self.alpha == 1.0 else self._correlated(seed)
        out = np.zeros((numbers.size, self.sites))
        block = max(1, _NUMBERS_AT_A_TIME // self.sites)
        with ThreadPoolExecutor(threads or cores()) as pool:
            parts = [(out[i : i + block], numbers[i : i + block]) for i in range(0, numbers.size, block)]
            list(pool.map(lambda part: fill(*part), parts))
        return out

    def _independent(self, seed: int) -> _Fill:
        deviation = np.sqrt(self.structure_function(self.spacing))

        def fill(rows: Array, numbers: NDArray[np.int64]) -> None:
            steps = [_BONDS_TO_THE_LEFT, _BONDS_TO_THE_RIGHT]
            drawn = normals(seed, trajectories=numbers, steps=steps, components=self.half_width, stream=Stream.DISORDER)
            drawn *= deviation
            self._sum(rows, drawn[0], drawn[1])

        return fill

    def _correlated(self, seed: int) -> _Fill:
        bonds = 2 * self.half_width
        size = 2 * scipy.fft.next_fast_len(bonds, real=True)
        draw = _periodic(seed, embedding_eigenvalues(self.alpha, size) * self.structure_function(self.spacing), bonds)

        def fill(rows: Array, numbers: NDArray[np.int64]) -> None:
            increments = draw(numbers)
            self._sum(rows, -increments[:, self.half_width - 1 :: -1], increments[:, self.half_width :])

        return fill

    def _stationary(self, seed: int) -> _Fill:
        assert self.correlation_length is not None
        needed = 2 * self.half_width
        if self.alpha > 1.0:  # below, the covariance is convex, and any circle will do
            unseen = _NO_CORRELATION ** (1.0 / self.alpha) * self.correlation_length / self.spacing
            needed = max(needed, math.ceil(unseen))
        size = 2 * scipy.fft.next_fast_len(needed, real=True)
        covariance = np.exp(-((np.arange(size // 2 + 1) * self.spacing / self.correlation_length) ** self.alpha))
        draw = _periodic(seed, _eigenvalues(covariance, self.alpha) * self.variance, self.sites)

        def fill(rows: Array, numbers: NDArray[np.int64]) -> None:
            values = draw(numbers)
            np.subtract(values, values[:, self.half_width, None], out=rows)

        return fill

    def _sum(self, rows: Array, left: Array, right: Array) -> None:
        """The potential of increments to the left and to the right, from the middle outwards."""
        middle = self.half_width
        np.cumsum(right, axis=1, out=rows[:, middle + 1 :])
        np.cumsum(left, axis=1, out=rows[:, :middle][:, ::-1])


def _periodic(seed: int, eigenvalues: Array, count: int) -> Callable[[NDArray[np.int64]], Array]:
    """The first `count` sites of Gaussian fields on a circle with the eigenvalues 0 ... size/2 of its covariance."""
    size = 2 * (eigenvalues.size - 1)
    weight = np.sqrt(eigenvalues * size)
    weight[1:-1] *= np.sqrt(0.5)  # shared by a real and an imaginary part; the ends are real

    def draw(numbers: NDArray[np.int64]) -> Array:
        drawn = normals(seed, trajectories=numbers, steps=[_MODES], components=size + 2, stream=Stream.DISORDER)
        modes = weight * drawn[0].view(np.complex128)
        modes[:, [0, -1]] = modes[:, [0, -1]].real
        # one by one: a transform of many could round differently with their number
        return np.array([scipy.fft.irfft(row, size)[:count] for row in modes])

    return draw


def embedding_eigenvalues(alpha: float, size: int) -> Array:
    """Eigenvalues 0 ... size/2 of the circulant of `size` (even) that embeds the increments at A h^alpha = 1.

    Those below zero by rounding are set to zero. Raises DisorderError if one is negative by more.
    """
    return _eigenvalues(_increment_covariance(alpha, size // 2 + 1), alpha)


def _eigenvalues(covariance: Array, alpha: float) -> Array:
    """Eigenvalues 0 ... size/2 of a circulant whose first row begins with `covariance`, at 0 ... size/2."""
    eigenvalues = np.asarray(scipy.fft.rfft(np.concatenate([covariance, covariance[-2:0:-1]])).real)
    if eigenvalues.min() < -_ROUNDING * eigenvalues.max():
        raise DisorderError(
            f"the potential at alpha = {alpha} cannot be embedded in a circle of {2 * covariance.size - 2} sites; take "
            "a wider box"
        )
    return np.asarray(np.maximum(eigenvalues, 0.0))


def _increment_covariance(alpha: float, count: int) -> Array:
    """(|k + 1|^alpha - 2 |k|^alpha + |k - 1|^alpha)/2 for k = 0 ... count - 1."""
    k = np.arange(count, dtype=np.float64)
    covariance: Array = 0.5 * ((k + 1.0) ** alpha - 2.0 * k**alpha + np.abs(k - 1.0) ** alpha)
    # far out the difference cancels; its expansion in 1/k^2 does not
    far = k[_EXPANSION_FROM:]
    terms = (scipy.special.binom(alpha, 2 * m) * far ** (alpha - 2 * m) for m in range(1, _EXPANSION_TERMS + 1))
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
