"""Compiled loops over pixels: patches of images, their sums, and the largest pixels of squares.

Of functions that copy or choose numbers torch makes five to ten operations, each of which reads and writes all of them.
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

_KEPT: list[Any] = []


@cache
def patches(dtype: torch.dtype) -> Callable[..., None]:
    """From images x (planes, h, w, n) to their patches (planes, k, k, h', w', n), h' = h + 2 z - k + 1:
    out[p, a, b, i, j] = x[p, i + a - z, j + b - z], and 0 outside the image.

    The function takes two addresses and (planes, h, w, n, k, z).
    """
    real = _numba.types.CPointer(_REAL[dtype])
    return _compiled(_patches, (real, real), 6)


@cache
def folded(dtype: torch.dtype) -> Callable[..., None]:
    """The adjoint: from patches (planes, k, k, h', w', n) to images (planes, h, w, n), where each pixel is the sum of
    all that are copies of it in `patches`, in the order of (a, b).
    """
    real = _numba.types.CPointer(_REAL[dtype])
    return _compiled(_folded, (real, real), 6)


@cache
def pooled(dtype: torch.dtype) -> Callable[..., None]:
    """From images (planes, h, w, n) to the largest number of each square of s x s pixels (planes, h div s, w div s, n)
    and which of them it is, int32: the first of equal ones, counted along the rows. If `rectified` it is 0 and -1 where
    none is positive.

    The function takes three addresses and (planes, h, w, n, s, rectified). What is no number is larger than all.
    """
    real, place = _numba.types.CPointer(_REAL[dtype]), _numba.types.CPointer(_numba.types.int32)
    return _compiled(_pooled, (real, real, place), 6)


@cache
def spread(dtype: torch.dtype) -> Callable[..., None]:
    """From numbers (planes, h div s, w div s, n), and which pixel of a square each belongs to (-1: none), to images
    (planes, h, w, n) that are 0 everywhere else.
    """
    real, place = _numba.types.CPointer(_REAL[dtype]), _numba.types.CPointer(_numba.types.int32)
    return _compiled(_spread, (real, place, real), 5)


@cache
def picked(dtype: torch.dtype) -> Callable[..., None]:
    """The adjoint of `spread`: of images (planes, h, w, n) the number of each square that is told by which, or 0."""
    real, place = _numba.types.CPointer(_REAL[dtype]), _numba.types.CPointer(_numba.types.int32)
    return _compiled(_picked, (real, place, real), 5)


def _compiled(loops: Callable[..., None], pointers: tuple[Any, ...], numbers: int) -> Callable[..., None]:
    """Addresses and whole numbers in, since arrays would take longer than the loops; other threads go on meanwhile."""
    signature = _numba.types.void(*pointers, *[_numba.types.int64] * numbers)
    compiled: Any = _numba.cfunc(signature, cache=True, error_model="numpy")(loops)
    taken = (*[ctypes.c_void_p] * len(pointers), *[ctypes.c_int64] * numbers)
    _KEPT.append(compiled)  # the machine code goes with it
    return ctypes.CFUNCTYPE(None, *taken)(compiled.address)


def _patches(x, out, planes, h, w, n, k, z):  # type: ignore[no-untyped-def]
    high, wide = h + 2 * z - k + 1, w + 2 * z - k + 1
    images, rows = _carray(x, planes * h * w * n), _carray(out, planes * k * k * high * wide * n)
    at = 0
    for plane in range(planes):
        for a in range(k):
            for b in range(k):
                first, last = max(0, z - b), min(wide, w + z - b)
                for i in range(high):
                    row = rows[at : at + wide * n]
                    at += wide * n
                    s = i + a - z
                    if s < 0 or s >= h or first >= last:
                        for j in range(wide * n):
                            row[j] = 0
                    else:
                        base = ((plane * h + s) * w + first + b - z) * n
                        source, into = images[base : base + (last - first) * n], row[first * n : last * n]
                        rest = row[last * n :]
                        for j in range(first * n):
                            row[j] = 0
                        for j in range((last - first) * n):
                            into[j] = source[j]
                        for j in range((wide - last) * n):
                            rest[j] = 0


def _folded(x, out, planes, h, w, n, k, z):  # type: ignore[no-untyped-def]
    high, wide = h + 2 * z - k + 1, w + 2 * z - k + 1
    rows, images = _carray(x, planes * k * k * high * wide * n), _carray(out, planes * h * w * n)
    images[:] = 0
    at = 0
    for plane in range(planes):
        for a in range(k):
            for b in range(k):
                first, last = max(0, z - b), min(wide, w + z - b)
                for i in range(high):
                    s = i + a - z
                    if 0 <= s < h and first < last:
                        base = ((plane * h + s) * w + first + b - z) * n
                        count = (last - first) * n
                        source = rows[at + first * n : at + last * n]
                        into = images[base : base + count]
                        for j in range(count):
                            into[j] += source[j]
                    at += wide * n


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
