"""The symmetric root of a covariance, by which standard normals become correlated ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A direction whose variance, relative to that of the coordinates it consists of, is below this has no noise of its own.
_RANK_TOLERANCE = 1e-13


def covariance_root(covariance: Array) -> Array:
    """L with L L^T = covariance (..., d, d): the symmetric root of the correlations, scaled.

    Modes of very different variance are all resolved. Unlike a pivoted Cholesky factor it chooses no order and no
    eigenvectors, so draws change by as little as the covariance does: where the covariance is known to 1e-16, by less
    than 1e-6 standard deviations, also for correlated, degenerate and noise-free directions. For constant isotropic or
    diagonal noise it is diagonal.
    """
    scale = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0.0)
    values, vectors = np.linalg.eigh(covariance * inverse[..., :, None] * inverse[..., None, :])
    kept = np.where(values > _RANK_TOLERANCE, values, 0.0)
    root: Array = (vectors * np.sqrt(kept)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return scale[..., :, None] * root
