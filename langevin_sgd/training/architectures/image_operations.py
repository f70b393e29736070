"""What convolutions and pooling do to pixels, as operations of torch: compiled for a CPU, of torch's own elsewhere.

Images are (..., channels, height, width, samples), so that a patch is copied in whole rows of (width x samples)
numbers. Axes before these are those of replicas, which all arguments have in common. Derivatives of any order are
again among these operations.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from langevin_sgd.training import own_operations
from langevin_sgd.training.architectures import image_kernels


def convolved(x: Tensor, weight: Tensor, bias: Tensor, zeros: int) -> Tensor:
    """z_o(p) = b_o + sum_c sum_q W_oc(q) x_c(p + q), with `zeros` pixels of 0 around the image: of images x
    (..., c, h, w, n), kernels W (..., o, c, k, k) and b (..., o) to (..., o, h', w', n), h' = h + 2 zeros - k + 1.
    """
    result: Tensor = _applied(_Convolved, x, weight, bias, zeros)
    return result


def pooled(x: Tensor, side: int, rectified: bool = False) -> Tensor:
    """The largest of each square of `side` x `side` pixels: (..., h, w, n) -> (..., h div side, w div side, n).

    The slope goes to the first of equal ones. If `rectified` it is 0 instead where none is positive: as with a ReLU
    behind it, in one pass.
    """
    result: Tensor = _applied(_Pooled, x, side, rectified)[0]
    return result


def _applied(function: Any, *arguments: Any) -> Any:
    """Of a `torch.autograd.Function`, which not every version of torch annotates."""
    return function.apply(*arguments)


# Of S = sum_o sum_p s_o(p) (W * x)_o(p) the three functions below are the derivatives by each of its factors s, x and
# W; the derivatives of one of them are again among the three.


class _Convolved(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, zeros: int) -> Any:
        return _CONVOLVED(x, weight, bias, zeros)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int], output: Tensor) -> None:
        x, weight, _, ctx.zeros = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        (slope,) = slopes
        by_images = _applied(_ByImages, slope, weight, ctx.zeros) if ctx.needs_input_grad[0] else None
        by_weights = _applied(_ByWeights, slope, x, weight.shape[-1], ctx.zeros) if ctx.needs_input_grad[1] else None
        by_bias = slope.sum((-3, -2, -1)) if ctx.needs_input_grad[2] else None
        return by_images, by_weights, by_bias, None


class _ByImages(torch.autograd.Function):
    """sum_o sum_q W_oc(q) s_o(p - q) (..., c, h, w, n) of slopes s (..., o, h', w', n)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(slope: Tensor, weight: Tensor, zeros: int) -> Any:
        return _BY_IMAGES(slope, weight, zeros)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
        *both, ctx.zeros = inputs
        ctx.save_for_backward(*both)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        slope, weight = ctx.saved_tensors
        (x,) = slopes
        none = weight.new_zeros(weight.shape[:-3])
        by_slope = convolved(x, weight, none, ctx.zeros) if ctx.needs_input_grad[0] else None
        by_weights = _applied(_ByWeights, slope, x, weight.shape[-1], ctx.zeros) if ctx.needs_input_grad[1] else None
        return by_slope, by_weights, None


class _ByWeights(torch.autograd.Function):
    """sum_p s_o(p) x_c(p + q) (..., o, c, k, k) of slopes s (..., o, h', w', n) and images x (..., c, h, w, n)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(slope: Tensor, x: Tensor, kernel: int, zeros: int) -> Any:
        return _BY_WEIGHTS(slope, x, kernel, zeros)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, int], output: Tensor) -> None:
        *both, _, ctx.zeros = inputs
        ctx.save_for_backward(*both)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        slope, x = ctx.saved_tensors
        (weight,) = slopes
        none = weight.new_zeros(weight.shape[:-3])
        by_slope = convolved(x, weight, none, ctx.zeros) if ctx.needs_input_grad[0] else None
        by_images = _applied(_ByImages, slope, weight, ctx.zeros) if ctx.needs_input_grad[1] else None
        return by_slope, by_images, None, None


class _Pooled(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, side: int, rectified: bool) -> Any:
        return _POOLED(x, side, rectified)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, bool], output: tuple[Tensor, Tensor]) -> None:
        x, ctx.side, _ = inputs
        ctx.sides = x.shape[-3:-1]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        return _applied(_Spread, slopes[0], *ctx.saved_tensors, *ctx.sides, ctx.side), None, None


class _Spread(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, which: Tensor, height: int, width: int, side: int) -> Any:
        return _SPREAD(x, which, height, width, side)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int, int, int], output: Tensor) -> None:
        _, which, *_, ctx.side = inputs
        ctx.save_for_backward(which)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None, None, None]:
        slope = _applied(_Picked, *slopes, *ctx.saved_tensors, ctx.side)
        return slope, None, None, None, None


class _Picked(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, which: Tensor, side: int) -> Any:
        return _PICKED(x, which, side)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
        x, which, ctx.side = inputs
        ctx.sides = x.shape[-3:-1]
        ctx.save_for_backward(which)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        return _applied(_Spread, *slopes, *ctx.saved_tensors, *ctx.sides, ctx.side), None, None


def _convolved(x: Tensor, weight: Tensor, bias: Tensor, zeros: int) -> Tensor:
    result = _empty_convolved(x, weight, bias, zeros)
    if not _compiled_for(x):
        product = weight.flatten(-3) @ _patches(x, weight.shape[-1], zeros)
        return (product + bias.unsqueeze(-1)).reshape(result.shape)
    x, (weight, step), (bias, bias_step) = x.contiguous(), _in_rows(weight, 4), _in_rows(bias, 1)
    room, lines = _room(x, result, weight.shape[-1])
    addresses = _addresses(x, weight, bias, result, room)
    image_kernels.convolved(x.dtype)(*addresses, step, bias_step, *_sizes(weight, x, zeros), lines)
    return result


def _by_images(slope: Tensor, weight: Tensor, zeros: int) -> Tensor:
    result = _empty_by_images(slope, weight, zeros)
    if not _compiled_for(slope):
        spread = weight.flatten(-3).mT @ slope.flatten(-3)
        return _folded(spread, result, weight.shape[-1], zeros)
    slope, (weight, step) = slope.contiguous(), _in_rows(weight, 4)
    room, lines = _room(result, slope, weight.shape[-1])
    addresses = _addresses(slope, weight, result, room)
    image_kernels.by_images(slope.dtype)(*addresses, step, *_sizes(weight, result, zeros), lines)
    return result


def _by_weights(slope: Tensor, x: Tensor, kernel: int, zeros: int) -> Tensor:
    result = _empty_by_weights(slope, x, kernel, zeros)
    if not _compiled_for(slope):
        return (slope.flatten(-3) @ _patches(x, kernel, zeros).mT).reshape(result.shape)
    slope, x = slope.contiguous(), x.contiguous()
    room, lines = _room(x, slope, kernel)
    addresses = _addresses(slope, x, result, room)
    image_kernels.by_weights(slope.dtype)(*addresses, *_sizes(result, x, zeros), lines)
    return result


def _patches(x: Tensor, kernel: int, zeros: int) -> Tensor:
    """(..., c k^2, h' w' n): for every pixel of the result what its kernel covers."""
    padded = torch.nn.functional.pad(x, (0, 0, zeros, zeros, zeros, zeros)) if zeros else x
    windows = padded.unfold(-3, kernel, 1).unfold(-3, kernel, 1)  # (..., c, h', w', n, k, k)
    return windows.movedim((-2, -1), (-5, -4)).flatten(-3).flatten(-4, -2)


def _folded(spread: Tensor, images: Tensor, kernel: int, zeros: int) -> Tensor:
    """The adjoint: where patches are copies of pixels their sum, in the shape of the images."""
    *leading, height, width, samples = images.shape
    sides = _sides((height, width), kernel, zeros)
    apart = spread.reshape(*leading, kernel, kernel, *sides, samples)
    result = images.new_zeros((*leading, height + 2 * zeros, width + 2 * zeros, samples))
    for a in range(kernel):
        for b in range(kernel):
            result[..., a : a + sides[0], b : b + sides[1], :] += apart[..., a, b, :, :, :]
    return result[..., zeros : zeros + height, zeros : zeros + width, :].clone(memory_format=torch.contiguous_format)


def _in_rows(each: Tensor, axes: int) -> tuple[Tensor, int]:
    """A tensor whose last axes lie in one piece, and how far apart these are: parameters are parts of weights."""
    whole = math.prod(each.shape[-axes:])
    if each.ndim == axes + 1:
        expected = whole
        for size, stride in zip(each.shape[-axes:], each.stride()[-axes:], strict=True):
            expected //= size
            if stride != expected and size > 1:
                return each.contiguous(), whole
        return each, each.stride(0)
    return each.contiguous(), whole


def _sizes(weight: Tensor, x: Tensor, zeros: int) -> tuple[int, ...]:
    """Replicas, o, c, h, w, n, k and zeros."""
    *leading, outputs, channels, kernel, _ = weight.shape
    return math.prod(leading), outputs, channels, *x.shape[-3:], kernel, zeros


def _addresses(*used: Tensor) -> list[int]:
    return [each.data_ptr() for each in used]


def _room(images: Tensor, results: Tensor, kernel: int) -> tuple[Tensor, int]:
    """For what is made of one replica at once, and how many lines of the results that is."""
    *_, outputs, high, wide, samples = results.shape
    lines, size = image_kernels.room(outputs, images.shape[-4], kernel, high, wide, samples)
    return images.new_empty(size), lines


def _pooled(x: Tensor, side: int, rectified: bool) -> tuple[Tensor, Tensor]:
    *leading, height, width, samples = x.shape
    shape = (*leading, height // side, width // side, samples)
    if not _compiled_for(x):
        largest = x.new_full(shape, 0 if rectified else -math.inf)
        which = torch.full(shape, -1, dtype=torch.int32, device=x.device)
        for at, pixel in enumerate(_of_squares(x, side)):
            larger = (pixel > largest) | pixel.isnan()
            largest = torch.where(larger, pixel, largest)
            which = torch.where(larger, at, which)
        return largest, which
    x, (result, which) = x.contiguous(), _empty_pooled(x, side, rectified)
    planes = math.prod(leading)
    addresses = x.data_ptr(), result.data_ptr(), which.data_ptr()
    image_kernels.pooled(x.dtype)(*addresses, planes, height, width, samples, side, rectified)
    return result, which


def _spread(x: Tensor, which: Tensor, height: int, width: int, side: int) -> Tensor:
    *leading, _, _, samples = x.shape
    if not _compiled_for(x):
        result = x.new_zeros((*leading, height, width, samples))
        for at, pixel in enumerate(_of_squares(result, side)):
            pixel.copy_(torch.where(which == at, x, 0))
        return result
    x, which = x.contiguous(), which.contiguous()
    result = x.new_empty((*leading, height, width, samples))
    addresses = x.data_ptr(), which.data_ptr(), result.data_ptr()
    image_kernels.spread(x.dtype)(*addresses, math.prod(leading), height, width, samples, side)
    return result


def _picked(x: Tensor, which: Tensor, side: int) -> Tensor:
    *leading, height, width, samples = x.shape
    if not _compiled_for(x):
        found = torch.gather(torch.stack(_of_squares(x, side)), 0, which.clamp(min=0).long().unsqueeze(0)).squeeze(0)
        return torch.where(which < 0, 0, found)
    x, which = x.contiguous(), which.contiguous()
    result = x.new_empty(which.shape)
    addresses = x.data_ptr(), which.data_ptr(), result.data_ptr()
    image_kernels.picked(x.dtype)(*addresses, math.prod(leading), height, width, samples, side)
    return result


def _compiled_for(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype in image_kernels.PRECISIONS


def _sides(image: tuple[int, int], kernel: int, zeros: int) -> tuple[int, int]:
    """Of a convolution's result."""
    height, width = (side + 2 * zeros - kernel + 1 for side in image)
    return height, width


def _of_squares(x: Tensor, side: int) -> list[Tensor]:
    """The first pixels of all squares, the second ones, and so on along the rows: views."""
    high, wide = (x.shape[axis] // side * side for axis in (-3, -2))
    return [x[..., a:high:side, b:wide:side, :] for a in range(side) for b in range(side)]


def _empty_convolved(x: Tensor, weight: Tensor, bias: Tensor, zeros: int) -> Tensor:
    *leading, _, height, width, samples = x.shape
    return x.new_empty((*leading, weight.shape[-4], *_sides((height, width), weight.shape[-1], zeros), samples))


def _numbers_of_patches(x: Tensor, weight: Tensor, bias: Tensor, zeros: int) -> int:
    """Where they are not compiled."""
    return _products(x, weight, bias, zeros) // weight.shape[-4]


def _products(x: Tensor, weight: Tensor, bias: Tensor, zeros: int) -> int:
    """Of a convolution: one a weight and pixel of the result."""
    *leading, height, width, samples = x.shape
    pixels = math.prod(_sides((height, width), weight.shape[-1], zeros))
    return math.prod(leading[:-1]) * math.prod(weight.shape[-4:]) * pixels * samples


def _empty_by_images(slope: Tensor, weight: Tensor, zeros: int) -> Tensor:
    *leading, _, height, width, samples = slope.shape
    more = weight.shape[-1] - 1 - 2 * zeros
    return slope.new_empty((*leading, weight.shape[-3], height + more, width + more, samples))


def _empty_by_weights(slope: Tensor, x: Tensor, kernel: int, zeros: int) -> Tensor:
    return slope.new_empty((*slope.shape[:-3], x.shape[-4], kernel, kernel))


def _empty_pooled(x: Tensor, side: int, rectified: bool) -> tuple[Tensor, Tensor]:
    *leading, height, width, samples = x.shape
    shape = (*leading, height // side, width // side, samples)
    return x.new_empty(shape), x.new_empty(shape, dtype=torch.int32)


def _empty_spread(x: Tensor, which: Tensor, height: int, width: int, side: int) -> Tensor:
    return x.new_empty((*x.shape[:-3], height, width, x.shape[-1]))


def _empty_picked(x: Tensor, which: Tensor, side: int) -> Tensor:
    return x.new_empty(which.shape)


_CONVOLVED = own_operations.define(
    "convolved", _convolved, _empty_convolved, held=_numbers_of_patches, products=_products
)
_BY_IMAGES = own_operations.define("by_images", _by_images, _empty_by_images)
_BY_WEIGHTS = own_operations.define("by_weights", _by_weights, _empty_by_weights)
_POOLED = own_operations.define("pooled", _pooled, _empty_pooled)
_SPREAD = own_operations.define("spread", _spread, _empty_spread)
_PICKED = own_operations.define("picked", _picked, _empty_picked)
