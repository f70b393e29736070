"""The lane functions compiled by numba for the CPU, and the two instructions that numba does not offer by name."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from langevin_sgd.random_numbers.lane_noise import define


@intrinsic
def fma(typing_context, a, b, c):  # type: ignore[no-untyped-def]
    """a*b + c rounded once; all three of the type of c."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        cast = [
            context.cast(builder, value, given, signature.return_type)
            for value, given in zip(arguments, signature.args, strict=True)
        ]
        return builder.fma(*cast)

    return c(a, b, c), code


@intrinsic
def bits_of(typing_context, value):  # type: ignore[no-untyped-def]
    """The bits of a float32 as an int32."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), code


@intrinsic
def float_of(typing_context, bits):  # type: ignore[no-untyped-def]
    """The float32 that has these 32 bits."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(bits), code


# forceinline: a call left in a loop over lanes keeps it from becoming vector code
_LANE = define(njit(error_model="numpy", forceinline=True), fma, bits_of, float_of, math.sqrt)
philox = _LANE.philox
normal_pair = _LANE.normal_pair
sign_of = _LANE.sign_of
third_of = _LANE.third_of


@njit(error_model="numpy")
def normals_of_words(words, out):  # type: ignore[no-untyped-def]
    """The float32 normals (..., 2n) that the kernels make of words (n pairs along the last axis), both flattened."""
    for i in range(words.size // 2):
        out[2 * i], out[2 * i + 1] = normal_pair(words[2 * i], words[2 * i + 1])
