"""Compiled indices of minibatches: those of `random_numbers.integers`, in a third of the time."""

import numpy as np
from numba import njit

from langevin_sgd.random_numbers.philox_numba import philox

_LANES = 64
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


@njit(nogil=True, cache=True, error_model="numpy")
def fill(out, replicas, steps, samples, key, stream):  # type: ignore[no-untyped-def]
    """Indices in [0, samples) of `steps` (step,) and `replicas` (replica,) into out (step, replica, B) int64.

    `key` (2,) and `stream` belong to the generator, whose layout is that of `random_numbers.streams`.
    """
    batch_size = out.shape[2]
    quads = (batch_size + 3) // 4
    count = len(replicas) * quads
    upper = np.uint64(samples)
    quad, number = np.empty(count, np.uint64), np.empty(count, np.uint64)
    for at in range(count):
        quad[at], number[at] = at % quads, replicas[at // quads]
    words = np.empty((4, _LANES), np.uint64)
    for row in range(len(steps)):
        low_step = np.uint64(steps[row]) & _LOW
        high_step = (np.uint64(stream) << np.uint64(24)) | (np.uint64(steps[row]) >> _32)
        indices = out[row].ravel()
        for begin in range(0, count, _LANES):
            lanes = min(_LANES, count - begin)
            for lane in range(lanes):
                a, b, c, d = philox(quad[begin + lane], low_step, number[begin + lane], high_step, key[0], key[1])
                words[0, lane] = (np.uint64(a) * upper) >> _32
                words[1, lane] = (np.uint64(b) * upper) >> _32
                words[2, lane] = (np.uint64(c) * upper) >> _32
                words[3, lane] = (np.uint64(d) * upper) >> _32
            for lane in range(lanes):
                first = 4 * ((begin + lane) % quads)
                place = (begin + lane) // quads * batch_size + first
                for each in range(min(4, batch_size - first)):
                    indices[place + each] = words[each, lane]
