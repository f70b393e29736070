"""Compiled sums of squares of what a step adds, row by row: one pass through memory, where torch would take several."""

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

_KEPT: list[Any] = []


@cache
def add_squares(dtype: torch.dtype) -> Callable[..., None]:
    """The function of that precision: addresses and whole numbers in, since arrays would take longer than the sum.

    add(v, v_step, w, w_step, decay, rows, count, scale, sums, sums_step): sums[r] += scale |v_r + decay_r w_r|^2 for
    every row r, over `count` entries. v and w are of `dtype`, row r of them begins v_step * r and w_step * r entries
    behind the address; decay (rows,) is too, and sums are float64, sums_step apart. The order of summation is that of
    the machine code, the same in every row and whatever rows there are.
    """
    types = _numba.types
    real, whole, place = types.CPointer(_REAL[dtype]), types.int64, types.CPointer(types.float64)
    signature = types.void(real, whole, real, whole, real, whole, whole, types.float64, place, whole)
    compiled: Any = _numba.cfunc(signature, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})(
        _add_squares
    )
    taken = (*(ctypes.c_void_p, ctypes.c_int64) * 2, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_double)
    function = ctypes.CFUNCTYPE(None, *taken, ctypes.c_void_p, ctypes.c_int64)(compiled.address)
    _KEPT.append(compiled)  # the machine code goes with it
    return function


def _add_squares(v, v_step, w, w_step, decay, rows, count, scale, sums, sums_step):  # type: ignore[no-untyped-def]
    values, beside = _carray(v, rows * v_step), _carray(w, rows * w_step)
    shares, totals = _carray(decay, rows), _carray(sums, rows * sums_step)
    for row in range(rows):
        share = shares[row]
        total = values.dtype.type(0)
        own = values[row * v_step : row * v_step + count]
        if share == 0:
            for entry in range(count):
                total += own[entry] * own[entry]
        else:
            other = beside[row * w_step : row * w_step + count]
            for entry in range(count):
                value = own[entry] + share * other[entry]
                total += value * value
        totals[row * sums_step] += scale * np.float64(total)
