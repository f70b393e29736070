"""Which tasks of a study are whose, if several processes share it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langevin_sgd.errors import UserError
from langevin_sgd.models import lineage
from langevin_sgd.models.finished import entries_of
from langevin_sgd.models.grid import Grid, Place
from langevin_sgd.study.config import Study
from langevin_sgd.study.plan import Task, tasks


@dataclass(frozen=True)
class Shard:
    """One of `count` processes, by its number from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, number: int) -> Shard:
        """Another one of them."""
        return Shard(number, self.count)


def shard(given: str | tuple[int, int]) -> Shard:
    """What is meant by "2/3", or (2, 3). Raises `UserError` if that is no shard."""
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", given) if isinstance(given, str) else None
    pair: tuple[Any, ...] = tuple(map(int, found.groups())) if found else given if isinstance(given, tuple) else ()
    if len(pair) != 2 or not all(type(each) is int for each in pair) or not 1 <= pair[0] <= pair[1]:
        raise UserError(f"shard: expected I/N with I from 1 to N, such as 2/3 for the second of three, got {given!r}")
    return Shard(*pair)


@dataclass(frozen=True)
class Shares:
    """The tasks of a study and whose they are; `blocks` are the shapes of blocks of its scanned models."""

    study: Study
    shard: Shard
    blocks: Mapping[str, Place]

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """The points of every model."""
        return {name: Grid(self.study, name) for name in self.study.models}

    def scanned(self, name: str) -> bool:
        """Whether a model is scanned."""
        return name in self.blocks

    def tasks(self, name: str) -> Iterator[Task]:
        """All tasks of a model, in their order; one of a model that is not scanned."""
        return tasks(self.study, name, self.blocks.get(name, ()))

    def mine(self, name: str) -> Iterator[Task]:
        """The tasks of a model that are those of this shard."""
        return (task for task in self.tasks(name) if self.owner(task) == self.shard.number)

    def task_at(self, name: str, place: Place) -> Task:
        """The task of which a point is one."""
        shape, block = self.grids[name].shape, self.blocks.get(name, ())
        start = tuple(each // size * size for each, size in zip(place, block, strict=True))
        stop = (min(first + size, length) for first, size, length in zip(start, block, shape, strict=True))
        return Task(name, start, tuple(stop))

    def place_of(self, source: str, task: Task) -> Place:
        """The point of a source on which a task is measured: the same for all of its points."""
        if not self.scanned(source):
            return ()
        grid = self.grids[task.model]
        return tuple(entries_of(self.study, grid.points, grid.flat(task.start), source))

    def owner(self, task: Task) -> int:
        """The number of the shard to which a task belongs."""
        if not self.scanned(task.model):
            return 1
        leader = self._leader(task.model)
        if leader is not None:
            return self.owner(self.task_at(leader, self.place_of(leader, task)))
        number = 0
        for first, size, length in zip(task.start, self.blocks[task.model], self.grids[task.model].shape, strict=True):
            number = number * -(-length // size) + first // size
        return number % self.shard.count + 1

    def shared(self, name: str) -> bool:
        """Whether several shards may need a task of a model: it is not scanned, or other models follow another one."""
        if not self.scanned(name):
            return True
        led = [other for other in self.blocks if name in lineage.sources(self.study, other)]
        return any(self._leader(other) != name for other in led)

    def said(self, tasks: list[Task]) -> str:
        """Tasks in words: how many of which models, and whose."""
        counts = Counter((task.model, self.owner(task)) for task in tasks)
        told: dict[str, list[str]] = {}
        for (name, number), count in counts.items():
            launches = f"{count:,} launch{'es' if count > 1 else ''} of " if self.scanned(name) else ""
            told.setdefault(name, []).append(f"{launches}shard {self.shard.of(number)}")
        return "; ".join(f"{name}: {', '.join(parts)}" for name, parts in told.items())

    def _leader(self, name: str) -> str | None:
        """The model whose tasks those of another follow: the first scanned one that it is measured on."""
        return next((source for source in lineage.sources(self.study, name) if self.scanned(source)), None)
