"""Structure function E[(V(x)-V(y))^2] against distance, its local exponent alpha(r), and what a mere slope would give.

Between points that differ by a random direction, any smooth landscape with gradient g has Var = r^2 |g|^2/d at small r
(d coordinates), which reads as alpha = 2 whatever the barriers are. So alpha(r) is estimated from pairs of points that
were visited, as a function of r, with this gradient-only null beside it; where the measured function does not rise
above or bend away from the null, it says nothing about a random potential.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.stationary import jackknife_stderr
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

MINIMUM_BASES = 4


@dataclass(frozen=True)
class PowerLaw:
    """Fit of A r^alpha, with standard errors over base points; that of the amplitude is relative."""

    alpha: float
    alpha_stderr: float
    amplitude: float
    amplitude_relative_stderr: float
    bins: int


@dataclass(frozen=True)
class StructureFunction:
    """Bins of distance with what was measured in them; arrays (bin,), `left_out` (base, bin).

    `distance` is the root mean square r of the pairs, `value` the mean of (V(x)-V(y))^2, `null` that of r^2 |g|^2/d
    (NaN without gradients), `local_alpha` d ln value/d ln r; `left_out` is ln value with each base point left out.
    """

    distance: Array
    pairs: NDArray[np.int64]
    value: Array
    stderr: Array
    null: Array
    local_alpha: Array
    local_alpha_stderr: Array
    left_out: Array

    def power_law(self, low: float, high: float) -> PowerLaw:
        """Least squares of ln value on ln r over the bins with low <= r <= high, errors by jackknife over base points.

        The range is to be fixed beforehand. Raises `UserError` if it holds fewer than 2 bins.
        """
        inside = (self.distance >= low) & (self.distance <= high)
        if inside.sum() < 2:
            raise UserError(
                f"structure function: {int(inside.sum())} bins lie in the range {low:.3g} to {high:.3g}; at least 2 "
                f"are needed, and there are pairs from {self.distance[0]:.3g} to {self.distance[-1]:.3g}"
            )
        ln_distance = np.log(self.distance[inside])
        curves = np.concatenate([np.log(self.value[inside])[None], self.left_out[:, inside]])
        alpha, ln_amplitude = np.polyfit(ln_distance, curves.T, 1)
        return PowerLaw(
            alpha=float(alpha[0]),
            alpha_stderr=float(jackknife_stderr(alpha[1:])),
            amplitude=float(np.exp(ln_amplitude[0])),
            amplitude_relative_stderr=float(jackknife_stderr(ln_amplitude[1:])),
            bins=int(inside.sum()),
        )


def structure_function(
    positions: ArrayLike,
    energies: ArrayLike,
    *,
    gradient_squared: ArrayLike | None = None,
    bins: int = 16,
    distance_range: tuple[float, float] | None = None,
) -> StructureFunction:
    """Structure function from all pairs of points around each base point.

    `positions` (base, point, coordinate) and `energies` (base, point): pairs are formed within a base point only, and
    the base points are what is independent (separate trajectories or disorders, or visits far apart); errors come
    from leaving each out. `gradient_squared` (base,) is |g|^2 there. Bins are equal in ln r, between the smallest and
    largest distance unless `distance_range` says otherwise; bins that fewer than 4 base points reach are left out.
    Raises `UserError` for fewer than 4 base points, fewer than 2 points around each, or no usable bin.
    """
    x, energy = real_array(positions, "the positions", UserError), real_array(energies, "the energies", UserError)
    if x.ndim != 3 or energy.shape != x.shape[:2]:
        raise UserError(
            f"structure function: positions {x.shape} must be (base, point, coordinate) and energies {energy.shape} "
            "(base, point)"
        )
    bases, points, dimension = x.shape
    if bases < MINIMUM_BASES or points < 2:
        raise UserError(
            f"structure function: {bases} base points with {points} points each; at least {MINIMUM_BASES} with 2 are "
            "needed, since errors come from the spread between base points"
        )
    squared = np.stack([scipy.spatial.distance.pdist(each, "sqeuclidean") for each in x])
    difference = np.stack([scipy.spatial.distance.pdist(each[:, None], "sqeuclidean") for each in energy])
    edges = _edges(squared, bins, distance_range)
    counts, distances, values = _sums(squared, difference, edges)
    slopes = (
        np.full(bases, math.nan)
        if gradient_squared is None
        else real_array(gradient_squared, "the gradient squared", UserError)
    )
    kept = (counts > 0).sum(axis=0) >= MINIMUM_BASES
    if not kept.any():
        raise UserError("structure function: no bin of distance is reached by 4 base points; take fewer or wider bins")
    counts, distances, values = counts[:, kept], distances[:, kept], values[:, kept]
    total = counts.sum(axis=0)
    distance = np.sqrt(distances.sum(axis=0) / total)
    value = values.sum(axis=0) / total
    left_out = (values.sum(axis=0) - values) / (total - counts)
    if not (np.all(np.isfinite(left_out)) and np.all(left_out > 0.0)):
        raise UserError("structure function: energies must be finite and differ at every distance; take wider bins")
    ln_value, ln_left_out = np.log(value), np.log(left_out)
    many = distance.size > 1
    alpha = np.gradient(ln_value, np.log(distance)) if many else np.full(1, math.nan)
    alpha_left_out = np.gradient(ln_left_out, np.log(distance), axis=1) if many else np.full((bases, 1), math.nan)
    return StructureFunction(
        distance=distance,
        pairs=total.astype(np.int64),
        value=value,
        stderr=jackknife_stderr(left_out),
        null=(slopes[:, None] * distances).sum(axis=0) / (dimension * total),
        local_alpha=alpha,
        local_alpha_stderr=jackknife_stderr(alpha_left_out),
        left_out=ln_left_out,
    )


def _edges(squared: Array, bins: int, distance_range: tuple[float, float] | None) -> Array:
    positive = squared[squared > 0.0]
    if distance_range is not None:
        low, high = distance_range
    elif positive.size:
        low, high = math.sqrt(positive.min()) * (1 - 1e-12), math.sqrt(positive.max()) * (1 + 1e-12)
    else:
        raise UserError("structure function: all points around each base point coincide")
    if not 0.0 < low < high:
        raise UserError(f"structure function: the range {low:g} to {high:g} of distances must be positive, ascending")
    return np.geomspace(low, high, bins + 1)


def _sums(squared: Array, difference: Array, edges: Array) -> tuple[Array, Array, Array]:
    """Number of pairs, sum of r^2 and sum of (V(x)-V(y))^2, each (base, bin)."""
    bins = edges.size - 1
    number = np.searchsorted(edges, np.sqrt(squared), side="right") - 1
    sums = np.zeros((3, squared.shape[0], bins))
    for base, (which, r2, dv2) in enumerate(zip(number, squared, difference, strict=True)):
        inside = (which >= 0) & (which < bins)
        for row, weight in enumerate((np.ones_like(r2), r2, dv2)):
            sums[row, base] = np.bincount(which[inside], weight[inside], minlength=bins)
    return sums[0], sums[1], sums[2]
