"""Convolution and max-pooling of many networks at once, in the layout that this is fast in on a CPU.

Under `torch.func.vmap` over weights a convolution becomes one of R groups, which torch's kernels in float64 take ten
times longer for than the arithmetic needs. Here a convolution is one matrix product a replica with the patches of its
images, and the samples are the last axis, so that a patch is copied in whole rows of (width x samples) numbers.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn


class Convolution(nn.Conv2d):
    """`nn.Conv2d` of stride 1, with its initial distribution, for (channels, height, width, samples)."""

    def __init__(self, before: int, after: int, kernel: int, padding: int) -> None:
        super().__init__(before, after, kernel, padding=padding, dtype=torch.float32, device="cpu")
        self._zeros = padding

    def forward(self, x: Tensor) -> Tensor:
        """z_o(p) = b_o + sum_c sum_q W_oc(q) x_c(p + q)."""
        return _convolved(x, self.weight, self.bias, self._zeros)


class MaxPool(nn.Module):
    """The largest of each square of `side` x `side` pixels, of (channels, height, width, samples)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """(c, h, w, n) -> (c, h div side, w div side, n)."""
        for axis in (1, 2):
            count = x.shape[axis] // self.side
            whole = x.narrow(axis, 0, count * self.side)
            apart = whole.reshape(*x.shape[:axis], count, self.side, *x.shape[axis + 1 :]).unbind(axis + 1)
            x = apart[0]
            for other in apart[1:]:
                x = _larger(x, other)
        return x


# Of S = sum_o sum_p s_o(p) (W * x)_o(p) the three functions below are the derivatives by each of its factors s, x and
# W; the derivatives of one of them are again among the three.


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, zeros: int) -> Tensor:
    result: Tensor = _Convolved.apply(x, weight, bias, zeros)  # type: ignore[no-untyped-call]
    return result


class _Convolved(torch.autograd.Function):
    """W * x + b (o, h', w', n) of images x (c, h, w, n) and kernels W (o, c, k, k)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, zeros: int) -> Tensor:
        lost = weight.shape[-1] - 1 - 2 * zeros
        shape = (len(weight), x.shape[1] - lost, x.shape[2] - lost, x.shape[3])
        product = weight.reshape(len(weight), -1) @ _patches(x, weight.shape[-1], zeros)
        return (product if bias is None else product + bias.unsqueeze(1)).reshape(shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None, int], output: Tensor) -> None:
        x, weight, _, ctx.zeros = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        (slope,) = slopes
        by_images = _by_images(slope, weight, ctx.zeros) if ctx.needs_input_grad[0] else None
        by_weights = _by_weights(slope, x, weight.shape[-1], ctx.zeros) if ctx.needs_input_grad[1] else None
        by_bias = slope.sum((1, 2, 3)) if ctx.needs_input_grad[2] else None
        return by_images, by_weights, by_bias, None


def _by_images(slope: Tensor, weight: Tensor, zeros: int) -> Tensor:
    result: Tensor = _ByImages.apply(slope, weight, zeros)  # type: ignore[no-untyped-call]
    return result


class _ByImages(torch.autograd.Function):
    """sum_o sum_q W_oc(q) s_o(p - q) (c, h, w, n) of slopes s (o, h', w', n): what each spreads over its patch.

    One product for each row of the kernels, with slopes that lie in whole rows already, gives what each column of the
    kernels spreads; only these few images are moved to their places. Patches of slopes would be k^2 times as much.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(slope: Tensor, weight: Tensor, zeros: int) -> Tensor:
        kernel, channels, outputs = weight.shape[-1], weight.shape[1], len(weight)
        around = kernel - 1 - zeros
        padded = nn.functional.pad(slope, (0, 0, 0, 0, around, around)) if around > 0 else slope
        height, width, samples = padded.shape[1] - kernel + 1, padded.shape[2], padded.shape[3]
        rows = weight.permute(2, 3, 1, 0).reshape(kernel, kernel * channels, outputs)
        seen = (padded.narrow(1, kernel - 1 - row, height).reshape(outputs, -1) for row in range(kernel))
        spread = functools.reduce(torch.add, map(torch.matmul, rows.unbind(0), seen))
        columns = spread.reshape(kernel, channels, height, width, samples).unbind(0)
        return functools.reduce(torch.add, (_moved(each, at - zeros, around - at) for at, each in enumerate(columns)))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
        *both, ctx.zeros = inputs
        ctx.save_for_backward(*both)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        slope, weight = ctx.saved_tensors
        (x,) = slopes
        by_slope = _convolved(x, weight, None, ctx.zeros) if ctx.needs_input_grad[0] else None
        by_weights = _by_weights(slope, x, weight.shape[-1], ctx.zeros) if ctx.needs_input_grad[1] else None
        return by_slope, by_weights, None


def _by_weights(slope: Tensor, x: Tensor, kernel: int, zeros: int) -> Tensor:
    result: Tensor = _ByWeights.apply(slope, x, kernel, zeros)  # type: ignore[no-untyped-call]
    return result


class _ByWeights(torch.autograd.Function):
    """sum_p s_o(p) x_c(p + q) (o, c, k, k) of slopes s (o, h', w', n) and images x (c, h, w, n)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(slope: Tensor, x: Tensor, kernel: int, zeros: int) -> Tensor:
        product = slope.reshape(len(slope), -1) @ _patches(x, kernel, zeros).T
        return product.reshape(len(slope), len(x), kernel, kernel)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, int], output: Tensor) -> None:
        *both, _, ctx.zeros = inputs
        ctx.save_for_backward(*both)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        slope, x = ctx.saved_tensors
        (weight,) = slopes
        by_slope = _convolved(x, weight, None, ctx.zeros) if ctx.needs_input_grad[0] else None
        by_images = _by_images(slope, weight, ctx.zeros) if ctx.needs_input_grad[1] else None
        return by_slope, by_images, None, None


def _patches(x: Tensor, kernel: int, zeros: int) -> Tensor:
    """(channels * kernel^2, pixels * samples): for every pixel of the result what its kernel covers."""
    padded = nn.functional.pad(x, (0, 0, zeros, zeros, zeros, zeros)) if zeros else x
    windows = padded.unfold(1, kernel, 1).unfold(2, kernel, 1)
    return windows.permute(0, 4, 5, 1, 2, 3).reshape(len(x) * kernel**2, -1)


def _moved(image: Tensor, left: int, right: int) -> Tensor:
    """With so many columns of zeros more on either side, or of its own less where that is negative."""
    return nn.functional.pad(image, (0, 0, left, right)) if (left, right) != (0, 0) else image


def _larger(a: Tensor, b: Tensor) -> Tensor:
    result: Tensor = _Larger.apply(a, b)  # type: ignore[no-untyped-call]
    return result


class _Larger(torch.autograd.Function):
    """max(a, b), whose slope goes to a where they are equal: in one pass each, where torch's own takes five."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        return torch.maximum(a, b)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        (slope,) = slopes
        to_b: Tensor = torch.ops.aten.threshold_backward(slope, b - a, 0)
        return slope - to_b, to_b
