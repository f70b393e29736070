"""The random numbers of a block of lanes, compiled for the CPU once a process for all kernels that draw alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from langevin_sgd.random_numbers.philox_numba import normal_pair, philox

_PLAIN: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}
_U64 = np.uint64
_LOW, _HALF = _U64(0xFFFFFFFF), _U64(32)


def named_by(*values: int) -> Callable[[Any], Any]:
    """A decorator, below `njit`, for a function that is compiled for several values: they become part of its name.

    Machine code on disk is linked by names. What differs must not share one with what another process compiled.
    """

    def named(function: Any) -> Any:
        function.__qualname__ = "_".join([function.__qualname__, *(str(int(value)) for value in values)])
        return function

    return named


@cache
def draws(lanes: int, quads: int, stream: int, gaussian: bool) -> Any:
    """`draw(w, z, ids, group, low, high)`: Philox words of a group of steps for the lanes with the numbers `ids`.

    `w` (quads, 4, lanes) gets the words, one row after the other, and `z`, likewise, a normal for each if `gaussian`.
    """
    high_of_counter = _U64(stream << 24)

    named = named_by(lanes, quads, stream, gaussian)

    @njit(**_PLAIN)
    @named
    def fill_words(w, ids, c0, c1, c3, low, high):  # type: ignore[no-untyped-def]
        for lane in range(lanes):
            w0, w1, w2, w3 = philox(c0, c1, _U64(ids[lane]), c3, low, high)
            w[lane] = w0
            w[lanes + lane] = w1
            w[2 * lanes + lane] = w2
            w[3 * lanes + lane] = w3

    @njit(**_PLAIN)
    @named
    def fill_normals(w, z):  # type: ignore[no-untyped-def]
        for lane in range(lanes):
            z[lane], z[lanes + lane] = normal_pair(w[lane], w[lanes + lane])
        for lane in range(lanes):
            z[2 * lanes + lane], z[3 * lanes + lane] = normal_pair(w[2 * lanes + lane], w[3 * lanes + lane])

    @njit(**_PLAIN)
    @named
    def words(w, z, ids, group, low, high):  # type: ignore[no-untyped-def]
        for quad in range(quads):
            c3 = high_of_counter | (_U64(group) >> _HALF)
            fill_words(w[quad * 4 * lanes :], ids, _U64(quad), _U64(group) & _LOW, c3, low, high)

    @njit(**_PLAIN)
    @named
    def normals(w, z, ids, group, low, high):  # type: ignore[no-untyped-def]
        for quad in range(quads):
            c3 = high_of_counter | (_U64(group) >> _HALF)
            fill_words(w[quad * 4 * lanes :], ids, _U64(quad), _U64(group) & _LOW, c3, low, high)
            fill_normals(w[quad * 4 * lanes :], z[quad * 4 * lanes :])

    return normals if gaussian else words
