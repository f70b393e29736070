"""Reductions in numpy, for the backends that have none of their own inside a kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.integrators.finiteness import Faults
from langevin_sgd.integrators.problem import Problem, Reductions


class Recording:
    """Fills a run's reductions record by record."""

    def __init__(self, problem: Problem) -> None:
        q, records = problem.quantities, problem.record_steps.size
        self.quantities = q
        self.groups = problem.groups
        self.count = problem.group_count
        self.members = np.bincount(problem.groups, minlength=self.count)
        self.size = problem.numbers.size
        self.faults = Faults.none(problem)
        self.kept = Reductions(
            np.zeros((records, len(q.each), self.size)),
            np.zeros((records, len(q.means), 2, self.count)),
            [np.zeros((records, self.count, bins + 2), np.int64) for _, _, bins in q.edges],
        )

    def put(self, record: int, rows: Sequence[NDArray[Any]], positions: Callable[[], NDArray[Any]]) -> None:
        """Reduce the quantities, one row each, at that record.

        `positions()` (d, N) is asked for where a quantity is not finite; it is counted as a fault, and as zero.
        """
        seen = [np.broadcast_to(np.asarray(row, dtype=np.float64), self.size) for row in rows]
        for q, numbers in enumerate(seen):
            bad = ~np.isfinite(numbers)
            if bad.any():
                whole = np.isfinite(positions()).all(axis=0)
                self.faults.counts[record, q] = np.count_nonzero(bad & whole), np.count_nonzero(bad & ~whole)
                self.faults.first[record, q] = np.flatnonzero(bad)[0]
                self.faults.groups[self.groups[bad]] = True
                seen[q] = np.where(bad, 0.0, numbers)
        for q, row in enumerate(self.quantities.each):
            self.kept.values[record, q] = seen[row]
        for q, row in enumerate(self.quantities.means):
            with np.errstate(over="ignore", invalid="ignore"):  # told by `check_moments`
                mean = np.bincount(self.groups, seen[row], self.count) / self.members
                squares = (seen[row] - mean[self.groups]) ** 2
            self.kept.moments[record, q] = mean, np.bincount(self.groups, squares, self.count)
        for q, (row, (low, high, bins)) in enumerate(
            zip(self.quantities.histograms, self.quantities.edges, strict=True)
        ):
            place = np.clip(np.floor((seen[row] - low) * (bins / (high - low))), -1, bins).astype(np.int64) + 1
            flat = np.bincount(self.groups * (bins + 2) + place, minlength=self.count * (bins + 2))
            self.kept.counts[q][record] = flat.reshape(self.count, bins + 2)
