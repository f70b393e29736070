"""What is run at once: a scan in tasks, each a block of points of one model that goes through one launch.

A block is a range of positions along every axis. Along an axis whose keys the model takes a number of for each member
(`ModelSection.FUSED`) a block may hold several points; along any other, and along one that reaches the model through
what it is measured on, one. A task is also one region of the store, and what is done again after a crash.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from langevin_sgd.config.axis import Axis
from langevin_sgd.models import lineage
from langevin_sgd.models.grid import Grid, Place, within
from langevin_sgd.study.config import Study


@dataclass(frozen=True)
class Task:
    """The points of one model from `start` to before `stop` along every axis."""

    model: str
    start: Place
    stop: Place

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points along every axis."""
        return tuple(last - first for first, last in zip(self.start, self.stop, strict=True))

    def __len__(self) -> int:
        return math.prod(self.shape)

    @property
    def label(self) -> str:
        """The block in the names of files: `0-3_2-3`."""
        return "_".join(f"{first}-{last}" for first, last in zip(self.start, self.stop, strict=True))

    def parts(self) -> tuple[Task, Task]:
        """The same points in order in two tasks: halves along the first axis that has several."""
        along = next(axis for axis, length in enumerate(self.shape) if length > 1)
        middle = (self.start[along] + self.stop[along]) // 2
        stop, start = list(self.stop), list(self.start)
        stop[along] = start[along] = middle
        return Task(self.model, self.start, tuple(stop)), Task(self.model, tuple(start), self.stop)


def tasks(study: Study, name: str, block: tuple[int, ...]) -> Iterator[Task]:
    """The tasks of a model, in blocks of this shape, those of the last axis first; one of one point without a scan."""
    shape = Grid(study, name).shape
    for start in itertools.product(*(range(0, length, size) for length, size in zip(shape, block, strict=True))):
        stop = (min(first + size, length) for first, size, length in zip(start, block, shape, strict=True))
        yield Task(name, start, tuple(stop))


def block_shape(grid: Grid) -> tuple[int, ...]:
    """How many points along every axis of a model go together."""
    most = grid.study.models[grid.name].points_at_once(grid.study, grid.name)
    sizes = [1] * len(grid.shape)
    for along in reversed(range(len(sizes))):
        if fused(grid, grid.axes[along]):
            sizes[along] = min(grid.shape[along], max(1, most // math.prod(sizes)))
    return tuple(sizes)


def fused(grid: Grid, axis: Axis) -> bool:
    """Whether the points of one launch may differ along an axis."""
    study, name = grid.study, grid.name
    reached = {
        key for source in lineage.sources(study, name) for other in lineage.scanned(study, source) for key in other.keys
    }
    own = (f"models.{name}.", "sgd.")
    return all(
        key not in reached and key.startswith(own) and any(within(name, key, each) for each in study.models[name].FUSED)
        for key in axis.keys
    )
