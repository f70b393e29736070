"""Structure function of the loss along paths: what is read as a rough landscape, and what the descent alone makes.

A path that descends has E[(L(t) - L(t'))^2] that grows as a power of the distance without any roughness. So the
exponent along a trajectory says something about the landscape only by what it exceeds that of the noise-free path by.

Nor is it one number of the path. Along a descent the increments of the loss are not stationary: at short distances
alpha is 2, as of any smooth function, towards the distance over which the loss falls it is less, and over a window it
is something between, which depends on the window and on which places of the path make the pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.estimators.stationary import jackknife_stderr

Array = NDArray[np.float64]

BINS = 12


class PathRoughness(NamedTuple):
    """Bins of distance, edges (bin + 1,), mean square differences (bin,), and A r^alpha fitted to them.

    Errors are those of a jackknife over paths, NaN for one path; all is NaN where fewer than two bins are reached.
    """

    edges: Array
    value: Array
    alpha: float
    alpha_stderr: float
    amplitude: float
    amplitude_stderr: float


def stretches(path: ArrayLike) -> Array:
    """The length that each point of a path (point, coordinate) stands for: half of the chords to its neighbours."""
    chords = np.linalg.norm(np.diff(np.asarray(path, dtype=np.float64), axis=0), axis=1)
    lengths: Array = 0.5 * (np.append(0.0, chords) + np.append(chords, 0.0))
    return lengths


def path_roughness(
    positions: ArrayLike, energies: ArrayLike, *, low: float, high: float, weights: ArrayLike | None = None
) -> PathRoughness:
    """From pairs of points of each path, (path, point, coordinate) with energies (path, point), at distances from `low`
    to `high`: twelve bins equal in ln r, of which ln value is fitted against ln r by least squares.

    A pair counts once, or as the product of the `weights` (point,) of its points. Counted once, pairs are those of the
    clock by which points were taken, and another clock has another alpha. By `stretches` the value of a bin is the
    average over all places of the path, the same for every clock that looks often enough.
    """
    x, energy = np.asarray(positions, dtype=np.float64), np.asarray(energies, dtype=np.float64)
    each = np.ones(x.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    first, second = np.triu_indices(x.shape[1], 1)  # in the order of pdist
    pair = each[first] * each[second]
    edges = np.geomspace(low, high, BINS + 1)
    sums = np.zeros((3, len(x), BINS))
    for path, (points, values) in enumerate(zip(x, energy, strict=True)):
        distance = scipy.spatial.distance.pdist(points)
        square = scipy.spatial.distance.pdist(values[:, None], "sqeuclidean")
        bins = np.searchsorted(edges, distance, side="right") - 1
        inside = (bins >= 0) & (bins < BINS)
        for row, summed in enumerate((np.ones_like(distance), np.log(np.maximum(distance, low)), square)):
            sums[row, path] = np.bincount(bins[inside], (pair * summed)[inside], minlength=BINS)
    total = sums.sum(axis=1)
    value, alpha, amplitude = _fit(total)
    if len(x) < 2:
        return PathRoughness(edges, value, alpha, np.nan, amplitude, np.nan)
    left_out = np.array([_fit(total - sums[:, path])[1:] for path in range(len(x))])
    errors = jackknife_stderr(left_out[:, 0]), jackknife_stderr(left_out[:, 1])
    return PathRoughness(edges, value, alpha, float(errors[0]), amplitude, float(errors[1]))


def _fit(sums: Array) -> tuple[Array, float, float]:
    count, ln_distance, square = sums
    seen = (count > 0) & (square > 0)
    value = np.divide(square, count, out=np.full(BINS, np.nan), where=seen)
    if seen.sum() < 2:
        return value, np.nan, np.nan
    alpha, ln_amplitude = np.polyfit(ln_distance[seen] / count[seen], np.log(value[seen]), 1)
    return value, float(alpha), float(np.exp(ln_amplitude))
