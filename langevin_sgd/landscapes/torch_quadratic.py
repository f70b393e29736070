"""The quadratic landscape on tensors: for the batched backend, in dimensions in which a formula is too long."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.landscapes.quadratic import Quadratic

# A product's rounding depends on its shape, so all are of this many columns, the last one padded with zeros.
_COLUMNS = 64


class TorchQuadratic(Landscape):
    """E = (w - w0)^T H (w - w0)/2 at positions (d, N), by one matrix product for a step."""

    variables: tuple[str, ...] = ()

    def __init__(self, landscape: Quadratic) -> None:
        self.largest_curvature = landscape.eigenvalues.max()
        self.parameters: Mapping[str, float | None] = {}
        self.hessian = torch.as_tensor(landscape.hessian())
        self.minimum = torch.as_tensor(landscape.minimum)[:, None]

    @property
    def is_quadratic(self) -> bool:
        """It is."""
        return True

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""
        return len(self.hessian)

    def energy_at(self, position: Tensor) -> Tensor:
        """E at positions (d, N) -> (N,)."""
        displaced = position - self.minimum.to(position)
        return (displaced * self.gradient_at(position)).sum(dim=0) / 2

    def gradient_at(self, position: Tensor) -> Tensor:
        """H (w - w0) at positions (d, N) -> (d, N)."""
        return column_product(self.hessian, position - self.minimum.to(position))


def column_product(matrix: Tensor, columns: Tensor) -> Tensor:
    """Matrix times many columns, with the same bits for a column whatever the others are.

    `matrix` (m, d) times `columns` (d, N) -> (m, N), in the precision and on the device of `columns`.
    """
    d, n = columns.shape
    blocks = -(-n // _COLUMNS)
    padded = torch.nn.functional.pad(columns, (0, blocks * _COLUMNS - n))
    tiles = padded.reshape(d, blocks, _COLUMNS).transpose(0, 1).contiguous()
    product = torch.bmm(matrix.to(columns).expand(blocks, -1, -1), tiles)
    return product.transpose(0, 1).reshape(len(matrix), -1)[:, :n]
