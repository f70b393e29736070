"""The quadratic landscape of a minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.by_value import ByValue
from langevin_sgd.landscapes.eigenbasis import eigenbasis
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]


class HessianError(UserError, ValueError):
    """Numbers that are no Hessian of a minimum."""


@dataclass(frozen=True, eq=False)
class Quadratic(Landscape, ByValue):
    """E(w) = (w - w0)^T H (w - w0) / 2 with H = V diag(k) V^T.

    `eigenvalues` k (d,), largest first by convention; `eigenvectors` V (d, d), one a column; `minimum` w0 (d,).
    Positions may carry leading dimensions: (..., d). Raises HessianError if the shapes do not fit.
    """

    eigenvalues: Array
    eigenvectors: Array
    minimum: Array

    def __post_init__(self) -> None:
        for name in ("eigenvalues", "eigenvectors", "minimum"):
            object.__setattr__(self, name, real_array(getattr(self, name), f"the {name}", HessianError))
        size = self.eigenvalues.size
        if self.eigenvalues.ndim != 1 or self.eigenvectors.shape != (size, size) or self.minimum.shape != (size,):
            raise HessianError(
                "eigenvalues (d,), eigenvectors (d, d) and minimum (d,) do not fit: shapes "
                f"{self.eigenvalues.shape}, {self.eigenvectors.shape} and {self.minimum.shape}"
            )
        if size == 0:
            raise HessianError("a landscape has at least one coordinate")
        if not all(np.isfinite(part).all() for part in (self.eigenvalues, self.eigenvectors, self.minimum)):
            raise HessianError("a Hessian has finite entries and a finite minimum; give numbers")
        probe = np.linspace(1.0, 2.0, size)
        if not np.allclose(self.eigenvectors.T @ (self.eigenvectors @ probe), probe, rtol=1e-6, atol=0.0):
            raise HessianError("the eigenvectors are not orthonormal columns; use Quadratic.from_matrix")

    @classmethod
    def from_matrix(cls, hessian: ArrayLike, minimum: ArrayLike | None = None) -> Quadratic:
        """From a symmetric Hessian (d, d); the minimum is at the origin unless given. HessianError if not symmetric."""
        matrix = real_array(hessian, "the entries of a Hessian", HessianError)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise HessianError(f"a Hessian is a square matrix, not of shape {matrix.shape}")
        if not np.isfinite(matrix).all():
            raise HessianError("a Hessian has finite entries, and this matrix has others; give numbers")
        if not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12 * np.abs(matrix).max(initial=0.0)):
            raise HessianError("a Hessian is symmetric, and this matrix is not; give (H + H^T)/2")
        eigenvalues, eigenvectors = eigenbasis((matrix + matrix.T) / 2.0)
        origin = np.zeros(len(matrix)) if minimum is None else real_array(minimum, "the minimum", HessianError)
        return cls(eigenvalues, eigenvectors, origin)

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""
        return self.eigenvalues.size

    def on(self, backend: str, device: str) -> Landscape:
        """As a formula up to 16 coordinates, and on tensors beyond."""
        from langevin_sgd.landscapes.expression import MAX_DIMENSION, quadratic  # sympy, where a run needs it

        if self.dimension <= MAX_DIMENSION:
            hessian = self.hessian()
            return quadratic((hessian + hessian.T) / 2, self.minimum.tolist())
        from langevin_sgd.landscapes.torch_quadratic import TorchQuadratic

        return TorchQuadratic(self)

    def in_modes(self, position: ArrayLike) -> Array:
        """Displacement from the minimum along each eigenvector: V^T (w - w0), (..., d)."""
        displaced: Array = (real_array(position, "the position", HessianError) - self.minimum) @ self.eigenvectors
        return displaced

    def from_modes(self, displacement: ArrayLike) -> Array:
        """The position w0 + V x of a displacement x in the eigenbasis, (..., d)."""
        in_modes = real_array(displacement, "the displacement", HessianError)
        position: Array = self.minimum + in_modes @ self.eigenvectors.T
        return position

    def energy(self, position: ArrayLike) -> Array:
        """E above the minimum, (...)."""
        return np.asarray(0.5 * np.sum(self.eigenvalues * self.in_modes(position) ** 2, axis=-1))

    def gradient(self, position: ArrayLike) -> Array:
        """H (w - w0), (..., d)."""
        slope: Array = (self.eigenvalues * self.in_modes(position)) @ self.eigenvectors.T
        return slope

    @one_blas_thread()
    def hessian(self) -> Array:
        """H = V diag(k) V^T, (d, d), the same everywhere."""
        matrix: Array = (self.eigenvectors * self.eigenvalues) @ self.eigenvectors.T
        return matrix
