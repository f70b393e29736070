"""How long a model will take, measured before it runs: small pieces of a few of its launches are run and timed.

A launch takes a time that it takes in any case, and for each of the numbers that its kind names in `work` (steps,
recorded times, ...) one that grows with it in proportion. The first is that of a piece in which all of them are small,
the others follow from pieces in which one of them is larger. What the first piece takes more than the same one when it
is run again is spent once: imports, compiling. Pieces of a model are begun until it has had its time (`BUDGET`); what
they have not told by then is said.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr
from pydantic import ValidationError

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models import lineage
from langevin_sgd.models.grid import Grid, block_shape
from langevin_sgd.observables.scanned import at, dimensions
from langevin_sgd.progress import NullProgress
from langevin_sgd.study.config import Study, put
from langevin_sgd.study.engines.engine import Here
from langevin_sgd.study.plan import Task, launches
from langevin_sgd.study.run_model import Surroundings, run_model
from langevin_sgd.study.run_scan import faults, run_scan

LAUNCHES = 3
"""Most launches of a model that are probed: the first, the last, and one in the middle."""
POINTS = 128
"""Most points of a launch in a piece of it."""
SMALL = 32
"""Of steps, recorded times and the like in the smallest piece."""
PATIENCE = 20.0
"""Seconds after which a piece is given up, `AT_FIRST` times as many for what is spent once."""
AT_FIRST = 3
BUDGET = 10.0
"""Seconds of a model, from the end of its first piece, after which no other piece of it is begun, but for the second
and one with more of the first of its numbers, without which nothing is known.
"""

_GROWTH, _GROWTH_OF_LONG = 4, 16  # of pieces of which many can be run, and of those that take more than `_LONG` seconds
_LONG = 1.0
_MEASURABLE = 0.4  # seconds, and this part of the smallest piece, by which a larger piece takes longer


@dataclass(frozen=True)
class Probed:
    """The seconds of a model, and what a piece emitted, of one point.

    `note` says why they are NaN if it could not be probed, and what they do not hold if there was no time for it.
    """

    seconds: float
    note: str = ""
    data: xr.Dataset | None = None


def probed(study: Study, name: str, around: Surroundings) -> Probed:
    """The time that a model will take, in this process; `around.finished` has pieces of what it is measured on."""
    lost = [source for source in lineage.sources(study, name) if source not in around.finished]
    if lost:
        return _unknown(f"{', '.join(lost)} could not be, and it is measured on it")
    grid = Grid(study, name)
    count = launches(grid)
    chosen = np.unique(np.linspace(0, count - 1, min(count, LAUNCHES)).round().astype(int)).tolist()
    found: list[_Launch] = []
    try:
        for number in chosen:
            if not found or time.monotonic() < found[0].end:
                found.append(_launch(grid, task_of(grid, number), around, found[0].end if found else None))
    except _OutOfPatience:
        if not found:
            return _unknown(f"a small piece of it takes more than {PATIENCE:g} s")
    except ValidationError as error:
        return _unknown(f"a small piece of it cannot be run: {error.errors()[0]['msg']}")
    except (UserError, Diverged) as error:
        return _unknown(f"a small piece of it cannot be run: {error}".splitlines()[0])
    if any(not each.work for each in found):
        return _unknown("its kind does not say what its time grows with", found[0].data)
    again = max((each.once for each in found[1:]), default=0.0) * (_searches(grid) - 1)
    whole = [each for each in found if not each.left] or found[:1]
    seconds = found[0].once + again + count * float(np.mean([each.seconds for each in whole]))
    left = [what.replace("_", " ") for what in whole[0].left]
    left += [f"the first time of each of {count} launches"] if len(found) == 1 < _searches(grid) else []
    lacking = f"time does not count {', '.join(left)}" if left else "time is a guess"
    told = bool(left) or any(each.rough for each in whole)
    note = f"{lacking}: measuring it stopped after {BUDGET:g} s" if told else ""
    return Probed(seconds, note, found[0].data)


def _unknown(why: str, data: xr.Dataset | None = None) -> Probed:
    return Probed(math.nan, f"not probed: {why}", data)


def task_of(grid: Grid, number: int) -> Task:
    """One of the tasks of a model, by its number."""
    block = block_shape(grid)
    start = []
    for length, size in reversed(list(zip(grid.shape, block, strict=True))):
        number, entry = divmod(number, -(-length // size))
        start.append(entry * size)
    first = tuple(reversed(start))
    stop = (min(begin + size, length) for begin, size, length in zip(first, block, grid.shape, strict=True))
    return Task(grid.name, first, tuple(stop))


def _searches(grid: Grid) -> int:
    """How many launches differ in what the kind has in common for many points, and finds once."""
    if not grid.study.models[grid.name].COMMON:
        return 1
    distinct, together = grid.distinct(), math.prod(block_shape(grid))
    return max(1, distinct // together)


@dataclass(frozen=True)
class _Launch:
    """What one launch takes whenever it is run, and what the first time beside; `left`: the work not looked at.

    It is `rough` where larger pieces did not take noticeably longer, and there was no time for still larger ones. No
    piece is to be begun after `end` (seconds of `time.monotonic`).
    """

    seconds: float
    once: float
    work: Mapping[str, int]
    left: Sequence[str]
    rough: bool
    end: float
    data: xr.Dataset | None


def _launch(grid: Grid, task: Task, around: Surroundings, end: float | None) -> _Launch:
    few = _fewer(task)
    piece = _Piece(grid, few, around)
    whole = piece.study({})
    work = dict(whole.models[grid.name].work(whole, grid.name))
    small = {what: min(number, SMALL) for what, number in work.items()}
    first, data = piece.run(small, AT_FIRST * PATIENCE)
    end = time.monotonic() + BUDGET if end is None else end
    least, _ = piece.run(small)
    if time.monotonic() < end:
        least = min(least, piece.run(small)[0])  # others on the machine make a piece slower, never faster
    seconds, left, rough = least, [], False
    reached, enough = piece.work(small), _MEASURABLE * (1.0 + least)
    begun = 0
    for what, number in work.items():
        larger, longer = small[what], least
        while larger < number and longer - least < enough and (time.monotonic() < end or begun == 0):
            begun += 1
            larger = min(number, (_GROWTH_OF_LONG if least > _LONG else _GROWTH) * larger)
            longer = piece.best({**small, what: larger}, worth=least + enough, end=end, patience=least + BUDGET / 2)
        if number > small[what] == larger or math.isnan(longer):
            left.append(what)
        elif larger > small[what]:
            rough |= larger < number and longer - least < enough
            more = piece.work({**small, what: larger})[what] - reached[what]
            seconds += max(0.0, longer - least) * (number - reached[what]) / max(1, more)
    return _Launch(seconds * len(task) / len(few), max(0.0, first - least), work, left, rough, end, data)


def _fewer(task: Task) -> Task:
    """The first points of a task, no more than `POINTS`."""
    left, stop = POINTS, []
    for first, length in zip(reversed(task.start), reversed(task.shape), strict=True):
        taken = min(length, left)
        left = max(1, left // taken)
        stop.append(first + taken)
    return Task(task.model, task.start, tuple(reversed(stop)))


@dataclass(frozen=True)
class _Piece:
    """Some points of a launch, to be run with less work."""

    grid: Grid
    task: Task
    around: Surroundings

    def study(self, changes: Mapping[str, Any]) -> Study:
        """The model, and what it is measured on, at these points, with other values of its own keys."""
        grid, name = self.grid, self.grid.name
        values: dict[KeyPath, Any] = {}
        scan: dict[str, Any] = {}
        for axis, first, stop in zip(grid.axes, self.task.start, self.task.stop, strict=True):
            if stop - first == 1:
                values |= axis.overrides(first)
                continue
            columns = {key: list(column[first:stop]) for key, column in zip(axis.keys, axis.columns, strict=True)}
            scan |= {axis.name: {"zip": columns}} if axis.grouped else columns
        values |= {("models", name, key): value for key, value in changes.items()}
        written = grid.study.as_written(without=("scan", "checks"))
        kept = (*lineage.ancestors(grid.study, name), name)
        written["models"] = {each: model for each, model in written["models"].items() if each in kept}
        for path, value in values.items():
            put(written, path, value)
        return Study.model_validate({**written, "scan": scan})

    def work(self, work: Mapping[str, int]) -> Mapping[str, int]:
        """How much work it is found to be."""
        study = self._with(work)
        return study.models[self.grid.name].work(study, self.grid.name)

    def _with(self, work: Mapping[str, int]) -> Study:
        whole = self.study({})
        return self.study(whole.models[self.grid.name].shorter(whole, self.grid.name, work))

    def run(self, work: Mapping[str, int], patience: float | None = None) -> tuple[float, xr.Dataset | None]:
        """Seconds of a run with this work, and what it emitted at the first point."""
        study, name = self._with(work), self.grid.name
        around = replace(self.around, progress=_Patience(PATIENCE if patience is None else patience))
        began = time.perf_counter()
        if lineage.scanned(study, name):
            data = run_scan(study, name, around, None, Here())
        else:
            data = run_model(study, name, around)
        seconds = time.perf_counter() - began
        if data.attrs.get("status", "done") != "done":
            raise UserError(faults(data))
        first = at(data, [0] * len(dimensions(data))) if dimensions(data) else data
        return seconds, first.assign_attrs(kind=study.models[name].kind, status="done", device=around.device)

    def best(self, work: Mapping[str, int], *, worth: float, end: float, patience: float) -> float:
        """Seconds of a run with this work, of the shorter of two if the first takes as long as is `worth` it, in time.

        One that is given up would have taken as long as the rest of it in proportion, NaN if it had not begun.
        """
        try:
            seconds, _ = self.run(work, patience)
            return seconds if seconds < worth or time.monotonic() >= end else min(seconds, self.run(work, patience)[0])
        except _OutOfPatience as given_up:
            return given_up.seconds


class _OutOfPatience(Exception):
    """A piece takes too long; `seconds` is what it would have taken, NaN if that is not known."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


@dataclass
class _Patience(NullProgress):
    """A display on which a run is given up that takes too long."""

    patience: float
    began: float = field(default_factory=time.monotonic)
    task: float = field(default_factory=time.monotonic)

    def begin(self, task: str, unit: str = "steps") -> None:
        """Look at the clock."""
        self.task = time.monotonic()
        self.update(0.0, 1.0)

    def update(self, done: float, total: float) -> None:
        """Look at the clock."""
        now = time.monotonic()
        if now - self.began > self.patience:
            whole = (now - self.task) * total / done if done > 0 else math.nan
            raise _OutOfPatience(self.task - self.began + whole)
