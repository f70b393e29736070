"""Hessian and noise covariance at a point, in full, and the Hessian's eigenbasis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.eigenbasis import canonical_signs
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.training.curvature_limit import refuse_too_large
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.least_squares import curvature_roots

Array = NDArray[np.float64]

_COLUMNS_AT_A_TIME = 256


@dataclass(frozen=True)
class Curvature:
    """H = V diag(k) V^T with k (d,) descending, C (d, d), and V^T C V (d, d).

    `roots` (n, o, d) are the rows of the samples' own curvatures where the loss is least squares, else none (0, 0, d);
    see `training.least_squares`.
    """

    hessian: Array
    noise_covariance: Array
    eigenvalues: Array
    eigenvectors: Array
    roots: Array

    @property
    def noise_trace(self) -> float:
        """tr C."""
        return float(np.trace(self.noise_covariance))

    @property
    def dimension(self) -> int:
        """Number of weights d."""
        return len(self.eigenvectors)

    @property
    def step_left(self) -> float:
        """0: no direction lies across its modes."""
        return 0.0

    def observables(self) -> dict[str, ArrayLike]:
        """What is emitted of it beside eigenvalues."""
        found: dict[str, ArrayLike] = {
            "hessian": self.hessian,
            "noise_covariance": self.noise_covariance,
            "hessian_eigenvector": self.eigenvectors,
        }
        return {**found, "curvature_root": self.roots} if self.roots.size > 0 else found

    @property
    def roots_in_modes(self) -> Array | None:
        """`roots` along the eigenvectors (n, o, mode); None if the loss is not least squares."""
        return self.roots @ self.eigenvectors if self.roots.size > 0 else None

    @cached_property
    def noise_in_modes(self) -> Array:
        """V^T C V, symmetric."""
        product = self.eigenvectors.T @ self.noise_covariance @ self.eigenvectors
        result: Array = 0.5 * (product + product.T)
        return result


def measure(full: FullBatch, w: Array, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Curvature:
    """Hessian and noise covariance at `w` (d,), the eigenbasis of the Hessian, and of least squares its `roots`.

    Raises `UserError` for too many parameters.
    """
    refuse_too_large(full.dimension)
    h = hessian(full, w, progress=progress)
    c = noise_covariance(full, w)
    eigenvalues, eigenvectors = eigenbasis(h)
    return Curvature(h, c, eigenvalues, eigenvectors, curvature_roots(full, w, h))


def hessian(full: FullBatch, w: Array, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Array:
    """Hessian (d, d) of the energy, weight decay included (it adds weight_decay on the diagonal), symmetrised."""
    d = full.dimension
    matrix = np.empty((d, d))
    for start in range(0, d, _COLUMNS_AT_A_TIME):
        stop = min(start + _COLUMNS_AT_A_TIME, d)
        matrix[start:stop] = full.hessian_products(w, np.eye(d)[start:stop])
        progress(stop, d)
    return 0.5 * (_finite(matrix, "Hessian") + matrix.T)


def noise_covariance(full: FullBatch, w: Array) -> Array:
    """C = (1/N) sum_n (g_n - g)(g_n - g)^T (d, d): covariance of one sample's gradient.

    Weight decay is not in it, since it shifts all g_n alike.
    """
    d = full.dimension
    second = torch.zeros(d, d, dtype=torch.float64, device=full.device)
    first = torch.zeros(d, dtype=torch.float64, device=full.device)

    def accumulate(gradients: Tensor) -> None:
        second.addmm_(gradients.T, gradients)
        first.add_(gradients.sum(0))

    full.sample_gradients(w, accumulate)
    mean = (first / full.samples).cpu().numpy()
    covariance = second.cpu().numpy() / full.samples - np.outer(mean, mean)
    return 0.5 * (_finite(covariance, "covariance of the gradients") + covariance.T)


def _finite(matrix: Array, what: str) -> Array:
    if not np.isfinite(matrix).all():
        unfit = int((~np.isfinite(matrix)).any(axis=1).sum())
        raise UserError(
            f"the {what} of the network is not finite, in {unfit} of {len(matrix)} rows; a formula of it has no "
            "derivative where it is (the root, norm or logarithm of something that vanishes?)"
        )
    return matrix


def eigenbasis(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues, largest first, and eigenvectors as columns, with `canonical_signs`."""
    with one_torch_thread():
        values, vectors = (part.numpy() for part in torch.linalg.eigh(torch.from_numpy(matrix)))
    values, vectors = values[::-1].copy(), vectors[:, ::-1]
    return values, canonical_signs(vectors)
