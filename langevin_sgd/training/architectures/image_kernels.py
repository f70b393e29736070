"""Compiled loops over pixels: convolutions of one replica after the other, and the largest pixels of squares.

Of functions that copy or choose numbers torch makes five to ten operations, each of which reads and writes all of them.
Here the patches of one replica's images are in a core's cache while they are multiplied, by the BLAS that numba takes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
import torch

_numba: Any = numba  # not annotated
_carray = _numba.carray
_REAL: Any = {torch.float32: numba.types.float32, torch.float64: numba.types.float64}
PRECISIONS = frozenset(_REAL)

_NUMBERS_AT_ONCE = 1 << 16

_KEPT: list[Any] = []


def room(o: int, c: int, k: int, high: int, wide: int, n: int) -> tuple[int, int]:
    """How many lines of a result (o, h', w', n) are made at once, and how many numbers that needs room for.

    Their patches stay in a core's cache. A product is rounded by its own sizes, so these follow from the shapes alone.
    """
    rows = c * k * k
    lines = max(1, min(high, _NUMBERS_AT_ONCE // (rows * wide * n)))
    return lines, (rows + o) * lines * wide * n + o * rows


@cache
def convolved(dtype: torch.dtype) -> Callable[..., None]:
    """z_o(p) = b_o + sum_c sum_q W_oc(q) x_c(p + q - zeros), of images x (replica, c, h, w, n) with 0 around them and
    kernels W (o, c, k, k) and b (o,) of each replica: (replica, o, h', w', n), h' = h + 2 zeros - k + 1.

    The function takes the addresses of x, W, b, z and of the `room` it needs, then how far apart the replicas' W and b
    lie, and (replicas, o, c, h, w, n, k, zeros, lines).
    """
    return _compiled(_convolved, (_real(dtype),) * 5, 11)


@cache
def by_images(dtype: torch.dtype) -> Callable[..., None]:
    """The derivative of sum s z by x: from slopes s (replica, o, h', w', n) to (replica, c, h, w, n).

    The function takes the addresses of s, W, the result and the room, then how far apart the replicas' W lie, and
    (replicas, o, c, h, w, n, k, zeros, lines).
    """
    return _compiled(_by_images, (_real(dtype),) * 4, 10)


@cache
def by_weights(dtype: torch.dtype) -> Callable[..., None]:
    """The derivative of sum s z by W: from s and x to (replica, o, c, k, k).

    The function takes the addresses of s, x, the result and the room, and (replicas, o, c, h, w, n, k, zeros, lines).
    """
    return _compiled(_by_weights, (_real(dtype),) * 4, 9)


@cache
def pooled(dtype: torch.dtype) -> Callable[..., None]:
    """From images (planes, h, w, n) to the largest number of each square of s x s pixels (planes, h div s, w div s, n)
    and which of them it is, int32: the first of equal ones, counted along the rows. If `rectified` it is 0 and -1 where
    none is positive.

    The function takes three addresses and (planes, h, w, n, s, rectified). What is no number is larger than all.
    """
    real, place = _real(dtype), _numba.types.CPointer(_numba.types.int32)
    return _compiled(_pooled, (real, real, place), 6)


@cache
def spread(dtype: torch.dtype) -> Callable[..., None]:
    """From numbers (planes, h div s, w div s, n), and which pixel of a square each belongs to (-1: none), to images
    (planes, h, w, n) that are 0 everywhere else.
    """
    real, place = _real(dtype), _numba.types.CPointer(_numba.types.int32)
    return _compiled(_spread, (real, place, real), 5)


@cache
def picked(dtype: torch.dtype) -> Callable[..., None]:
    """The adjoint of `spread`: of images (planes, h, w, n) the number of each square that is told by which, or 0."""
    real, place = _real(dtype), _numba.types.CPointer(_numba.types.int32)
    return _compiled(_picked, (real, place, real), 5)


def _real(dtype: torch.dtype) -> Any:
    return _numba.types.CPointer(_REAL[dtype])


def _compiled(loops: Callable[..., None], pointers: tuple[Any, ...], numbers: int) -> Callable[..., None]:
    """Addresses and whole numbers in, since arrays would take longer than the loops; other threads go on meanwhile."""
    signature = _numba.types.void(*pointers, *[_numba.types.int64] * numbers)
    compiled: Any = _numba.cfunc(signature, cache=True, error_model="numpy")(loops)
    taken = (*[ctypes.c_void_p] * len(pointers), *[ctypes.c_int64] * numbers)
    _KEPT.append(compiled)  # the machine code goes with it
    return ctypes.CFUNCTYPE(None, *taken)(compiled.address)


@_numba.njit(nogil=True, inline="always")
def _patches(images, room, first_plane, c, h, w, n, k, zeros, begin, end):  # type: ignore[no-untyped-def]
    """Of one replica and some lines of the result: rows (c, k, k) of (end - begin, w', n) numbers."""
    wide = w + 2 * zeros - k + 1
    at = 0
    for plane in range(first_plane, first_plane + c):
        for a in range(k):
            for b in range(k):
                first, last = max(0, zeros - b), min(wide, w + zeros - b)
                for i in range(begin, end):
                    row = room[at : at + wide * n]
                    at += wide * n
                    s = i + a - zeros
                    if s < 0 or s >= h or first >= last:
                        for j in range(wide * n):
                            row[j] = 0
                    else:
                        base = ((plane * h + s) * w + first + b - zeros) * n
                        source, into = images[base : base + (last - first) * n], row[first * n : last * n]
                        rest = row[last * n :]
                        for j in range(first * n):
                            row[j] = 0
                        for j in range((last - first) * n):
                            into[j] = source[j]
                        for j in range((wide - last) * n):
                            rest[j] = 0


def _convolved(x, weights, biases, out, room, step, bias_step, replicas, o, c, h, w, n, k, zeros, lines):  # type: ignore[no-untyped-def]
    high, wide = h + 2 * zeros - k + 1, w + 2 * zeros - k + 1
    rows, numbers, most = c * k * k, high * wide * n, lines * wide * n
    images, results = _carray(x, replicas * c * h * w * n), _carray(out, replicas * o * numbers)
    kernels = _carray(weights, (replicas - 1) * step + o * rows)  # replicas may have the same
    bias = _carray(biases, (replicas - 1) * bias_step + o)
    patches, products = _carray(room, (rows + o) * most)[: rows * most], _carray(room, (rows + o) * most)[rows * most :]
    for replica in range(replicas):
        own = kernels[replica * step : replica * step + o * rows].reshape((o, rows))
        for begin in range(0, high, lines):
            end = min(high, begin + lines)
            count = (end - begin) * wide * n
            _patches(images, patches, replica * c, c, h, w, n, k, zeros, begin, end)
            product = products[: o * count]
            np.dot(own, patches[: rows * count].reshape((rows, count)), product.reshape((o, count)))
            for channel in range(o):
                more = bias[replica * bias_step + channel]
                at = (replica * o + channel) * numbers + begin * wide * n
                row, found = results[at : at + count], product[channel * count : (channel + 1) * count]
                for j in range(count):
                    row[j] = found[j] + more


def _by_images(slopes, weights, out, room, step, replicas, o, c, h, w, n, k, zeros, lines):  # type: ignore[no-untyped-def]
    high, wide = h + 2 * zeros - k + 1, w + 2 * zeros - k + 1
    rows, numbers, most = c * k * k, high * wide * n, lines * wide * n
    images, slope = _carray(out, replicas * c * h * w * n), _carray(slopes, replicas * o * numbers)
    kernels = _carray(weights, (replicas - 1) * step + o * rows)
    patches, some = _carray(room, (rows + o) * most)[: rows * most], _carray(room, (rows + o) * most)[rows * most :]
    images[:] = 0
    for replica in range(replicas):
        own = kernels[replica * step : replica * step + o * rows].reshape((o, rows))
        for begin in range(0, high, lines):
            end = min(high, begin + lines)
            count = (end - begin) * wide * n
            _gather(slope, some, replica * o, o, numbers, begin * wide * n, count)
            np.dot(own.T, some[: o * count].reshape((o, count)), patches[: rows * count].reshape((rows, count)))
            at = 0
            for plane in range(replica * c, (replica + 1) * c):
                for a in range(k):
                    for b in range(k):
                        first, last = max(0, zeros - b), min(wide, w + zeros - b)
                        for i in range(begin, end):
                            s = i + a - zeros
                            if 0 <= s < h and first < last:
                                base = ((plane * h + s) * w + first + b - zeros) * n
                                more = (last - first) * n
                                source, into = patches[at + first * n : at + last * n], images[base : base + more]
                                for j in range(more):
                                    into[j] += source[j]
                            at += wide * n


def _by_weights(slopes, x, out, room, replicas, o, c, h, w, n, k, zeros, lines):  # type: ignore[no-untyped-def]
    high, wide = h + 2 * zeros - k + 1, w + 2 * zeros - k + 1
    rows, numbers, most = c * k * k, high * wide * n, lines * wide * n
    images, slope = _carray(x, replicas * c * h * w * n), _carray(slopes, replicas * o * numbers)
    kernels = _carray(out, replicas * o * rows)
    whole = _carray(room, (rows + o) * most + o * rows)
    patches, some, product = whole[: rows * most], whole[rows * most : (rows + o) * most], whole[(rows + o) * most :]
    kernels[:] = 0
    for replica in range(replicas):
        sums = kernels[replica * o * rows : (replica + 1) * o * rows]
        for begin in range(0, high, lines):
            end = min(high, begin + lines)
            count = (end - begin) * wide * n
            _patches(images, patches, replica * c, c, h, w, n, k, zeros, begin, end)
            _gather(slope, some, replica * o, o, numbers, begin * wide * n, count)
            seen = patches[: rows * count].reshape((rows, count))
            np.dot(some[: o * count].reshape((o, count)), seen.T, product.reshape((o, rows)))
            for each in range(o * rows):
                sums[each] += product[each]


@_numba.njit(nogil=True, inline="always")
def _gather(slope, some, first, o, numbers, begin, count):  # type: ignore[no-untyped-def]
    """Some lines of the slopes of one replica, in one piece."""
    for channel in range(o):
        at = (first + channel) * numbers + begin
        source, into = slope[at : at + count], some[channel * count : (channel + 1) * count]
        for j in range(count):
            into[j] = source[j]


def _pooled(x, out, places, planes, h, w, n, s, rectified):  # type: ignore[no-untyped-def]
    high, wide = h // s, w // s
    images = _carray(x, planes * h * w * n)
    largest, which = _carray(out, planes * high * wide * n), _carray(places, planes * high * wide * n)
    floor = images.dtype.type(0) if rectified else images.dtype.type(-np.inf)
    at = 0
    for plane in range(planes):
        for i in range(high):
            for j in range(wide):
                value, place = largest[at : at + n], which[at : at + n]
                at += n
                base = ((plane * h + i * s) * w + j * s) * n
                pixel = images[base : base + n]
                if s == 2:  # all at once, which is three times as fast
                    right, below = images[base + n : base + 2 * n], images[base + w * n : base + (w + 1) * n]
                    last = images[base + (w + 1) * n : base + (w + 2) * n]
                    for each in range(n):
                        most, at_place = floor, -1
                        if pixel[each] > most or pixel[each] != pixel[each]:
                            most, at_place = pixel[each], 0
                        if right[each] > most or right[each] != right[each]:
                            most, at_place = right[each], 1
                        if below[each] > most or below[each] != below[each]:
                            most, at_place = below[each], 2
                        if last[each] > most or last[each] != last[each]:
                            most, at_place = last[each], 3
                        value[each] = most
                        place[each] = at_place
                    continue
                for each in range(n):
                    value[each] = floor
                    place[each] = -1
                for at_place in range(s * s):
                    base = ((plane * h + i * s + at_place // s) * w + j * s + at_place % s) * n
                    pixel = images[base : base + n]
                    for each in range(n):
                        seen = pixel[each]
                        if seen > value[each] or seen != seen:
                            value[each] = seen
                            place[each] = at_place


def _spread(x, places, out, planes, h, w, n, s):  # type: ignore[no-untyped-def]
    high, wide = h // s, w // s
    values, which = _carray(x, planes * high * wide * n), _carray(places, planes * high * wide * n)
    images = _carray(out, planes * h * w * n)
    if high * s != h or wide * s != w:
        images[:] = 0
    at = 0
    for plane in range(planes):
        for i in range(high):
            for j in range(wide):
                value, place = values[at : at + n], which[at : at + n]
                at += n
                for each_pixel in range(s * s):
                    base = ((plane * h + i * s + each_pixel // s) * w + j * s + each_pixel % s) * n
                    pixel = images[base : base + n]
                    for each in range(n):
                        pixel[each] = value[each] if place[each] == each_pixel else 0


def _picked(x, places, out, planes, h, w, n, s):  # type: ignore[no-untyped-def]
    high, wide = h // s, w // s
    images = _carray(x, planes * h * w * n)
    which, values = _carray(places, planes * high * wide * n), _carray(out, planes * high * wide * n)
    at = 0
    for plane in range(planes):
        for i in range(high):
            for j in range(wide):
                value, place = values[at : at + n], which[at : at + n]
                at += n
                for each in range(n):
                    value[each] = 0
                for each_pixel in range(s * s):
                    base = ((plane * h + i * s + each_pixel // s) * w + j * s + each_pixel % s) * n
                    pixel = images[base : base + n]
                    for each in range(n):
                        if place[each] == each_pixel:
                            value[each] = pixel[each]
