"""Convolution and max-pooling of many networks at once, in the layout that this is fast in on a CPU.

Under `torch.func.vmap` over weights a convolution becomes one of R groups, which torch's kernels in float64 take ten
times longer for than the arithmetic needs. Here a convolution is one matrix product a replica with the patches of its
images, and the samples are the last axis, so that a patch is copied in whole rows of (width x samples) numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from langevin_sgd.training.architectures.image_operations import patches, pooled


class Convolution(nn.Conv2d):
    """`nn.Conv2d` of stride 1, with its initial distribution, for (channels, height, width, samples)."""

    def __init__(self, before: int, after: int, kernel: int, padding: int) -> None:
        super().__init__(before, after, kernel, padding=padding, dtype=torch.float32, device="cpu")
        self._zeros = padding

    def forward(self, x: Tensor) -> Tensor:
        """z_o(p) = b_o + sum_c sum_q W_oc(q) x_c(p + q)."""
        (height, width, samples), lost = x.shape[1:], self.kernel_size[0] - 1 - 2 * self._zeros
        product = self.weight.reshape(len(self.weight), -1) @ patches(x, self.kernel_size[0], self._zeros)
        z = product if self.bias is None else product + self.bias.unsqueeze(1)
        return z.reshape(len(self.weight), height - lost, width - lost, samples)


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
