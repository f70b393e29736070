"""Compiled normals of a Langevin twin: those of `random_numbers.normals` in float32, a tenth of the time.

The interpreter is let go of meanwhile: threads of a twin each draw their own at every step.
"""

import numpy as np
from numba import njit

from langevin_sgd.random_numbers.philox_numba import normal_pair, philox

_LANES = 64
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


@njit(nogil=True, cache=True, error_model="numpy")
def fill(out, trajectories, step, key, stream):  # type: ignore[no-untyped-def]
    """The normals 0, ..., 4q - 1 of one step of `trajectories` (row,) into out (row, 4q) float32.

    `key` (2,) and `stream` belong to the generator, whose layout is that of `random_numbers.streams`.
    """
    rows, width = out.shape
    low_step = np.uint64(step) & _LOW
    high_step = (np.uint64(stream) << np.uint64(24)) | (np.uint64(step) >> _32)
    words = np.empty((4, _LANES), np.uint32)
    for row in range(rows):
        number = np.uint64(trajectories[row])
        for begin in range(0, width // 4, _LANES):
            lanes = min(_LANES, width // 4 - begin)
            for lane in range(lanes):
                a, b, c, d = philox(np.uint64(begin + lane), low_step, number, high_step, key[0], key[1])
                words[0, lane], words[1, lane], words[2, lane], words[3, lane] = a, b, c, d
            at = 4 * begin
            for lane in range(lanes):
                along, across = normal_pair(words[0, lane], words[1, lane])
                out[row, at + 4 * lane], out[row, at + 4 * lane + 1] = along, across
            for lane in range(lanes):
                along, across = normal_pair(words[2, lane], words[3, lane])
                out[row, at + 4 * lane + 2], out[row, at + 4 * lane + 3] = along, across
