"""The random numbers of a block, compiled once for all kernels with blocks of that size."""

from __future__ import annotations

import numpy as np

from langevin_sgd.integrators.block_draws import draws
from langevin_sgd.random_numbers.streams import Stream, words

LANES, SEED = 64, 0x1234_5678_9ABC_DEF0
KEY = (SEED & 0xFFFFFFFF, SEED >> 32)


def drawn(quads: int, group: int, *, gaussian: bool) -> tuple[np.ndarray, np.ndarray]:
    w = np.zeros(4 * quads * LANES, np.uint32)
    z = np.zeros(4 * quads * LANES, np.float32)
    numbers = np.arange(7, 7 + LANES, dtype=np.uint32)
    pointers = [np.ctypeslib.as_ctypes(array) for array in (w, z, numbers)]
    draws(LANES, gaussian).ctypes(*pointers, quads, int(Stream.LANGEVIN_NOISE) << 24, group, *KEY)
    return w.reshape(4 * quads, LANES), z.reshape(4 * quads, LANES)


def test_words_are_those_of_the_counter_also_beyond_32_bits():
    for group in (0, 5, (3 << 32) + 1):
        found, untouched = drawn(2, group, gaussian=False)
        expected = words(
            SEED, trajectories=np.arange(7, 7 + LANES), steps=[group], components=8, stream=Stream.LANGEVIN_NOISE
        )[0]
        np.testing.assert_array_equal(found, expected.T)
        assert not untouched.any()


def test_normals_come_of_the_same_words_in_pairs():
    found, z = drawn(1, 3, gaussian=True)
    np.testing.assert_array_equal(found, drawn(1, 3, gaussian=False)[0])
    radius_squared = (z.astype(np.float64)[0::2] ** 2 + z.astype(np.float64)[1::2] ** 2) / 2  # exponential in each pair
    assert abs(radius_squared.mean() - 1.0) < 5 / np.sqrt(radius_squared.size)


def test_kernels_that_draw_alike_share_what_is_compiled():
    assert draws(LANES, True) is draws(LANES, True)
    assert draws(LANES, True) is not draws(LANES, False)
