"""Random potentials with structure function A r^alpha in any dimension, as sums of waves with random wave vectors.

    V(w) = sum_j a_j cos(k_j.w + phi_j),    a_j^2 = c |k_j|^-alpha

with isotropic directions and one log|k_j| drawn from each of `features` equal parts of [log k_min, log k_max]: equal
numbers of modes in every octave. Then, over wave vectors and phases,

    E[(V(x) - V(y))^2] = A r^alpha [1 - e_low(r) - e_high(r)],    r = |x - y|,

where the waves left out at both ends are worth e_low ~ (k_min r)^(2-alpha) and e_high ~ (k_max r)^-alpha. A wave vector
meets r along one of d directions, so the law holds for sqrt(d)/k_max << r << sqrt(d)/k_min.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.landscapes.fourier_potential import FourierPotential
from langevin_sgd.landscapes.power_law import (
    TOLERANCE,
    DisorderError,
    check_count,
    check_positive,
    check_power_law,
    checked_disorders,
)
from langevin_sgd.random_numbers.streams import Stream, normals, words
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

# directions are drawn at the steps 0, 1, ..., lengths and phases of the same features at steps from here
_LENGTHS = 1 << 40
_STEP_TIMES_CURVATURE = 0.2  # of the natural time step and the largest curvature to be met
_LARGEST_LOG = 170.0  # of a wave number, whose fourth power is a double
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
# scipy's hyp0f1 is NaN in places for more dimensions; there 64 nodes do, and beyond z = 10 sqrt(d) nothing is left
_MOST_BY_BESSEL = 150


@dataclass(frozen=True)
class Fourier:
    """The law of a random potential in `dimension` coordinates, E[(V(x)-V(y))^2] = A |x-y|^alpha between two cutoffs.

    `smallest_wave_number` and `largest_wave_number` are k_min and k_max, `features` the number of waves; A is the
    `amplitude`. A float64 state resolves phases up to |w| k_max ~ 1e9. Raises `DisorderError` for alpha outside (0, 2)
    and for cutoffs out of order.
    """

    dimension: int
    alpha: float
    smallest_wave_number: float
    largest_wave_number: float
    amplitude: float = 1.0
    features: int = 1024

    def __post_init__(self) -> None:
        check_count(self.dimension, "dimension", 1)
        check_power_law(self.alpha, self.amplitude)
        check_positive(self.smallest_wave_number, "smallest_wave_number")
        check_positive(self.largest_wave_number, "largest_wave_number")
        if self.smallest_wave_number >= self.largest_wave_number:
            raise DisorderError(
                f"the cutoffs are crossed: smallest_wave_number {self.smallest_wave_number:g} is not below "
                f"largest_wave_number {self.largest_wave_number:g}; exchange them"
            )
        check_count(self.features, "features", 1)

    @classmethod
    def between(
        cls,
        dimension: int,
        alpha: float,
        shortest: float,
        longest: float,
        *,
        tolerance: float = TOLERANCE,
        amplitude: float = 1.0,
        features: int = 1024,
    ) -> Fourier:
        """Cutoffs with which A r^alpha holds to `tolerance` at distances from `shortest` to `longest`.

        Each may take away half of it. Raises `DisorderError` as `Fourier` does, and for distances out of order.
        """
        check_count(dimension, "dimension", 1)
        check_power_law(alpha, amplitude)
        check_positive(shortest, "shortest distance")
        check_positive(longest, "longest distance")
        if not 0.0 < shortest < longest:
            raise DisorderError(f"the distances are crossed: {shortest:g} is not below {longest:g}; exchange them")
        low, high = _error_scales(dimension, alpha)
        if math.log(2 * high / tolerance) / alpha - math.log(shortest) > _LARGEST_LOG:
            raise DisorderError(
                f"alpha = {alpha:g} needs wave numbers of more than e^{_LARGEST_LOG:g} to hold from {shortest:g} on; "
                "take a larger alpha"
            )
        smallest = (tolerance / 2 / low) ** (1.0 / (2.0 - alpha)) / longest
        largest = (tolerance / 2 / high) ** (-1.0 / alpha) / shortest
        return cls(dimension, alpha, smallest, largest, amplitude, features)

    def potential(self, seed: int, disorders: ArrayLike, walkers: int | None = None) -> FourierPotential:
        """The potentials of the numbered disorders.

        `walkers`: how many walkers of each disorder stand in positions (d, disorder * walker); needed on tensors when
        there are several disorders. A disorder is a function of the seed, its number and this law alone.
        """
        numbers = checked_disorders(seed, disorders)
        feature = np.arange(self.features)
        directions = normals(
            seed, trajectories=numbers, steps=feature, components=self.dimension, stream=Stream.DISORDER
        ).swapaxes(0, 1)
        drawn = words(seed, trajectories=numbers, steps=_LENGTHS + feature, components=2, stream=Stream.DISORDER)
        uniform = (drawn.swapaxes(0, 1) + 0.5) * 2.0**-32
        length = self.smallest_wave_number * np.exp(self._log_ratio * (feature + uniform[..., 0]) / self.features)
        directions *= (length / np.linalg.norm(directions, axis=-1))[..., None]
        return FourierPotential(
            disorders=numbers,
            wave_vectors=np.ascontiguousarray(directions),
            coefficients=math.sqrt(self._weight / self.features) * length ** (-self.alpha / 2.0),
            phases=np.asarray(2.0 * math.pi * uniform[..., 1], dtype=np.float64),
            walkers=walkers,
        )

    def structure_function(self, distance: ArrayLike) -> Array:
        """E[(V(x) - V(y))^2] at distances r, with both cutoffs, to 2e-4 of A r^alpha in d = 1 and 1e-5 beyond."""
        r = real_array(distance, "the distance", DisorderError)
        table = _tail_table(self.dimension, self.alpha)
        ends = [table.tail(cutoff * r) for cutoff in (self.smallest_wave_number, self.largest_wave_number)]
        return np.asarray(self.amplitude * r**self.alpha * (ends[0] - ends[1]) / whole(self.dimension, self.alpha))

    def cutoff_errors(self, distance: ArrayLike) -> tuple[Array, Array]:
        """e_low and e_high, the parts of A r^alpha that the lower and the upper cutoff take away, to leading order.

        With I = integral of (1 - E cos(z u)) z^(-1-alpha) over z > 0, u a component of a random unit vector:
        e_low = (k_min r)^(2-alpha)/(2 d (2-alpha) I) and e_high = (k_max r)^-alpha/(alpha I).
        """
        r = real_array(distance, "the distance", DisorderError)
        low, high = _error_scales(self.dimension, self.alpha)
        return (
            np.asarray(low * (self.smallest_wave_number * r) ** (2.0 - self.alpha)),
            np.asarray(high * (self.largest_wave_number * r) ** -self.alpha),
        )

    def valid_range(self, tolerance: float = TOLERANCE) -> tuple[float, float]:
        """The distances between which A r^alpha holds to `tolerance`: over two decades at 3% with k_max = 1e6 k_min.

        Beyond leading order E cos(z u) at z = k_max r, of size G = Gamma(d/2) (2/z)^((d-1)/2)/sqrt(pi), adds up to
        alpha G/z of e_high. Raises `DisorderError` if there is no such distance.
        """
        a, d = self.alpha, self.dimension

        def excess(log_distance: float) -> float:
            low, high = self.cutoff_errors(math.exp(log_distance))
            log_z = math.log(self.largest_wave_number) + log_distance
            size = scipy.special.gammaln(d / 2) - math.log(math.pi) / 2 + (d - 1) / 2 * (math.log(2) - log_z)
            return float(low + high * (1.0 + a * math.exp(min(size, 0.0) - log_z))) / tolerance - 1.0

        low, high = (float(e) for e in self.cutoff_errors(1.0))
        best = math.log(a * high / ((2.0 - a) * low)) / 2.0  # where low r^(2-a) + high r^-a is least
        if not excess(best) < 0.0:
            raise DisorderError(
                f"with wave numbers from {self.smallest_wave_number:g} to {self.largest_wave_number:g} A r^alpha holds "
                f"at best to {(excess(best) + 1.0) * tolerance:.2g}, not to {tolerance:g}; take cutoffs further apart"
            )
        outer = [math.log(high / tolerance) / a - 1.0, math.log(tolerance / low) / (2.0 - a) + 1.0]
        return math.exp(scipy.optimize.brentq(excess, outer[0], best)), math.exp(
            scipy.optimize.brentq(excess, best, outer[1])
        )

    @property
    def distances(self) -> Array:
        """Distances at which `squared_increments` looks, (distance,): the valid range and a factor 3 to either side."""
        low, high = self.valid_range()
        return np.geomspace(low / 3.0, high * 3.0, 25)

    def squared_increments(self, potential: FourierPotential) -> Array:
        """Mean of (V(x + r) - V(x))^2 over all of space and up to 16 axes, (disorder, distance).

        Waves of different wave vectors are orthogonal, so it is sum_j a_j^2 (1 - cos k_j.r).
        """
        along = potential.wave_vectors[..., :16]
        weight = potential.coefficients[..., None] ** 2 / along.shape[-1]
        columns = [(weight * (1.0 - np.cos(r * along))).sum(axis=(1, 2)) for r in self.distances]
        return np.stack(columns, axis=1)

    def natural_time_step(self, thermal_energy: float) -> float:
        """0.2 over the largest eigenvalue of the Hessian of a Gaussian potential, at every thermal energy.

        Its entries off the diagonal are a third as large in the square as those on it, so its spectrum ends near
        2 sqrt(d/3) root mean square curvatures (Wigner), to which one is added for small d.
        """
        largest = self.root_mean_square_curvature * (1.0 + 2.0 * math.sqrt(self.dimension / 3.0))
        return _STEP_TIMES_CURVATURE / largest

    @property
    def root_mean_square_curvature(self) -> float:
        """Root mean square second derivative of V along a direction: a step resolves the waves if time_step x it << 1.

        E[(e.H e)^2] = (c/2) <k^(4-alpha)> 3/(d (d + 2)).
        """
        power = 4.0 - self.alpha
        spread = (self.largest_wave_number**power - self.smallest_wave_number**power) / (power * self._log_ratio)
        return math.sqrt(1.5 * self._weight * spread / (self.dimension * (self.dimension + 2)))

    @property
    def _log_ratio(self) -> float:
        return math.log(self.largest_wave_number / self.smallest_wave_number)

    @property
    def _weight(self) -> float:
        """c times `features`: makes sum_j a_j^2 (1 - cos) equal to A r^alpha without cutoffs."""
        return self.amplitude * self._log_ratio / whole(self.dimension, self.alpha)


def whole(dimension: int, alpha: float) -> float:
    """I = integral over z > 0 of (1 - E cos(z u)) z^(-1-alpha), u one component of a random unit vector: E|u|^alpha
    pi/(2 Gamma(1 + alpha) sin(pi alpha/2))."""
    moment = (
        scipy.special.gammaln(dimension / 2)
        + scipy.special.gammaln((1 + alpha) / 2)
        - scipy.special.gammaln((dimension + alpha) / 2)
        - math.log(math.pi) / 2
    )
    return float(np.exp(moment - scipy.special.gammaln(1 + alpha)) * math.pi / (2 * math.sin(math.pi * alpha / 2)))


def _error_scales(dimension: int, alpha: float) -> tuple[float, float]:
    """e_low/(k_min r)^(2-alpha) and e_high/(k_max r)^-alpha."""
    total = whole(dimension, alpha)
    return 1.0 / (2.0 * dimension * (2.0 - alpha) * total), 1.0 / (alpha * total)


@dataclass(frozen=True)
class _TailTable:
    """T(Z) = integral over z > Z of (1 - E cos(z u)) z^(-1-alpha), known at `edges`."""

    dimension: int
    alpha: float
    edges: Array
    values: Array

    def tail(self, at: Array) -> Array:
        """T at any Z >= 0."""
        z = real_array(at, "the at", DisorderError)
        first, last = self.edges[0], self.edges[-1]
        near = np.minimum(z, first) ** (2.0 - self.alpha)
        below = (first ** (2.0 - self.alpha) - near) / (2.0 * self.dimension * (2.0 - self.alpha))
        inside = np.clip(z, first, last)
        upper = np.minimum(np.searchsorted(self.edges, inside, side="right"), self.edges.size - 1)
        middle = self.values[upper] + _integral(self.dimension, self.alpha, inside, self.edges[upper])
        return np.asarray(np.where(z > last, np.maximum(z, last) ** -self.alpha / self.alpha, below + middle))


@lru_cache(maxsize=64)
def _tail_table(dimension: int, alpha: float) -> _TailTable:
    """Panels no longer than a radian between the leading power laws at both ends."""
    last = 400.0 + 30.0 * math.sqrt(dimension)
    edges = np.concatenate([np.geomspace(1e-4, 1.0, 40), np.arange(2.0, last)])
    panels = _integral(dimension, alpha, edges[:-1], edges[1:])
    values = edges[-1] ** -alpha / alpha + np.concatenate([np.cumsum(panels[::-1])[::-1], [0.0]])
    return _TailTable(dimension, alpha, edges, values)


def _integral(dimension: int, alpha: float, begin: Array, end: Array) -> Array:
    """Gauss-Legendre quadrature in log z from `begin` to `end`, entry by entry."""
    centre, half = (np.log(end) + np.log(begin)) / 2.0, (np.log(end) - np.log(begin)) / 2.0
    z = np.exp(centre[..., None] + half[..., None] * _NODES)
    missing = np.where(z < 1e-2, z**2 / (2.0 * dimension), 1.0 - mean_wave(dimension, z))
    integral: Array = half * (missing * z**-alpha * _WEIGHTS).sum(axis=-1)
    return integral


def mean_wave(dimension: int, z: Array) -> Array:
    """E cos(z u) with u one component of a random unit vector: Gamma(d/2) (2/z)^(d/2-1) J_(d/2-1)(z)."""
    if dimension <= _MOST_BY_BESSEL:
        return np.asarray(scipy.special.hyp0f1(dimension / 2.0, -(z**2) / 4.0))
    nodes, weights = scipy.special.roots_jacobi(64, (dimension - 3) / 2.0, (dimension - 3) / 2.0)
    mean = np.cos(z[..., None] * nodes) @ (weights / weights.sum())
    return np.asarray(np.where(z < 10.0 * math.sqrt(dimension), mean, 0.0))
