"""Sums of waves with analytic derivatives, many disorders at a time: in numpy, and in torch as a tensor landscape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.landscapes.power_law import DisorderError
from langevin_sgd.real_array import real_array

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FourierPotential(Landscape):
    """V(w) = sum_j a_j cos(k_j.w + phi_j) for every disorder.

    `wave_vectors` k (disorder, feature, d), `coefficients` a and `phases` phi (disorder, feature), `disorders` their
    numbers. In numpy, positions are (disorder, walker, d), the walkers of each disorder in their own potential. In
    torch, positions are (d, disorder * walker), disorder by disorder with `walkers` walkers each, so that

        integrate(potential, noise, trajectories=walkers, scan=potential.scan, ...)

    walks in all of them at once, with `disorder` the first dimension of the result. One disorder takes any number of
    positions and no scan. Positions whose number does not fit raise `DisorderError`.
    """

    disorders: NDArray[np.integer[Any]]
    wave_vectors: Array
    coefficients: Array
    phases: Array
    walkers: int | None = None
    _tensors: dict[Any, tuple[Any, Any, Any]] = field(default_factory=dict, init=False, repr=False)

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""
        return int(self.wave_vectors.shape[2])

    @property
    def variables(self) -> tuple[str, ...]:
        """The coordinates have no names."""
        return ()

    @property
    def parameters(self) -> Mapping[str, float | None]:
        """The number of the disorder, to be scanned where there are several."""
        return {} if self.disorders.size == 1 else {"disorder": None}

    @property
    def scan(self) -> dict[str, Array] | None:
        """The scan over disorders with which `integrate` takes this landscape; None for one disorder."""
        return None if self.disorders.size == 1 else {"disorder": self.disorders.astype(np.float64)}

    def on(self, backend: str, device: str) -> Landscape:
        """As `Waves` where the fused kernel is asked for. Raises `IntegrationError` for that kernel on a GPU."""
        if backend != "fused":
            return self
        from langevin_sgd.landscapes.waves import Waves  # made of this

        if device.startswith("cuda"):
            raise IntegrationError("the fused kernel of waves runs on the CPU; use device='cpu', or backend='batched'")
        return Waves(self)

    def energy(self, position: ArrayLike) -> Array:
        """V, (disorder, walker)."""
        energy: Array = np.einsum("pj,pnj->pn", self.coefficients, np.cos(self._phase(position)))
        return energy

    def gradient(self, position: ArrayLike) -> Array:
        """-sum_j a_j sin(k_j.w + phi_j) k_j, (disorder, walker, d)."""
        slope: Array = -(self.coefficients[:, None] * np.sin(self._phase(position))) @ self.wave_vectors
        return slope

    def hessian(self, position: ArrayLike) -> Array:
        """-sum_j a_j cos(k_j.w + phi_j) k_j k_j^T, (disorder, walker, d, d)."""
        weights = self.coefficients[:, None] * np.cos(self._phase(position))
        scaled = weights[..., None] * self.wave_vectors[:, None]
        matrix: Array = -scaled.swapaxes(-1, -2) @ self.wave_vectors[:, None]
        return matrix

    def hessian_vector(self, position: ArrayLike, vector: ArrayLike) -> Array:
        """H v without the matrix, vectors and result (disorder, walker, d)."""
        weights = self.coefficients[:, None] * np.cos(self._phase(position))
        along = real_array(vector, "the vector", DisorderError) @ self.wave_vectors.swapaxes(1, 2)
        product: Array = -(weights * along) @ self.wave_vectors
        return product

    def energy_at(self, position: Tensor) -> Tensor:
        """V at positions (d, N) -> (N,)."""
        waves, coefficients, phases = self._on(position)
        theta = phases.baddbmm(waves, self._by_disorder(position))
        energy: Tensor = (coefficients * theta.cos()).sum(dim=1).reshape(-1)
        return energy

    def gradient_at(self, position: Tensor) -> Tensor:
        """Gradient at positions (d, N) -> (d, N)."""
        waves, coefficients, phases = self._on(position)
        theta = phases.baddbmm(waves, self._by_disorder(position))
        return self._together(waves.mT @ (theta.sin() * -coefficients))

    def hessian_vector_at(self, position: Tensor, vector: Tensor) -> Tensor:
        """H v at positions (d, N) for vectors (d, N) -> (d, N)."""
        waves, coefficients, phases = self._on(position)
        theta = phases.baddbmm(waves, self._by_disorder(position))
        along = waves @ self._by_disorder(vector)
        return self._together(waves.mT @ (theta.cos() * along * -coefficients))

    def _phase(self, position: ArrayLike) -> Array:
        """k_j.w + phi_j, (disorder, walker, feature)."""
        w = real_array(position, "the position", DisorderError)
        if w.ndim != 3 or w.shape[::2] != (self.disorders.size, self.dimension):
            raise DisorderError(
                f"positions have shape {w.shape}; give (disorder, walker, d) = ({self.disorders.size}, any, "
                f"{self.dimension})"
            )
        phase: Array = w @ self.wave_vectors.swapaxes(1, 2) + self.phases[:, None]
        return phase

    def _by_disorder(self, position: Tensor) -> Tensor:
        """(d, disorder * walker) as (disorder, d, walker)."""
        count = self.disorders.size
        if count == 1:
            return position[None]
        if self.walkers is None or position.shape[1] != count * self.walkers:
            raise DisorderError(
                f"{position.shape[1]} positions for {count} disorders of {self.walkers} walkers each; make the "
                "potential with walkers=trajectories and scan its disorders alone (scan=potential.scan)"
            )
        return position.reshape(self.dimension, count, self.walkers).transpose(0, 1)

    def _together(self, blocks: Tensor) -> Tensor:
        """(disorder, d, walker) as (d, disorder * walker)."""
        return blocks[0] if len(blocks) == 1 else blocks.transpose(0, 1).reshape(self.dimension, -1)

    def _on(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Wave vectors, coefficients and phases on the positions' device and in their precision, (.., .., 1)."""
        import torch

        where = (position.device, position.dtype)
        if where not in self._tensors:
            parts = (self.wave_vectors, self.coefficients[..., None], self.phases[..., None])
            waves, coefficients, phases = (torch.as_tensor(part).to(*where) for part in parts)
            self._tensors[where] = (waves, coefficients, phases)
        return self._tensors[where]
