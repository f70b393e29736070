"""Reductions of recorded quantities on a GPU: kernels that all formulas share.

`count` has a thread a trajectory, `sum_tiles` one a tile, which it sums in the order of its trajectories as the CPU
does: a tree would be faster, and would give other bits. Records are few (a run's times are spaced by ratios), and what
leaves the device is a partial sum for 512 trajectories, and counts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import cuda as _cuda

from langevin_sgd.integrators.partial_sums import TILE
from langevin_sgd.random_numbers.philox_cuda import product64

cuda: Any = _cuda  # of which the simulator and numba-cuda each declare another part
_TILE = np.int64(TILE)


@cuda.jit
def count(  # type: ignore[no-untyped-def]
    record, seen, state, dimension, groups, histograms, rows, edges, counts, faults, first
):
    """Histograms of the first `histograms` of the quantities `rows` of `seen` (quantities, N), and what is no number.

    `counts` (records, histograms, groups, bins + 2), `faults` (records, quantities, 2) and `first` (records,
    quantities) as `PartialSums` and `Faults` have them; `state` holds `dimension` rows of positions.
    """
    n = cuda.grid(1)
    if n >= groups.size:
        return
    for q in range(first.shape[1]):
        if not math.isfinite(seen[q, n]):
            lost = 0
            for v in range(dimension):
                if not math.isfinite(state[v, n]):
                    lost = 1
            cuda.atomic.add(faults, (record, q, lost), 1)
            cuda.atomic.min(first, (record, q), n)
    for h in range(histograms):
        place = (seen[rows[h], n] - edges[h, 0]) * edges[h, 1]
        bins = int(edges[h, 2])
        b = bins + 1
        if place < 0.0:
            b = 0
        elif place < bins:
            b = 1 + int(place)
        cuda.atomic.add(counts, (record, h, groups[n], b), 1)


@cuda.jit
def sum_tiles(record, seen, groups, rows, sums):  # type: ignore[no-untyped-def]
    """Partial sums of the quantities `rows` of `seen` (quantities, N) into `sums`, that of `PartialSums`."""
    place = cuda.grid(1)
    tile = place // rows.size
    q = place - tile * rows.size
    if tile >= sums.shape[1]:
        return
    begin = tile * _TILE
    end = min(begin + _TILE, groups.size)
    row = rows[q]
    n = begin
    while n < end:
        group = groups[n]
        origin = seen[row, n]
        once = np.float64(0.0)
        twice = np.float64(0.0)
        while n < end and groups[n] == group:
            away = seen[row, n] - origin
            once += away
            twice += product64(away, away)  # rounded before it is added, as on the CPU
            n += 1
        at = group - groups[begin]
        sums[record, tile, q, 0, at] = origin
        sums[record, tile, q, 1, at] = once
        sums[record, tile, q, 2, at] = twice
