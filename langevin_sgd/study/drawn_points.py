"""Uniform numbers for the points of a scan that are drawn, by the seed of the study alone."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.random_numbers.streams import Stream, words

_WORD = 2.0**-32
_SHIFT = 2**56 - 1  # the step whose words are the shift; points are the steps from 0 on


def uniform(sequence: str, seed: int, *, axis: str, count: int, dimensions: int) -> list[list[float]]:
    """`count` points in (0, 1)^`dimensions`, a list for each dimension; more points keep the first ones.

    `random`: independent, point n being step n of the trajectory whose number is the CRC-32 of the name of the axis, in
    a stream of their own. `sobol`: those of the Sobol sequence of scipy.stats.qmc, scrambled by a digital shift of
    words of the same stream. Points lie in the middle of 2^32 cells, so that none is an end.
    """
    if sequence == "random":
        drawn = words(
            seed,
            trajectories=[zlib.crc32(axis.encode())],
            steps=np.arange(count),
            components=dimensions,
            stream=Stream.SCAN,
        )
        points = (drawn[:, 0, :] + 0.5) * _WORD
    elif sequence == "sobol":
        points = _sobol(seed, axis, count, dimensions)
    else:
        raise ValueError(f"no sequence {sequence!r}")
    return [list(map(float, column)) for column in points.T]


def _sobol(seed: int, axis: str, count: int, dimensions: int) -> NDArray[np.float64]:
    from scipy.stats import qmc  # scans of this kind alone need it, and it is slow to import

    shift = words(
        seed, trajectories=[zlib.crc32(axis.encode())], steps=[_SHIFT], components=dimensions, stream=Stream.SCAN
    )[0, 0]
    cells = 1 << max(0, count - 1).bit_length()  # scipy warns of any other number
    regular = qmc.Sobol(dimensions, scramble=False, bits=32).random(cells)[:count]
    points: NDArray[np.float64] = ((np.floor(regular / _WORD).astype(np.uint32) ^ shift) + 0.5) * _WORD
    return points
