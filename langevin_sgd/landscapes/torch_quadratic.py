"""The quadratic landscape on tensors: for the batched backend, in dimensions in which a formula is too long."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from langevin_sgd.landscapes.column_product import column_product
from langevin_sgd.landscapes.quadratic import Quadratic


class TorchQuadratic:
    """E = (w - w0)^T H (w - w0)/2 at positions (d, N), by one matrix product for a step."""

    variables: tuple[str, ...] = ()

    def __init__(self, landscape: Quadratic) -> None:
        self.largest_curvature = landscape.eigenvalues.max()
        self.dimension = landscape.dimension
        self.parameters: Mapping[str, float | None] = {}
        self.hessian = torch.as_tensor(landscape.hessian())
        self.minimum = torch.as_tensor(landscape.minimum)[:, None]

    def energy_at(self, position: Tensor) -> Tensor:
        """E at positions (d, N) -> (N,)."""
        displaced = position - self.minimum.to(position)
        return (displaced * self.gradient_at(position)).sum(dim=0) / 2

    def gradient_at(self, position: Tensor) -> Tensor:
        """H (w - w0) at positions (d, N) -> (d, N)."""
        return column_product(self.hessian, position - self.minimum.to(position))
