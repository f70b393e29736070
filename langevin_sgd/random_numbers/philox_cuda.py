"""The lane functions compiled by numba-cuda: the source of the CPU kernels, with the device's own instructions.

With NUMBA_ENABLE_CUDASIM=1 they run in numba's simulator, in plain Python.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import config, cuda

from langevin_sgd.random_numbers.lane_noise import define, u32, u64

SIMULATED = bool(config.ENABLE_CUDASIM)  # type: ignore[attr-defined]

M0, M1 = u64(0xD2511F53), u64(0xCD9E8D57)
W0, W1 = u32(0x9E3779B9), u32(0xBB67AE85)
S32 = u64(32)

if SIMULATED:

    def fma32(a: Any, b: Any, c: Any) -> Any:
        """a*b + c in float64, rounded to float32."""
        return np.float32(np.float64(a) * np.float64(b) + np.float64(c))

    def fma64(a: Any, b: Any, c: Any) -> Any:
        """a*b + c in float64, rounded twice."""
        return np.float64(a) * np.float64(b) + np.float64(c)

    def product64(a: Any, b: Any) -> Any:
        """a*b in float64, rounded before anything is added to it."""
        return np.float64(a) * np.float64(b)

    def bits_of(value: Any) -> Any:
        """The bits of a float32 as an int32."""
        return np.float32(value).view(np.int32)

    def float_of(bits: Any) -> Any:
        """The float32 that has these 32 bits."""
        return bits.view(np.float32)

    def root32(value: Any) -> Any:
        """Square root in float32."""
        return np.sqrt(np.float32(value))

    # those of numpy give NaN and infinity where those of Python raise
    sin, cos, tan, atan = np.sin, np.cos, np.tan, np.arctan
    sinh, cosh, tanh = np.sinh, np.cosh, np.tanh
    exp, log, sqrt, absolute = np.exp, np.log, np.sqrt, np.abs

else:
    from numba.cuda import libdevice

    fma32, fma64 = libdevice.fmaf, libdevice.fma
    product64 = libdevice.dmul_rn
    bits_of, float_of = libdevice.float_as_int, libdevice.int_as_float
    root32 = math.sqrt  # type: ignore[assignment]
    sin, cos, tan, atan = math.sin, math.cos, math.tan, math.atan  # type: ignore[assignment]
    sinh, cosh, tanh = math.sinh, math.cosh, math.tanh  # type: ignore[assignment]
    exp, log, sqrt, absolute = math.exp, math.log, math.sqrt, math.fabs  # type: ignore[assignment]

_LANE = define(cuda.jit(device=True), fma32, bits_of, float_of, root32)  # type: ignore[no-untyped-call]
normal_pair = _LANE.normal_pair
sign_of = _LANE.sign_of
third_of = _LANE.third_of


@cuda.jit(device=True)  # type: ignore[no-untyped-call]
def philox(c0, c1, c2, c3, low, high):  # type: ignore[no-untyped-def]
    """Four words of a counter, in 32-bit registers: a GPU multiplies 32 by 32 bits into 64 at once, and has no use for
    the CPU's form, which fills 64-bit vector lanes."""
    for _ in range(10):
        p0 = u64(c0) * M0
        p1 = u64(c2) * M1
        c0 = u32(u32(p1 >> S32) ^ c1 ^ low)
        c2 = u32(u32(p0 >> S32) ^ c3 ^ high)
        c1 = u32(p1)
        c3 = u32(p0)
        low = u32(low + W0)
        high = u32(high + W1)
    return c0, c1, c2, c3
