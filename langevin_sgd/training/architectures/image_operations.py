"""What convolutions and pooling do to pixels, as operations of torch: compiled for a CPU, of torch's own elsewhere.

Images are (..., channels, height, width, samples), so that a patch is copied in whole rows of (width x samples)
numbers. `patches` and `folded` are linear in pixels and each other's adjoint, and so are `spread` and `picked`:
derivatives of any order are again among them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from langevin_sgd.training import own_operations
from langevin_sgd.training.architectures import image_kernels


def patches(x: Tensor, kernel: int, zeros: int) -> Tensor:
    """For every pixel of a convolution's result what its kernel covers, with `zeros` pixels of 0 around the image:
    (..., c, h, w, n) -> (..., c k^2, h' w' n), where h' = h + 2 zeros - k + 1.
    """
    result: Tensor = _Patches.apply(x, kernel, zeros)
    return result


def pooled(x: Tensor, side: int, rectified: bool = False) -> Tensor:
    """The largest of each square of `side` x `side` pixels: (..., h, w, n) -> (..., h div side, w div side, n).

    The slope goes to the first of equal ones. If `rectified` it is 0 instead where none is positive: as with a ReLU
    behind it, in one pass.
    """
    result: Tensor = _Pooled.apply(x, side, rectified)[0]
    return result


class _Patches(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, kernel: int, zeros: int) -> Any:
        return _PATCHES(x, kernel, zeros)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, int], output: Tensor) -> None:
        x, *ctx.told = inputs
        ctx.sides = x.shape[-3:-1]

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        return _Folded.apply(*slopes, *ctx.sides, *ctx.told), None, None


class _Folded(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, height: int, width: int, kernel: int, zeros: int) -> Any:
        return _FOLDED(x, height, width, kernel, zeros)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, int, int, int], output: Tensor) -> None:
        ctx.told = inputs[-2:]

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None, None, None]:
        (slope,) = slopes
        return patches(slope, *ctx.told), None, None, None, None


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
        return _Spread.apply(slopes[0], *ctx.saved_tensors, *ctx.sides, ctx.side), None, None


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
        slope = _Picked.apply(*slopes, *ctx.saved_tensors, ctx.side)
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
        return _Spread.apply(*slopes, *ctx.saved_tensors, *ctx.sides, ctx.side), None, None


def _patches(x: Tensor, kernel: int, zeros: int) -> Tensor:
    *leading, channels, height, width, samples = x.shape
    sides = _sides((height, width), kernel, zeros)
    if not _compiled_for(x):
        padded = torch.nn.functional.pad(x, (0, 0, zeros, zeros, zeros, zeros)) if zeros else x
        windows = padded.unfold(-3, kernel, 1).unfold(-3, kernel, 1)  # (..., h', w', n, k, k)
        in_order = windows.movedim((-2, -1), (-5, -4)).clone(memory_format=torch.contiguous_format)
        return in_order.reshape(*leading, channels * kernel**2, math.prod(sides) * samples)
    x, result = x.contiguous(), _empty_patches(x, kernel, zeros)
    planes = math.prod(leading) * channels
    image_kernels.patches(x.dtype)(x.data_ptr(), result.data_ptr(), planes, height, width, samples, kernel, zeros)
    return result


def _folded(x: Tensor, height: int, width: int, kernel: int, zeros: int) -> Tensor:
    *leading, rows, numbers = x.shape
    channels, sides = rows // kernel**2, _sides((height, width), kernel, zeros)
    samples = numbers // math.prod(sides)
    if not _compiled_for(x):
        apart = x.reshape(*leading, channels, kernel, kernel, *sides, samples)
        result = x.new_zeros((*leading, channels, height + 2 * zeros, width + 2 * zeros, samples))
        for a in range(kernel):
            for b in range(kernel):
                result[..., a : a + sides[0], b : b + sides[1], :] += apart[..., a, b, :, :, :]
        return result[..., zeros : zeros + height, zeros : zeros + width, :].contiguous()
    x, result = x.contiguous(), _empty_folded(x, height, width, kernel, zeros)
    planes = math.prod(leading) * channels
    image_kernels.folded(x.dtype)(x.data_ptr(), result.data_ptr(), planes, height, width, samples, kernel, zeros)
    return result


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


def _empty_patches(x: Tensor, kernel: int, zeros: int) -> Tensor:
    *leading, channels, height, width, samples = x.shape
    sides = _sides((height, width), kernel, zeros)
    return x.new_empty((*leading, channels * kernel**2, math.prod(sides) * samples))


def _empty_folded(x: Tensor, height: int, width: int, kernel: int, zeros: int) -> Tensor:
    *leading, rows, numbers = x.shape
    samples = numbers // math.prod(_sides((height, width), kernel, zeros))
    return x.new_empty((*leading, rows // kernel**2, height, width, samples))


def _empty_pooled(x: Tensor, side: int, rectified: bool) -> tuple[Tensor, Tensor]:
    *leading, height, width, samples = x.shape
    shape = (*leading, height // side, width // side, samples)
    return x.new_empty(shape), x.new_empty(shape, dtype=torch.int32)


def _empty_spread(x: Tensor, which: Tensor, height: int, width: int, side: int) -> Tensor:
    return x.new_empty((*x.shape[:-3], height, width, x.shape[-1]))


def _empty_picked(x: Tensor, which: Tensor, side: int) -> Tensor:
    return x.new_empty(which.shape)


_PATCHES = own_operations.define("patches", _patches, _empty_patches)
_FOLDED = own_operations.define("folded", _folded, _empty_folded)
_POOLED = own_operations.define("pooled", _pooled, _empty_pooled)
_SPREAD = own_operations.define("spread", _spread, _empty_spread)
_PICKED = own_operations.define("picked", _picked, _empty_picked)
