"""Gaussian random potentials with structure function A r^alpha on a grid of two or three dimensions, without cutoff.

A periodic field cannot have E[(V(x) - V(y))^2] = A r^alpha: it lacks the waves longer than its box, and the law holds
over a factor of a few only. Stein's embedding ("Fast and exact simulation of fractional Brownian surfaces", J. Comput.
Graph. Stat. 11, 587, 2002) is exact. In units of a length l no shorter than the diagonal of the box, the covariance

    C(r) = c0 - r^alpha + c2 r^2    for r <= 1
    C(r) = b (R - r)^3/r            for 1 < r < R,  0 beyond

belongs to a field U of period 2R, made by one Fourier transform; U plus a random plane of slope variance 2 c2 has
E[(V(x) - V(y))^2] = 2 r^alpha at every pair of sites. C has a spectrum without negative parts when R is large enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.landscapes.power_law import (
    DisorderError,
    check_count,
    check_positive,
    check_power_law,
    checked_disorders,
)
from langevin_sgd.random_numbers.streams import Stream, normals
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

# (largest alpha, R) with a non-negative spectrum: at R = 1 C has a kink in its second derivative at r = 1, whose part
# of the spectrum, k^-(d+3)/2 - 1, must not outlast k^-(d + alpha)
_REACH = {2: ((1.5, 1.0), (2.0, 1.5)), 3: ((1.0, 1.0), (1.5, 1.25), (2.0, 2.0))}
# what rounding leaves of a mode without weight, relative to the largest
_ROUNDING = 1e-13
_NORMALS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Grid:
    """A random potential on `sites`^`dimension` points a distance `spacing` apart, E[(V(x)-V(y))^2] = A |x-y|^alpha.

    Gaussian, isotropic, exact to rounding at every pair of sites (fractional Brownian surface with Hurst exponent
    alpha/2); A is the `amplitude`. Raises `DisorderError` for alpha outside (0, 2) and for other dimensions than 2, 3.
    """

    dimension: int
    alpha: float
    amplitude: float = 1.0
    sites: int = 128
    spacing: float = 1.0

    def __post_init__(self) -> None:
        if self.dimension not in _REACH:
            raise DisorderError(
                f"a grid has 2 or 3 dimensions, not {self.dimension}; take Line for one and Fourier for more"
            )
        check_power_law(self.alpha, self.amplitude)
        check_count(self.sites, "sites", 2)
        check_positive(self.spacing, "spacing")

    @property
    def shape(self) -> tuple[int, ...]:
        """Sites along each axis."""
        return (self.sites,) * self.dimension

    @property
    def middle(self) -> tuple[int, ...]:
        """The site at which V = 0."""
        return (self.sites // 2,) * self.dimension

    @property
    def valid_range(self) -> tuple[float, float]:
        """Shortest and longest distance between sites: the law is exact at all of them."""
        return self.spacing, self.spacing * (self.sites - 1) * math.sqrt(self.dimension)

    def structure_function(self, distance: ArrayLike) -> Array:
        """A r^alpha."""
        return np.asarray(self.amplitude * real_array(distance, "the distance", DisorderError) ** self.alpha)

    def potential(self, seed: int, disorders: ArrayLike) -> Array:
        """The potentials of the numbered disorders, (disorder, n, n[, n]) with V = 0 at the `middle`.

        A disorder is a function of the seed, its number and the sizes of the grid, whatever others are asked for.
        """
        numbers = checked_disorders(seed, disorders)
        out = np.empty((numbers.size, *self.shape))
        for place, number in zip(out, numbers, strict=True):
            place[:] = self._one(seed, int(number))
        return out

    @property
    def distances(self) -> Array:
        """Distances at which `squared_increments` looks, ascending: along axes and main diagonal."""
        return np.array([distance for distance, _ in self._lags])

    @property
    def _lags(self) -> list[tuple[float, list[NDArray[np.integer]]]]:
        """Distances, each with the displacements over it in sites."""
        lags = np.unique(np.geomspace(1, self.sites - 1, 3 * self.sites.bit_length()).round().astype(int))
        axes, diagonal = np.eye(self.dimension, dtype=int), np.ones(self.dimension, dtype=int)
        along = [(self.spacing * float(lag), [lag * axis for axis in axes]) for lag in lags]
        across = [(self.spacing * float(lag) * math.sqrt(self.dimension), [lag * diagonal]) for lag in lags]
        return sorted(along + across, key=lambda each: each[0])

    def squared_increments(self, potential: Array) -> Array:
        """Mean of (V(x) - V(y))^2 over pairs along axes and main diagonal, (disorder, distance)."""
        return np.stack(
            [np.mean([_squared_increment(potential, lag) for lag in lags], axis=0) for _, lags in self._lags], axis=1
        )

    @property
    def reach(self) -> float:
        """R: the period of U is 2R lengths l."""
        return next(reach for largest, reach in _REACH[self.dimension] if self.alpha <= largest)

    @cached_property
    def period(self) -> int:
        """Sites of the periodic field along an axis, even."""
        needed = 2.0 * self.reach * math.sqrt(self.dimension) * (self.sites - 1)
        return 2 * int(scipy.fft.next_fast_len(math.ceil(needed / 2.0), real=True))

    def covariance(self, distance: ArrayLike) -> tuple[Array, float]:
        """C at distances in units of l, and c2."""
        r, a, reach = real_array(distance, "the distance", DisorderError), self.alpha, self.reach
        b = a * (2.0 - a) / (3.0 * reach * (reach**2 - 1.0)) if reach > 1.0 else 0.0
        c2 = (a - b * (reach - 1.0) ** 2 * (reach + 2.0)) / 2.0
        near = b * (reach - 1.0) ** 3 + 1.0 - c2 - r**a + c2 * r**2
        far = b * np.maximum(reach - r, 0.0) ** 3 / np.maximum(r, 1.0)
        return np.where(r <= 1.0, near, far), c2

    @cached_property
    def _mode_amplitudes(self) -> Array:
        """Square roots of the spectrum of U at the wave numbers 0 ... period/2 along each axis, scaled for one mode.

        Along the last axis the inverse transform of a real field counts a mode and its conjugate, except at both ends.
        """
        half = self.period // 2 + 1
        squares = np.meshgrid(
            *[(np.arange(half) * (2.0 * self.reach / self.period)) ** 2] * self.dimension, indexing="ij", sparse=True
        )
        spectrum = scipy.fft.dctn(self.covariance(np.sqrt(sum(squares)))[0], type=1)
        if spectrum.min() < -_ROUNDING * spectrum.max():
            raise ArithmeticError(f"the spectrum of {self} has negative parts, down to {spectrum.min():.3g}")
        out: Array = np.sqrt(np.maximum(spectrum, 0.0) * float(self.period) ** self.dimension)
        out[..., 1:-1] /= math.sqrt(2.0)
        return out

    def _one(self, seed: int, number: int) -> Array:
        """One disorder, (n, n[, n])."""
        scaled_from = self.period / (2.0 * self.reach)  # sites in l
        field = self._periodic(seed, number)
        drawn = normals(
            seed, trajectories=[number], steps=[self.period], components=self.dimension, stream=Stream.DISORDER
        )
        slope = drawn[0, 0] * math.sqrt(2.0 * self.covariance(0.0)[1]) / scaled_from
        at = np.arange(self.sites) - self.sites // 2
        for axis in range(self.dimension):
            field += (slope[axis] * at).reshape([-1 if i == axis else 1 for i in range(self.dimension)])
        field -= field[self.middle]
        field *= math.sqrt(self.amplitude * (scaled_from * self.spacing) ** self.alpha / 2.0)
        return field

    def _periodic(self, seed: int, number: int) -> Array:
        """The sites of U inside the box: one axis at a time is transformed and cut to the box."""
        half = self.period // 2 + 1
        mirrored = np.minimum(np.arange(self.period), self.period - np.arange(self.period))
        modes = np.empty((*[self.period] * (self.dimension - 1), half), dtype=np.complex128)
        plane = modes[0].size
        rows = max(1, _NORMALS_AT_ONCE // (2 * plane))
        for first in range(0, self.period, rows):
            steps = np.arange(first, min(first + rows, self.period))
            drawn = normals(seed, trajectories=[number], steps=steps, components=2 * plane, stream=Stream.DISORDER)
            size = self._mode_amplitudes[mirrored[steps]]
            if self.dimension == 3:
                size = size[:, mirrored]
            np.multiply(drawn.view(np.complex128).reshape(size.shape), size, out=modes[steps[0] : steps[-1] + 1])
        for axis in range(self.dimension - 1):
            modes = scipy.fft.ifft(modes, axis=axis, overwrite_x=True)
            modes = np.ascontiguousarray(np.take(modes, range(self.sites), axis=axis))
        field: Array = scipy.fft.irfft(modes, n=self.period, axis=-1)[..., : self.sites]
        return np.ascontiguousarray(field)


def _squared_increment(potential: Array, lag: NDArray[np.integer]) -> Array:
    """Mean of (V(x + lag) - V(x))^2 over x, (disorder,)."""
    ahead = potential[(slice(None), *(slice(step, None) for step in lag))]
    behind = potential[(slice(None), *(slice(None, size) for size in ahead.shape[1:]))]
    squared: Array = ((ahead - behind) ** 2).reshape(len(potential), -1).mean(axis=1)
    return squared
