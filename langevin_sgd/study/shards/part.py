"""What one of several processes does of a run: its own tasks, and what they are measured on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import xarray as xr

from langevin_sgd.interruption import Stop, finishing
from langevin_sgd.models import lineage
from langevin_sgd.models.grid import Grid, Place
from langevin_sgd.observables import blocks
from langevin_sgd.observables.scanned import at, dimensions
from langevin_sgd.progress import Forecast
from langevin_sgd.storage.checkpoint import Checkpoint
from langevin_sgd.storage.scan_fragments import Fragments
from langevin_sgd.storage.zarr_groups import read_group
from langevin_sgd.study import run_state, store
from langevin_sgd.study.config import Study
from langevin_sgd.study.engines.engine import Engine, Work
from langevin_sgd.study.plan import Task
from langevin_sgd.study.run_model import Surroundings, run_task
from langevin_sgd.study.run_scan import opened, placed
from langevin_sgd.study.scan_progress import ScanProgress
from langevin_sgd.study.shards.shares import Shard, Shares

_SECONDS_BETWEEN_LOOKS = 0.2

WHOLE = "whole"
"""The label of the result of a model that is not scanned."""

Single = Callable[[Study, str, Surroundings], xr.Dataset]
"""What runs a model that is not scanned: its Dataset, with a status."""


def label(task: Task) -> str:
    """What the result of a task is kept as."""
    return task.label or WHOLE


def take_part(
    study: Study,
    shard: Shard,
    path: Path,
    *,
    config: str,
    around: Callable[[str], Surroundings],
    single: Single,
    engine: Engine,
) -> Shares:
    """Run the tasks of a shard that are neither in the store nor kept as fragments, and keep them; whose all are.

    `config` is the resolved one, and `around` says what each model is run with. Raises `StoreError` if the directory is
    not that of a run of this config, or if another process runs this shard of it; `KeyboardInterrupt` if it was asked
    to stop.
    """
    run = store.prepare(path, config=config, together=True)
    lock = None
    try:
        try:
            lock = run_state.take_shard(path, str(shard))
            blocks_of: dict[str, Place] = {}
            for name in lineage.order(study):
                if lineage.scanned(study, name):
                    with opened(Grid(study, name), run) as (group, _):
                        blocks_of[name] = group.block
        finally:
            run.close()
        part = _Part(Shares(study, shard, blocks_of), path, around, single)
        for name in lineage.order(study):
            part.run(name, engine)
    finally:
        if lock is not None:
            lock.release()
    return part.shares


@dataclass
class _Part:
    shares: Shares
    path: Path
    around: Callable[[str], Surroundings]
    single: Single
    stop: Stop = field(default_factory=Stop)
    _last: dict[tuple[str, str], xr.Dataset] = field(default_factory=dict)

    def run(self, name: str, engine: Engine) -> None:
        """Run the tasks of a model that are this shard's, and keep them."""
        shares, kept, stored = self.shares, self._fragments(name), self._stored(name)

        def missing() -> Iterator[Task]:
            return (
                task for task in shares.mine(name) if label(task) not in kept and not _has(stored, task, shares, name)
            )

        if next(missing(), None) is None:
            return
        for source in lineage.sources(shares.study, name):
            if not shares.scanned(source):  # before a signal only asks for an end: it may take long
                self._obtained(source, ())
        if shares.shared(name):
            for task in missing():
                self._obtained(name, task.start)
            return
        own = self._surroundings(name, self._folder() / f"{name}.npz")
        with finishing("what is under way") as self.stop:
            shown = ScanProgress(own.progress, name, sum(map(len, missing())), title=f"{name} (shard {shares.shard})")
            work = Work(shares.study, missing(), own, self.stop, self._sources, shown.task, shown.waiting)
            for task, block in shown.heard(engine.run(work)):
                kept.put(label(task), block)
            if self.stop.asked:
                raise KeyboardInterrupt

    def _sources(self, task: Task) -> Mapping[str, xr.Dataset]:
        """The models that a task is measured on, at its points."""
        sources = lineage.sources(self.shares.study, task.model)
        return {source: self._obtained(source, self.shares.place_of(source, task)) for source in sources}

    def _obtained(self, name: str, place: Place) -> xr.Dataset:
        """A point of a model, or all of one that is not scanned: computed here if nobody has, or is about to."""
        task, waiting = self.shares.task_at(name, place), False
        while (found := self._found(task, place)) is None:
            folder = run_state.claim(self.path, f"{name}.{label(task)}")
            lock = run_state.take_claim(folder)
            if lock is not None:
                try:
                    if self._found(task, place) is None:
                        self._compute(task, folder / "state.npz")
                finally:
                    lock.release()
                continue
            if self.stop.asked:
                raise KeyboardInterrupt
            if not waiting:
                self.around(name).progress.message(f"{name}: another shard computes it; waiting for that")
                waiting = True
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return found

    def _compute(self, task: Task, state: Path) -> None:
        """Run a task in this process, and keep it."""
        around = replace(self._surroundings(task.model, state), finished=self._sources(task))
        if self.shares.scanned(task.model):
            found = run_task(self.shares.study, task, around)
        else:
            found = self.single(self.shares.study, task.model, around)
        self._fragments(task.model).put(label(task), found)
        around.checkpoint.remove()

    def _found(self, task: Task, place: Place) -> xr.Dataset | None:
        """A point of a task that is kept or stored; None if there is none."""
        key = (task.model, label(task))
        if key not in self._last:
            whole = self._fragments(task.model).get(label(task))  # before the store, into which it may be put meanwhile
            if whole is None:
                stored = self._stored(task.model)
                if stored is None or not _has(stored, task, self.shares, task.model):
                    return None
                return at(stored, place).load() if dimensions(stored) else stored.load()
            if self.shares.scanned(task.model):
                whole = placed(self.shares.grids[task.model], task, whole, self.around(task.model).device)
            self._last = {each: data for each, data in self._last.items() if not dimensions(data)}
            self._last[key] = whole
        whole = self._last[key]
        inside = [each - first for each, first in zip(place, task.start, strict=True)]
        return at(whole, inside) if dimensions(whole) else whole

    def _surroundings(self, name: str, state: Path) -> Surroundings:
        around = self.around(name)
        told = Forecast(around.progress, name)
        told.begin(name)
        landmarks = Checkpoint(self._folder() / f"{store.LANDMARKS}.npz")
        return replace(around, progress=told, checkpoint=Checkpoint(state), landmarks=landmarks)

    def _folder(self) -> Path:
        return run_state.shard(self.path, str(self.shares.shard))

    def _fragments(self, name: str) -> Fragments:
        return Fragments(run_state.fragments(self.path, name))

    def _stored(self, name: str) -> xr.Dataset | None:
        """What is in the store of a model, to be read when it is used."""
        if not (self.path / store.DATA / name).is_dir():
            return None
        found = read_group(self.path / store.DATA, name, load=False)
        if self.shares.scanned(name):
            found[blocks.STATUS].load()
        return found


def _has(stored: xr.Dataset | None, task: Task, shares: Shares, name: str) -> bool:
    """Whether all of a task is in the store, be it done or failed."""
    if stored is None:
        return False
    if not shares.scanned(name):
        return True
    names = shares.grids[name].dimensions
    inside = {dim: slice(first, last) for dim, first, last in zip(names, task.start, task.stop, strict=True)}
    return bool((stored[blocks.STATUS].isel(inside).values != blocks.PENDING).all())
