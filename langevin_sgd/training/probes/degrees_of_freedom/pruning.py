"""Degrees of freedom of activations, and layers of which some units are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]


def covariance(activations: Array) -> Array:
    """That of activations (sample, unit) about their means, over N samples: (unit, unit)."""
    centred = activations - activations.mean(0)
    found: Array = centred.T @ centred / len(centred)
    return found


def spectrum(covariance: Array) -> Array:
    """Its eigenvalues, falling; of rounding below 0 they are 0."""
    found: Array = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0.0)
    return found


def degrees_of_freedom(eigenvalues: Array, relative_lambda: float) -> float:
    """N(lambda) = sum_j mu_j/(mu_j + lambda), lambda in units of the largest; 0 where nothing varies."""
    if eigenvalues[0] == 0.0:
        return 0.0
    return float((eigenvalues / (eigenvalues + relative_lambda * eigenvalues[0])).sum())


def enough(freedom: float, width: int) -> int:
    """5 N log N units, at least N, and at most all (Suzuki et al. 2018)."""
    return min(width, max(1, math.ceil(freedom), math.ceil(5.0 * freedom * math.log(max(freedom, 1.0)))))


def ranking(covariance: Array) -> NDArray[np.int64]:
    """Units in the order in which they are kept: each has the largest variance that those before it do not tell.

    Pivoted Cholesky decomposition, as that of the centred activations by QR with column pivoting.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    order: NDArray[np.int64] = linalg.qr(root, mode="r", pivoting=True)[1].astype(np.int64)
    return order


@dataclass(frozen=True)
class Told:
    """Activations told by some of them: a ~ `offset` + `matrix` a, with columns of 0 for units that are not kept."""

    matrix: Array
    offset: Array


def told_by(kept: NDArray[np.int64], covariance: Array, means: Array, ridge: float) -> Told:
    """The ridge regression of all units on those kept: Sigma_.J (Sigma_JJ + ridge)^-1, about the means."""
    block = covariance[np.ix_(kept, kept)] + ridge * np.eye(len(kept))
    matrix = np.zeros_like(covariance)
    matrix[:, kept] = linalg.solve(block, covariance[kept], assume_a="pos").T
    return Told(matrix, means - matrix @ means)
