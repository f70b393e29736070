"""What the fused kernels leave of the recorded quantities: partial sums of tiles of trajectories, and counts.

Both of them sum a tile in the order of its trajectories and both are joined here, so a CPU and a GPU that see the same
positions have the same means, whatever the threads, the blocks and the launches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.integrators.finiteness import Faults
from langevin_sgd.integrators.problem import Problem, Reductions

# Lanes that are summed one after the other into a partial sum of their own: every size of a block divides it, so that
# sums do not depend on the size of a block.
TILE = 512


@dataclass
class PartialSums:
    """Arrays that a kernel fills in, zero at first.

    `values` (records, each, N). `sums` (records, tiles, means, 3, groups of a tile): the first value and the sums of
    the differences from it and of their squares, so that no digits are lost to a large mean. `counts` (records,
    histograms, groups, bins + 2). `edges` (histograms, 3): low end, bins in a unit, number of bins; `rows`: which
    quantities are kept one by one, as means and as histograms.
    """

    values: NDArray[np.float64]
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    rows: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    faults: Faults

    @classmethod
    def none(cls, problem: Problem) -> PartialSums:
        """Nothing recorded yet."""
        quantities, records, size = problem.quantities, problem.record_steps.size, problem.numbers.size
        tiles = -(-size // TILE)
        edges = np.array([(low, bins / (high - low), bins) for low, high, bins in quantities.edges]).reshape(-1, 3)
        bins = int(edges[:, 2].max(initial=0)) + 2
        each, means, histograms = (
            np.array(r, np.int64) for r in (quantities.each, quantities.means, quantities.histograms)
        )
        return cls(
            values=np.zeros((records, each.size, size)),
            sums=np.zeros((records, tiles, means.size, 3, _groups_per_tile(problem))),
            counts=np.zeros((records, histograms.size, problem.group_count, bins), np.int64),
            edges=edges,
            rows=(each, means, histograms),
            faults=Faults.none(problem),
        )

    def tell_groups(self, problem: Problem) -> None:
        """Note the points of which a kept value or a sum is no number."""
        groups = self.faults.groups
        lanes = ~np.isfinite(self.values).all(axis=(0, 1))
        groups[problem.groups[lanes]] = True
        for tile, group in np.argwhere(~np.isfinite(self.sums).all(axis=(0, 2, 3))).tolist():
            groups[problem.groups[tile * TILE] + group] = True

    def reductions(self, problem: Problem) -> Reductions:
        """What a run returns."""
        histograms = [self.counts[:, q, :, : int(bins) + 2] for q, bins in enumerate(self.edges[:, 2])]
        return Reductions(self.values, _moments(problem, self.sums), histograms)


def _groups_per_tile(problem: Problem) -> int:
    first = problem.groups[::TILE]
    last = problem.groups[np.minimum(np.arange(TILE - 1, first.size * TILE, TILE), problem.groups.size - 1)]
    return int((last - first).max(initial=0)) + 1


def _moments(problem: Problem, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean and sum of squared deviations of each group (records, means, 2, groups) from those of its tiles.

    Tiles are joined by the rule of Chan, Golub and LeVeque, The American Statistician 37 (1983) 242.
    """
    records, tiles, means, _, _ = sums.shape
    out = np.zeros((records, means, 2, problem.group_count))
    if not out.size:
        return out
    seen: NDArray[Any] = np.zeros(problem.group_count)
    for tile in range(tiles):
        here = problem.groups[tile * TILE : (tile + 1) * TILE]
        for group in range(here[0], here[-1] + 1):
            n = np.count_nonzero(here == group)
            first, away, square = np.moveaxis(sums[:, tile, :, :, group - here[0]], -1, 0)
            total = seen[group] + n
            with np.errstate(over="ignore", invalid="ignore"):  # told by `check_moments`
                mean, squares = first + away / n, square - away**2 / n
                gap = mean - out[..., 0, group]
                out[..., 0, group] += gap * (n / total)
                out[..., 1, group] += squares + gap**2 * (seen[group] * n / total)
            seen[group] = total
    return out
