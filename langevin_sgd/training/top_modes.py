"""The sharpest eigenvectors of the Hessian and the gradient noise along them, where matrices d x d are too large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse.linalg
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.eigenbasis import canonical_signs
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training import minimum
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.minimum import Minimum

Array = NDArray[np.float64]

_RESIDUAL = 1e-6  # |H v - k v|/k of an eigenpair; the eigenvalue is then right to the square of this, nearly
_VECTORS_MORE = 20  # Lanczos vectors beside twice the modes: short of them it restarts more often
_RESTARTS = 100
_FEWEST = 10  # Lanczos vectors for the largest eigenvalue alone
_ROUGHLY = 1e-3  # of its residual: the eigenvalue is then right to about the square of this


@dataclass(frozen=True)
class TopModes:
    """The largest eigenvalues of H, k (mode,) descending, with V (d, mode), and V^T C V (mode, mode).

    `noise_trace` is tr C over all d directions, `step_left` the length, across these modes, of the step that is left to
    the minimum.
    """

    eigenvalues: Array
    eigenvectors: Array
    noise_in_modes: Array
    noise_trace: float
    step_left: float

    def __post_init__(self) -> None:
        for name in ("noise_trace", "step_left"):
            object.__setattr__(self, name, float(getattr(self, name)))  # of a stored one an array without axes

    @property
    def dimension(self) -> int:
        """Number of weights d."""
        return len(self.eigenvectors)

    @property
    def roots_in_modes(self) -> None:
        """None: the noise of the samples' own curvatures couples all modes, so that some have no law of their own."""
        return None

    def observables(self) -> dict[str, ArrayLike]:
        """What is emitted of it beside eigenvalues."""
        return {
            "hessian_eigenvector": self.eigenvectors,
            "noise_in_modes": self.noise_in_modes,
            "noise_trace": self.noise_trace,
            "step_left_beside_modes": self.step_left,
        }


def measure(
    full: FullBatch, at: Minimum, modes: int, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> TopModes:
    """The `modes` sharpest modes of the energy at a minimum, weight decay included, by Lanczos iteration with restarts
    (ARPACK: Lehoucq, Sorensen and Yang 1998) on Hessian products; C by the samples' directional derivatives.

    Raises `UserError` if there are fewer weights than modes, or if the iteration does not converge.
    """
    if modes >= full.dimension:
        raise UserError(
            f"curvature: {modes} modes of {full.dimension} weights; give fewer, or leave curvature out to have them all"
        )
    eigenvalues, vectors = _sharpest(full, at.position, modes, progress)
    in_modes, trace = noise_along(full, at.position, vectors)
    return TopModes(eigenvalues, vectors, in_modes, trace, step_left_across(full, at, vectors))


def step_left_across(full: FullBatch, at: Minimum, vectors: Array) -> float:
    """Length of the step to the minimum of the quadratic model in the directions across the columns of V (d, mode)."""
    step = minimum.step_left(full, at)
    return float(np.linalg.norm(step - vectors @ (vectors.T @ step)))


def _sharpest(full: FullBatch, w: Array, modes: int, progress: Callable[[int, int], None]) -> tuple[Array, Array]:
    d = full.dimension
    subspace = min(d, 2 * modes + _VECTORS_MORE)
    done, total = 0, subspace + _RESTARTS * (subspace - modes)

    def product(vector: Array) -> Array:
        nonlocal done
        done += 1
        progress(min(done, total), total)
        result: Array = full.hessian_products(w, vector.reshape(1, -1))[0]
        return result

    # any start will do that is not orthogonal to a mode, but the same on every machine
    start = random_numbers.normals(0, trajectories=[0], steps=[0], components=d, stream=Stream.CURVATURE)[0, 0]
    operator = scipy.sparse.linalg.LinearOperator((d, d), matvec=product, dtype=np.float64)
    try:
        with one_blas_thread():
            values, vectors = scipy.sparse.linalg.eigsh(
                operator, k=modes, which="LA", v0=start, ncv=subspace, tol=_RESIDUAL, maxiter=_RESTARTS
            )
    except scipy.sparse.linalg.ArpackNoConvergence as error:
        raise UserError(
            f"curvature: only {len(error.eigenvalues)} of {modes} modes were found after {done} Hessian products; "
            "eigenvalues that lie close together are hard to tell apart, so ask for fewer modes"
        ) from None
    order = np.argsort(values)[::-1]
    return np.ascontiguousarray(values[order]), canonical_signs(np.ascontiguousarray(vectors[:, order]))


def largest(full: FullBatch, w: Array, *, start: Array | None = None) -> tuple[float, Array]:
    """The largest eigenvalue of the energy's Hessian at `w` (d,) within 1e-3 of itself, and its eigenvector (d,).

    The iteration begins at `start` (d,), say an eigenvector found nearby. Raises `UserError` if it does not converge.
    """
    d = full.dimension
    if d < _FEWEST:  # less than Lanczos iteration takes
        values, vectors = np.linalg.eigh(full.hessian_products(w, np.eye(d)))
        return float(values[-1]), vectors[:, -1]
    if start is None:
        start = random_numbers.normals(0, trajectories=[0], steps=[0], components=d, stream=Stream.CURVATURE)[0, 0]
    operator = scipy.sparse.linalg.LinearOperator(
        (d, d), matvec=lambda vector: full.hessian_products(w, vector.reshape(1, -1))[0], dtype=np.float64
    )
    try:
        with one_blas_thread():
            values, vectors = scipy.sparse.linalg.eigsh(
                operator, k=1, which="LA", v0=start, ncv=min(d, _FEWEST), tol=_ROUGHLY, maxiter=_RESTARTS
            )
    except scipy.sparse.linalg.ArpackNoConvergence:
        raise UserError(
            "curvature: the largest eigenvalue of the Hessian was not found; its gradients may be huge"
        ) from None
    return float(values[0]), np.ascontiguousarray(vectors[:, 0])


def noise_along(full: FullBatch, w: Array, vectors: Array) -> tuple[Array, float]:
    """V^T C V (mode, mode) for the columns V (d, mode), and tr C; C is the covariance of one sample's gradient."""
    basis = torch.from_numpy(vectors).to(full.device)
    along: list[Tensor] = []
    squares = torch.zeros((), dtype=torch.float64, device=full.device)
    first = torch.zeros(full.dimension, dtype=torch.float64, device=full.device)

    def accumulate(gradients: Tensor) -> None:
        along.append(gradients @ basis)
        squares.add_((gradients**2).sum())
        first.add_(gradients.sum(0))

    full.sample_gradients(w, accumulate)
    slopes = torch.cat(along).cpu().numpy()
    centred = slopes - slopes.mean(axis=0)
    covariance = centred.T @ centred / len(slopes)
    mean = first.cpu().numpy() / full.samples
    trace = float(squares) / full.samples - float(mean @ mean)
    if not (np.isfinite(covariance).all() and np.isfinite(trace)):
        raise UserError("curvature: some samples' gradients are not finite at the minimum; mend the network's formulas")
    return 0.5 * (covariance + covariance.T), trace
