"""What shards have kept is put into the store, in the order of the tasks."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

from langevin_sgd.models import lineage
from langevin_sgd.storage.zarr_groups import read_group
from langevin_sgd.study import store
from langevin_sgd.study.engines.in_order import in_order
from langevin_sgd.study.plan import Task
from langevin_sgd.study.run_scan import opened, store_block
from langevin_sgd.study.shards.part import WHOLE
from langevin_sgd.study.shards.shares import Shares


@dataclass(frozen=True)
class Gathered:
    """The tasks that nobody has run yet, and the models without a scan that failed or were skipped."""

    missing: list[Task]
    lost: dict[str, xr.Dataset]


def gather(run: store.RunDirectory, shares: Shares) -> Gathered:
    """Store what there is of a run; used by the process that holds its lock."""
    missing: list[Task] = []
    lost: dict[str, xr.Dataset] = {}
    for name in lineage.order(shares.study):
        if not shares.scanned(name):
            data = _whole(run, name)
            if data is None:
                missing += shares.tasks(name)
            elif data.attrs["status"] != "done":
                lost[name] = data
            continue
        with opened(shares.grids[name], run) as (group, kept):
            pending = [task for task in shares.tasks(name) if not group.done(task.start, task.stop)]
            for task, block in in_order(pending, iter(()), kept):
                store_block(group, task, block)
            missing += [task for task in pending if not group.done(task.start, task.stop) and task.label not in kept]
    return Gathered(missing, lost)


def _whole(run: store.RunDirectory, name: str) -> xr.Dataset | None:
    """A model that is not scanned, stored now if it was not before; None if nobody has run it."""
    if (run.data / name).is_dir():
        return read_group(run.data, name, load=True)
    data = run.fragments(name).get(WHOLE)
    if data is not None:
        run.save_model(name, data)
        run.fragments(name).clear()
    return data
