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

from langevin_sgd.models.grid import Grid, Place, block_shape
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


def launches(grid: Grid) -> int:
    """The number of tasks of a model."""
    block = block_shape(grid)
    return math.prod(-(-length // size) for length, size in zip(grid.shape, block, strict=True))


def tasks(study: Study, name: str, block: tuple[int, ...]) -> Iterator[Task]:
    """The tasks of a model, in blocks of this shape, those of the last axis first; one of one point without a scan."""
    shape = Grid(study, name).shape
    for start in itertools.product(*(range(0, length, size) for length, size in zip(shape, block, strict=True))):
        stop = (min(first + size, length) for first, size, length in zip(start, block, shape, strict=True))
        yield Task(name, start, tuple(stop))
