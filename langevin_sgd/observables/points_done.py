"""How much of a scan is there: the points that are done, that failed and that are still to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from langevin_sgd.observables.blocks import DONE, ERROR, FAILED, STATUS
from langevin_sgd.observables.scanned import SCAN, dimensions, label

FAILURES_TOLD = 16
"""Most failed points of a model that are told one by one; the others are counted, and stand in its `error`."""


@dataclass(frozen=True)
class PointsDone:
    """Counts over one scan, with the label and the error of the first points that failed, in the order of the grid."""

    total: int
    done: int
    failures: int
    failed: tuple[tuple[str, str], ...] = ()

    @property
    def pending(self) -> int:
        """Points that have not been run."""
        return self.total - self.done - self.failures

    @property
    def whole(self) -> bool:
        """Whether every point is done."""
        return self.done == self.total

    def said(self) -> str:
        """The counts in words: `20 of 24 points done, 1 failed (learning_rate=1: diverged ...), 3 pending`."""
        parts = [f"{self.done:,} of {self.total:,} points done"]
        if self.failures:
            label, error = self.failed[0]
            first = "" if self.failures == 1 else "first "
            parts.append(f"{self.failures:,} failed ({first}{label}: {error})")
        if self.pending:
            parts.append(f"{self.pending:,} pending")
        return ", ".join(parts)


def points_done(dataset: xr.Dataset) -> PointsDone | None:
    """The counts of a scanned model; None of one that is not scanned. A scan without a `status` has all its points."""
    names = dimensions(dataset)
    if not names:
        return None
    total = int(np.prod([dataset.sizes[name] for name in names]))
    if STATUS not in dataset.variables:
        return PointsDone(total, total, 0)
    status = dataset[STATUS].transpose(*names).values
    failed = np.argwhere(status == FAILED)
    told = []
    for index in failed[:FAILURES_TOLD]:
        error = dataset[ERROR].transpose(*names).values[tuple(index)]
        told.append((label(dataset, index.tolist()), " ".join(str(error).split())))
    return PointsDone(total, int((status == DONE).sum()), len(failed), tuple(told))


def done_along(line: xr.Dataset, along: str) -> xr.Dataset:
    """The points that are done of those along one dimension."""
    return line.isel({along: line[STATUS].values == DONE}) if STATUS in line.variables else line


def partly(dataset: xr.Dataset, at: Mapping[str, int]) -> str:
    """What the points of a scan at these entries of some of its dimensions are called: "batch_size=16"."""
    along = {(name,) for name in at}
    coords = {name: each.variable for name, each in dataset.coords.items() if each.dims in along}
    return label(xr.Dataset(coords=coords, attrs={SCAN: list(at)}), list(at.values()))
