"""Random numbers of one lane, for every compiled backend: Philox words and what is made of them.

The functions are plain scalar code, written once; `define` binds them to a compiler (numba for CPUs, numba-cuda for
GPUs). Every float operation is written out, fused multiply-adds included, and no fast-math flag is used: the bits are
those of the source, on any vector width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

f32, i32, u32, u64 = np.float32, np.int32, np.uint32, np.uint64

M0, M1 = u64(0xD2511F53), u64(0xCD9E8D57)
W0, W1 = u64(0x9E3779B9), u64(0xBB67AE85)
LOW, S32 = u64(0xFFFFFFFF), u64(32)

ONE, HALF, ZERO, MINUS_TWO = f32(1.0), f32(0.5), f32(0.0), f32(-2.0)
ROOT_TWO, LN2 = f32(math.sqrt(2.0)), f32(math.log(2.0))
TO_UNIT, TO_TWICE_UNIT = f32(2.0**-32), f32(2.0**-31)
NEAR_ONE = f32((1.0 - math.sqrt(0.5)) * 2.0**32)
ANGLE = f32(2.0 * math.pi * 2.0**-32)

# log(1 + t) on [sqrt(1/2) - 1, sqrt(2) - 1], sine and cosine on [-pi/4, pi/4]: the single-precision polynomials of
# Moshier's Cephes library (1992), errors below 1e-7
L0, L1, L2 = f32(7.0376836292e-2), f32(-1.1514610310e-1), f32(1.1676998740e-1)
L3, L4, L5 = f32(-1.2420140846e-1), f32(1.4249322787e-1), f32(-1.6668057665e-1)
L6, L7, L8 = f32(2.0000714765e-1), f32(-2.4999993993e-1), f32(3.3333331174e-1)
A0, A1, A2 = f32(-1.9515295891e-4), f32(8.3321608736e-3), f32(-1.6666654611e-1)
B0, B1, B2 = f32(2.443315711809948e-5), f32(-1.388731625493765e-3), f32(4.166664568298827e-2)

SIGN = u32(0x80000000)
DIGIT_ONE, DIGIT_FIVE = u32(1 << 29), u32(5 << 29)


def define(jit: Callable[..., Any], fma: Any, bits_of: Any, float_of: Any, sqrt: Any) -> SimpleNamespace:
    """Compile the lane functions with `jit`.

    `fma(a, b, c)` rounds once, `bits_of` and `float_of` reinterpret a float32 as an int32 and an int32 or uint32 as a
    float32, `sqrt` is the square root in the precision of its argument.
    """

    @jit
    def philox_round(c0, c1, c2, c3, low, high):  # type: ignore[no-untyped-def]
        """One round on counters held in uint64, of which only the low halves mean anything."""
        p0 = (c0 & LOW) * M0
        p1 = (c2 & LOW) * M1
        return (p1 >> S32) ^ c1 ^ low, p1, (p0 >> S32) ^ c3 ^ high, p0

    @jit
    def philox(c0, c1, c2, c3, low, high):  # type: ignore[no-untyped-def]
        """Four words of a counter. The ten rounds are written out: a loop here keeps the loop over lanes from becoming
        vector code."""
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low, high)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(1) * W0, high + u64(1) * W1)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(2) * W0, high + u64(2) * W1)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(3) * W0, high + u64(3) * W1)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(4) * W0, high + u64(4) * W1)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(5) * W0, high + u64(5) * W1)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(6) * W0, high + u64(6) * W1)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(7) * W0, high + u64(7) * W1)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(8) * W0, high + u64(8) * W1)
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, low + u64(9) * W0, high + u64(9) * W1)
        return u32(c0 & LOW), u32(c1 & LOW), u32(c2 & LOW), u32(c3 & LOW)

    @jit
    def normal_pair(a, b):  # type: ignore[no-untyped-def]
        """r cos(phi), r sin(phi) with r^2 = -2 log((a + 1/2)/2^32), phi = 2 pi b/2^32, float32.

        Both ends of the logarithm keep full relative precision: with x = min(a, 2^32 - 1 - a) + 1/2 the argument is
        x/2^32 or 1 - x/2^32.
        """
        signed = i32(a)
        x = f32(i32(signed ^ (signed >> i32(31)))) + HALF
        bits = bits_of(x)
        mantissa = float_of(i32((bits & i32(0x7FFFFF)) | i32(0x3F800000)))
        exponent = f32(i32((bits >> i32(23)) - i32(159)))
        large = mantissa > ROOT_TWO
        t = (mantissa * HALF if large else mantissa) - ONE
        exponent = exponent + ONE if large else exponent
        near = x < NEAR_ONE
        t_upper = -x * TO_UNIT if near else fma(-x, TO_TWICE_UNIT, ONE)
        exponent_upper = ZERO if near else -ONE
        upper = signed < i32(0)
        t = t_upper if upper else t
        exponent = exponent_upper if upper else exponent
        z = t * t
        p = fma(fma(fma(fma(L0, t, L1), t, L2), t, L3), t, L4)
        p = fma(fma(fma(fma(p, t, L5), t, L6), t, L7), t, L8)
        logarithm = fma(exponent, LN2, fma(p * t, z, fma(-HALF, z, t)))
        radius = sqrt(MINUS_TWO * logarithm)

        turned = u32(b + u32(0x20000000))  # the quadrant in the top two bits
        y = f32(i32(u32(turned & u32(0x3FFFFFFF))) - i32(0x20000000)) * ANGLE
        z = y * y
        sine = fma(fma(fma(A0, z, A1), z, A2) * z, y, y)
        cosine = fma(fma(fma(B0, z, B1), z, B2) * z, z, fma(-HALF, z, ONE))
        odd = (turned & u32(0x40000000)) != u32(0)
        along = radius * (sine if odd else cosine)
        across = radius * (cosine if odd else sine)
        flip_along = u32((turned ^ u32(turned << u32(1))) & SIGN)
        flip_across = u32(turned & SIGN)
        return (
            float_of(u32(u32(bits_of(along)) ^ flip_along)),
            float_of(u32(u32(bits_of(across)) ^ flip_across)),
        )

    @jit
    def sign_of(word, bit):  # type: ignore[no-untyped-def]
        """+1 where that bit of the word is 0, -1 where it is 1, float32."""
        return float_of(u32((u32(word << u32(u32(31) - bit)) & SIGN) | u32(0x3F800000)))

    @jit
    def third_of(six_times, root, zero):  # type: ignore[no-untyped-def]
        """From six times a 29-bit fraction: +root where the digit above it is 5, -root where it is 0, else zero.

        `root` is sqrt(3) in the precision of the state.
        """
        above = root if six_times >= DIGIT_FIVE else zero
        return -root if six_times < DIGIT_ONE else above

    return SimpleNamespace(philox=philox, normal_pair=normal_pair, sign_of=sign_of, third_of=third_of)
