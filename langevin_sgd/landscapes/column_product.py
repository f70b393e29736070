"""Matrix times many columns, with the same bits for a column whatever the others are."""

from __future__ import annotations

import torch
from torch import Tensor

# A product's rounding depends on its shape, so all are of this many columns, the last one padded with zeros.
_COLUMNS = 64


def column_product(matrix: Tensor, columns: Tensor) -> Tensor:
    """`matrix` (m, d) times `columns` (d, N) -> (m, N), in the precision and on the device of `columns`."""
    d, n = columns.shape
    blocks = -(-n // _COLUMNS)
    padded = torch.nn.functional.pad(columns, (0, blocks * _COLUMNS - n))
    tiles = padded.reshape(d, blocks, _COLUMNS).transpose(0, 1).contiguous()
    product = torch.bmm(matrix.to(columns).expand(blocks, -1, -1), tiles)
    return product.transpose(0, 1).reshape(len(matrix), -1)[:, :n]
