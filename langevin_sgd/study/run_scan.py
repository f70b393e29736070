"""A scanned model of a study: task after task into its group of the store, until every point is done or has failed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.interruption import finishing
from langevin_sgd.laws.evaluate import RECORD, SILENT, recorded
from langevin_sgd.models.grid import Grid, block_shape
from langevin_sgd.observables import blocks
from langevin_sgd.observables.cpu_seconds import CPU_SECONDS, summed
from langevin_sgd.observables.declared import GIVEN_TEMPERATURE
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.scanned import SCAN, coordinates, dimensions, label
from langevin_sgd.observables.variable import merged
from langevin_sgd.storage.scan_fragments import Fragments
from langevin_sgd.storage.scan_group import ScanGroup
from langevin_sgd.storage.zarr_groups import write_root
from langevin_sgd.study import store
from langevin_sgd.study.config import Study
from langevin_sgd.study.engines.engine import Engine, Work
from langevin_sgd.study.engines.in_order import in_order
from langevin_sgd.study.plan import Task, tasks
from langevin_sgd.study.run_model import Surroundings
from langevin_sgd.study.scan_progress import ScanProgress

_OF_THE_WHOLE = (RECORD, SILENT, CPU_SECONDS)  # attributes that are of all points together


def run_scan(
    study: Study, name: str, around: Surroundings, run: store.RunDirectory | None, engine: Engine
) -> xr.Dataset:
    """Run what is missing of a scanned model; its Dataset with the scanned dimensions first.

    Every point has a `status` and an `error`. Without a run directory the group lies in a temporary one meanwhile.
    Asked to stop by a signal it ends with what is under way, and raises `KeyboardInterrupt`.
    """
    grid = Grid(study, name)
    with (
        opened(grid, run) as (group, kept),
        finishing("what is under way") as stop,
    ):

        def missing() -> Iterator[Task]:
            return (task for task in tasks(study, name, group.block) if not group.done(task.start, task.stop))

        counts = group.counts()
        shown = ScanProgress(around.progress, name, len(grid), done=counts["done"], failed=counts["failed"])
        to_run = (task for task in missing() if task.label not in kept)
        work = Work(study, to_run, around, stop, lambda _: around.finished, shown.task, shown.waiting)
        for task, block in shown.heard(in_order(missing(), shown.heard(engine.run(work)), kept)):
            store_block(group, task, block)
        pending = group.counts()["pending"]
        if pending and stop.asked:
            raise KeyboardInterrupt
        if pending:
            raise RuntimeError(f"{name}: the engine ended with {pending} points not run, although nobody asked it to")
        found = group.read()
        record = _together([group.attributes]) | summed([group.attributes])
        whole = {**blocks.shared_attributes(found), **record, **_kind(grid), "device": around.device, "status": "done"}
        if not (found[blocks.STATUS] == blocks.DONE).any():
            whole |= {"status": "failed", "error": faults(found.assign_attrs(status="done"))}
        group.finalize(whole)
        kept.clear()
        around.checkpoint.remove()  # of the last launch, which is stored
    return found.assign_attrs(whole)


def store_block(group: ScanGroup, task: Task, block: xr.Dataset) -> None:
    """Put the block of a task into its group, with what laws were asked."""
    told = _together([group.attributes, block.attrs])
    told |= summed([group.attributes, block.attrs])
    group.write(task.start, task.stop, blocks.with_attributes(block, _OF_THE_WHOLE), attrs=told)


def _together(attributes: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    """The records of the laws that were asked, in an order that does not hang on that of the blocks."""
    given = [xr.Dataset(attrs={RECORD: each[RECORD], SILENT: each[SILENT]}) for each in attributes if RECORD in each]
    attrs = recorded(xr.Dataset(), given).attrs if given else {}
    return {key: json.dumps(json.loads(text), sort_keys=True) for key, text in attrs.items()}


@contextmanager
def opened(grid: Grid, run: store.RunDirectory | None) -> Iterator[tuple[ScanGroup, Fragments]]:
    """The group of a model in the store of the run, or in a temporary one, and what waits to be put into it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data.zarr" if run is None else run.data
        marks = folder / "marks" if run is None else run.marks(grid.name)
        kept = Fragments(folder / "fragments") if run is None else run.fragments(grid.name)
        if run is None:
            write_root(data, {})
            scratch: AbstractContextManager[Path] = nullcontext(folder / "scratch")
        else:
            scratch = run.scratch()
        with scratch as under_way:
            group = ScanGroup.open(
                data,
                grid.name,
                marks=marks,
                axes=axes_of(grid),
                shape=grid.shape,
                block=block_shape(grid),
                common=grid.common(),
                attrs={**_kind(grid), "status": "unfinished"},
                scratch=under_way,
            )
            yield group, kept


def axes_of(grid: Grid) -> dict[str, xr.Variable]:
    """The coordinates along the scanned dimensions of a model."""
    return coordinates(grid.called, _declared(grid))


def placed(grid: Grid, task: Task, block: xr.Dataset, device: str) -> xr.Dataset:
    """The block of a task as the part of the model's Dataset that it is."""
    where = dict(zip(grid.dimensions, map(slice, task.start, task.stop), strict=True))
    axes = {name: axis.isel({dim: where[str(dim)] for dim in axis.dims}) for name, axis in axes_of(grid).items()}
    whole = blocks.with_attributes(block, _OF_THE_WHOLE).assign_coords(axes)
    return whole.assign_attrs({**_kind(grid), "device": device, "status": "done"})


def _kind(grid: Grid) -> dict[str, Any]:
    return {"kind": grid.study.models[grid.name].kind, SCAN: list(grid.dimensions)}


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
    named = {name: each.long_name for name, each in known.items()} | {"temperature": GIVEN_TEMPERATURE}
    told = {name: {"units": each.units, "long_name": named[name]} for name, each in known.items() if not each.dims}
    return xr.Dataset({name: ((), 0.0, attrs) for name, attrs in told.items()})
