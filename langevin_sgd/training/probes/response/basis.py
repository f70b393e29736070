"""Along what the response is measured: eigenvectors of the Hessian, directions, and how large a field each takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_sgd import import_path, user_code
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.theory import response
from langevin_sgd.theory.modes import NOISE_FREE
from langevin_sgd.training import curvature
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.probes.response.config import GRADIENT

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Basis:
    """Eigenvectors (d, mode) of a Hessian, their eigenvalues and the variance of one per-sample gradient along them,
    (mode,), and unit vectors (d, direction)."""

    vectors: Array
    eigenvalues: Array
    noise: Array
    directions: Array

    @classmethod
    def at(cls, beside: Beside, mean: Array, names: Sequence[str]) -> Basis:
        """Those at the minimum if its curvature is measured, else at the mean weights of the replicas, (d,).

        Raises `UserError` for directions that are none.
        """
        directions = np.stack([_direction(name, beside, mean) for name in names], axis=1) if names else None
        measured = beside.curvature
        if measured is not None:
            vectors, eigenvalues = measured.eigenvectors, measured.eigenvalues
            noise = np.diagonal(measured.noise_in_modes).copy()
        else:
            full = beside.instruments.energy
            eigenvalues, vectors = curvature.eigenbasis(curvature.hessian(full, mean))
            noise = np.einsum("pm,pm->m", vectors, curvature.noise_covariance(full, mean) @ vectors)
        return cls(vectors, eigenvalues, noise, np.empty((mean.size, 0)) if directions is None else directions)

    def fields(self, sgd: Sgd, longest: int) -> tuple[Array, Array]:
        """Fields along modes (mode,) and directions (direction,) that displace by what the noise does in `longest`
        steps of heavy-ball SGD, in a quadratic valley; 0 along those without noise.
        """
        step, delay = response.heavy_ball(sgd.learning_rate, sgd.momentum), np.array([longest])
        noise = np.where(self.noise > NOISE_FREE * self.noise.max(initial=0.0), self.noise, 0.0)
        variance = response.accumulated_variance(step, self.eigenvalues, delay)[0] * noise / sgd.batch_size
        chi = response.response(step, self.eigenvalues, delay)[0]
        share = (self.directions.T @ self.vectors) ** 2
        noisy = share @ noise > NOISE_FREE * noise.max(initial=0.0)
        along = np.where(noisy, np.sqrt(share @ variance) / np.abs(share @ chi), 0.0)
        return np.sqrt(variance) / np.abs(chi), along


def _direction(name: str, beside: Beside, mean: Array) -> Array:
    """The unit vector (d,) of a name."""
    if name == GRADIENT:
        found = beside.instruments.energy.energy_and_gradient(mean).gradient
    else:
        given = user_code.call(f"direction {name} failed", import_path.load(name), mean.copy())
        found = user_code.call(f"direction {name}: what it returned is no array", np.asarray, given)
        if found.dtype.kind not in "fiu" or found.shape != mean.shape:
            raise UserError(f"{name}: returned {found.dtype} of shape {found.shape}; numbers {mean.shape} are needed")
        found = found.astype(np.float64)
    with np.errstate(over="ignore"):
        length = float(np.linalg.norm(found))
    if not (np.isfinite(length) and length > 0.0):
        raise UserError(f"{name}: the direction has length {length:.3g}; it must be finite, and not 0")
    return found / length
