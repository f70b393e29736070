"""Uniform numbers for the points of a scan that are drawn, by the seed of the study alone."""

from __future__ import annotations

import zlib
from functools import partial

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.random_numbers.streams import Stream, words

_SHIFT = 2**56 - 1  # the step whose words are the shift; points are the steps from 0 on


def uniform(sequence: str, seed: int, *, axis: str, count: int, dimensions: int) -> list[list[float]]:
    """`count` points in (0, 1)^`dimensions`, a list for each dimension; more points keep the first ones.

    `random`: independent, point n being step n of the trajectory whose number is the CRC-32 of the name of the axis, in
    a stream of their own; each coordinate is the middle of one of 2^52 cells. `sobol`: those of the Sobol sequence of
    scipy.stats.qmc, scrambled by a digital shift of words of the same stream, in the middle of 2^32 cells.
    """
    own = partial(words, seed, trajectories=[zlib.crc32(axis.encode())], stream=Stream.SCAN)
    if sequence == "random":
        high, low = np.split(own(steps=np.arange(count), components=2 * dimensions)[:, 0].astype(np.float64), 2, axis=1)
        points = (high * 2.0**20 + np.floor(low * 2.0**-12) + 0.5) * 2.0**-52
    elif sequence == "sobol":
        points = _sobol(own(steps=[_SHIFT], components=dimensions)[0, 0], count)
    else:
        raise ValueError(f"no sequence {sequence!r}")
    columns: list[list[float]] = points.T.tolist()
    return columns


def _sobol(shift: NDArray[np.uint32], count: int) -> NDArray[np.float64]:
    from scipy.stats import qmc  # scans of this kind alone need it, and it is slow to import

    cells = 1 << max(0, count - 1).bit_length()  # scipy warns of any other number
    regular = qmc.Sobol(shift.size, scramble=False, bits=32).random(cells)[:count]
    points: NDArray[np.float64] = (((regular * 2.0**32).astype(np.uint32) ^ shift) + 0.5) * 2.0**-32
    return points
