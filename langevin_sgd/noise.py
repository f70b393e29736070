"""Gradient noise: the covariance C of ONE per-sample gradient, in three degrees of detail.

A minibatch of B samples drawn with replacement has gradient covariance C/B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FullNoise:
    """C itself, (d, d): symmetric and positive semidefinite, of any rank. Raises ValueError otherwise."""

    covariance: Array

    def __post_init__(self) -> None:
        c = self.covariance
        if c.ndim != 2 or c.shape[0] != c.shape[1]:
            raise ValueError(f"a noise covariance is a square matrix, not of shape {c.shape}")
        size = np.abs(c).max(initial=0.0)
        if not np.all(np.isfinite(c)) or not np.allclose(c, c.T, rtol=1e-8, atol=1e-12 * size):
            raise ValueError("a noise covariance is finite and symmetric, and this matrix is not")
        if np.linalg.eigvalsh(c).min(initial=0.0) < -1e-9 * len(c) * size:
            raise ValueError("a noise covariance has no negative eigenvalue, and this matrix has one")

    def matrix(self, dimension: int) -> Array:
        """C, (d, d); ValueError if `dimension` is not d."""
        return _fitting(self.covariance, dimension)


@dataclass(frozen=True)
class DiagonalNoise:
    """C = diag(variances), (d,), in the basis in which it is used. Raises ValueError for a negative variance."""

    variances: Array

    def __post_init__(self) -> None:
        if self.variances.ndim != 1 or not np.all((self.variances >= 0.0) & np.isfinite(self.variances)):
            raise ValueError("noise variances are a list of finite numbers, none negative")

    def matrix(self, dimension: int) -> Array:
        """C, (d, d); ValueError if `dimension` is not d."""
        return _fitting(np.diag(self.variances), dimension)


@dataclass(frozen=True)
class IsotropicNoise:
    """C = sigma^2 I with `scale` = sigma. Raises ValueError if it is negative."""

    scale: float

    def __post_init__(self) -> None:
        if not (self.scale >= 0.0 and np.isfinite(self.scale)):
            raise ValueError(f"the noise scale is a finite number, not negative: {self.scale}")

    @classmethod
    def from_covariance(cls, covariance: ArrayLike) -> IsotropicNoise:
        """The isotropic noise of the same total variance: sigma^2 = tr C / d."""
        c = np.asarray(covariance, dtype=np.float64)
        return cls(float(np.sqrt(np.trace(c) / len(c))))

    def matrix(self, dimension: int) -> Array:
        """C, (d, d)."""
        return self.scale**2 * np.eye(dimension)


Noise = FullNoise | DiagonalNoise | IsotropicNoise


def _fitting(matrix: Array, dimension: int) -> Array:
    if matrix.shape != (dimension, dimension):
        raise ValueError(
            f"the noise covariance is of shape {matrix.shape}, and the landscape has {dimension} coordinates"
        )
    return matrix
