"""A scanned model of a study: task after task into its group of the store, until every point is done or has failed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from langevin_sgd.laws.evaluate import RECORD, recorded
from langevin_sgd.models.grid import Grid, Place
from langevin_sgd.observables import blocks
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.scanned import SCAN, coordinates, dimensions, label
from langevin_sgd.observables.variable import merged
from langevin_sgd.progress import Progress
from langevin_sgd.study import store
from langevin_sgd.study.config import Study
from langevin_sgd.study.plan import tasks
from langevin_sgd.study.run_model import Surroundings, run_task


def run_scan(study: Study, name: str, around: Surroundings, run: store.RunDirectory | None) -> xr.Dataset:
    """Run a scanned model; its Dataset with the scanned dimensions first.

    Every point has a `status` and an `error`.
    """
    grid = Grid(study, name)
    parts: list[tuple[Place, xr.Dataset]] = []
    points = 0
    for task in tasks(study, name):
        progress = _Renamed(around.progress, name, f"{name}: point {points + 1:,} of {len(grid):,}")
        try:
            parts.append((task.start, run_task(study, task, replace(around, progress=progress))))
        except KeyboardInterrupt:
            around.checkpoint.save({"points": np.array(points)})
            raise
        points += len(task)
    data = blocks.assembled(parts, grid.dimensions, grid.shape).assign_coords(coordinates(grid.called, _declared(grid)))
    status = "done" if (data[blocks.STATUS] == blocks.DONE).any() else "failed"
    attrs = {"kind": study.models[name].kind, "status": status, "device": around.device, SCAN: list(grid.dimensions)}
    data = blocks.collapsed(data, grid.dimensions).assign_attrs(attrs)
    data = recorded(data, [part for _, part in parts if RECORD in part.attrs])
    if status == "failed":
        data.attrs["error"] = str(data[blocks.ERROR].values.flat[0])
    if run is not None:
        run.save_model(name, data)
    return data


def is_whole(study: Study, name: str, data: xr.Dataset) -> bool:
    """Whether a finished model has all points of its scan, which may have become longer."""
    return tuple(data.sizes[dim] for dim in dimensions(data)) == Grid(study, name).shape


def faults(data: xr.Dataset) -> str:
    """What went wrong with a model, in one line: with all of it, or at points of its scan; empty if nothing did."""
    status = str(data.attrs.get("status", "done"))
    if status in ("failed", "skipped"):
        return f"{status}: {data.attrs['error']}"
    if blocks.STATUS not in data:
        return ""
    failed = np.argwhere(data[blocks.STATUS].values == blocks.FAILED)
    if not len(failed):
        return ""
    where, error = label(data, failed[0]), str(data[blocks.ERROR].values[tuple(failed[0])])
    more = f" and at {len(failed) - 1:,} others" if len(failed) > 1 else ""
    return f"{len(failed):,} of {data[blocks.STATUS].size:,} points failed, at {where}{more}: {error}"


def without_data(kind: str, status: str, error: str) -> xr.Dataset:
    """What is kept of a model that failed, or was skipped."""
    return xr.Dataset(attrs={"kind": kind, "status": status, "error": error})


def _declared(grid: Grid) -> xr.Dataset:
    """Units and names of what the model may emit, of which scanned numbers are some."""
    known = merged(ENSEMBLE, grid.study.models[grid.name].declares())
    told = {name: {"units": each.units, "long_name": each.long_name} for name, each in known.items() if not each.dims}
    return xr.Dataset({name: ((), 0.0, attrs) for name, attrs in told.items()})


class _Renamed:
    """A display to which the task of a launch is one of many: called by the point that it is at."""

    def __init__(self, progress: Progress, name: str, label: str) -> None:
        self._progress, self._name, self._label = progress, name, label
        self.update, self.message = progress.update, progress.message
        self.notice, self.close = progress.notice, progress.close

    def begin(self, task: str, unit: str = "steps") -> None:
        """Say at which point the work is done."""
        inner = task.removeprefix(self._name).lstrip(": ")
        self._progress.begin(f"{self._label}: {inner}" if inner else self._label, unit)
