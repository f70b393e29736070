"""Compiled SGD on a tabulated line: many replicas, each with minibatches of its own.

A block of replicas goes through the steps together: the words of the generator become vector code, and the reads of
the table, which miss the nearest cache, overlap.
"""

import numpy as np
from numba import njit

from langevin_sgd.random_numbers.philox_numba import philox

_LANES = 64
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


@njit(nogil=True, cache=True, error_model="numpy")
def advance(  # type: ignore[no-untyped-def]
    table, position, state, steps_in_first, steps_in_state, moves, counts, first, last, window, trajectory, key, stream,
    eta, batch_size, origin, spacing, split, cores, width,
):  # fmt: skip
    """Steps first, ..., last - 1 of replicas `trajectory`, `trajectory` + 1, ...; arrays change in place.

    table (N, G) float32; position (R,) float64; state (R,) int8, the basin whose core was visited last. From step
    `window` on are counted: the steps of each replica left of `split` (R,), its steps in each state (R, 2), its
    moves from each state to the other (R, 2), and positions in cells of `width` from `origin` on, `counts` (cells,).
    `cores` are the upper end of the left core and the lower end of the right one; `key` (2,) and `stream` belong to the
    generator, whose layout is that of `random_numbers.integers`.
    """
    samples, points = table.shape
    many, end = np.uint64(samples), origin + spacing * (points - 1)
    words = np.empty((4, _LANES), np.uint32)
    cell, fraction, total = np.empty(_LANES, np.int64), np.empty(_LANES), np.empty(_LANES)
    for begin in range(0, position.size, _LANES):
        lanes = min(_LANES, position.size - begin)
        for step in range(first, last):
            low_step = np.uint64(step) & _LOW
            high_step = (np.uint64(stream) << np.uint64(24)) | (np.uint64(step) >> _32)
            for lane in range(lanes):
                u = (position[begin + lane] - origin) / spacing
                cell[lane] = min(np.int64(u), points - 2)
                fraction[lane] = u - cell[lane]
                total[lane] = 0.0
            for quad in range((batch_size + 3) // 4):
                for lane in range(lanes):
                    number = np.uint64(trajectory + begin + lane)
                    a, b, c, d = philox(np.uint64(quad), low_step, number, high_step, key[0], key[1])
                    words[0, lane], words[1, lane], words[2, lane], words[3, lane] = a, b, c, d
                for word in range(min(4, batch_size - 4 * quad)):
                    for lane in range(lanes):
                        sample = np.int64((np.uint64(words[word, lane]) * many) >> _32)
                        here = np.float64(table[sample, cell[lane]])
                        following = np.float64(table[sample, cell[lane] + 1])
                        total[lane] += here + fraction[lane] * (following - here)
            for lane in range(lanes):
                replica = begin + lane
                s = min(max(position[replica] - eta * (total[lane] / batch_size), origin), end)
                position[replica] = s
                now = state[replica]
                if s < cores[0]:
                    now = 0
                elif s > cores[1]:
                    now = 1
                if step >= window:
                    steps_in_first[replica] += s < split
                    moves[replica, state[replica]] += now != state[replica]
                    steps_in_state[replica, now] += 1
                    counts[min(max(np.int64((s - origin) / width), 0), counts.size - 1)] += 1
                state[replica] = now
