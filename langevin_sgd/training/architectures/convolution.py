"""Convolution and max-pooling of many networks at once, in the layout that this is fast in on a CPU.

Under `torch.func.vmap` over weights a convolution becomes one of R groups, which torch's kernels in float64 take ten
times longer for than the arithmetic needs. Here a convolution is one matrix product a replica with the patches of its
images, and the samples are the last axis.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from langevin_sgd.training.architectures.image_operations import convolved, pooled


class Convolution(nn.Conv2d):
    """`nn.Conv2d` of stride 1, with its initial distribution, for (channels, height, width, samples)."""

    def __init__(self, before: int, after: int, kernel: int, padding: int) -> None:
        super().__init__(before, after, kernel, padding=padding, dtype=torch.float32, device="cpu")
        self._zeros = padding

    def forward(self, x: Tensor) -> Tensor:
        """z_o(p) = b_o + sum_c sum_q W_oc(q) x_c(p + q)."""
        assert self.bias is not None
        return convolved(x, self.weight, self.bias, self._zeros)


class MaxPool(nn.Module):
    """The largest of each square of `side` x `side` pixels, of (channels, height, width, samples).

    If `rectified` with a ReLU behind it, in one operation.
    """

    def __init__(self, side: int, *, rectified: bool = False) -> None:
        super().__init__()
        self.side, self.rectified = side, rectified

    def forward(self, x: Tensor) -> Tensor:
        """(c, h, w, n) -> (c, h div side, w div side, n)."""
        return pooled(x, self.side, self.rectified)
