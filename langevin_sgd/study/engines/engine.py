"""An engine runs the tasks of a scanned model and gives back their blocks as they are ready.

They are written in the order of the tasks (`in_order`) by the one process that holds the lock of the run, so what is in
the store does not hang on the engine. Models that are not scanned run in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import xarray as xr

from langevin_sgd.interruption import Stop
from langevin_sgd.progress import Progress
from langevin_sgd.study.config import Study
from langevin_sgd.study.plan import Task
from langevin_sgd.study.run_model import Surroundings, run_task


@dataclass(frozen=True)
class Work:
    """The tasks of one model that are to be run, with what they are run with.

    `finished(task)` are the models that are finished, those that a task is measured on whole or at its very points.
    `following(task)` is the display for a task that runs in this process, and `waiting()` is called now and then while
    others run them. Once `stop` is asked for no task is begun.
    """

    study: Study
    tasks: Iterable[Task]
    around: Surroundings
    stop: Stop
    finished: Callable[[Task], Mapping[str, xr.Dataset]]
    following: Callable[[Task], Progress]
    waiting: Callable[[], object]


class Engine(Protocol):
    """What runs tasks."""

    def run(self, work: Work) -> Iterator[tuple[Task, xr.Dataset]]:
        """Every task with its block as `run_task` makes it, as they are ready; fewer if asked to stop.

        Raises `UserError` if the tasks cannot be run there.
        """

    def close(self, *, at_once: bool = False) -> None:
        """End what was started for the tasks, without waiting for those that are under way if `at_once`."""


class Here:
    """This process, task after task, which keeps the state of a task in the checkpoint of the run."""

    def run(self, work: Work) -> Iterator[tuple[Task, xr.Dataset]]:
        """One task after the other."""
        for task in work.tasks:
            if work.stop.asked:
                return
            around = replace(work.around, finished=work.finished(task), progress=work.following(task))
            yield task, run_task(work.study, task, around)
            work.around.checkpoint.remove()

    def close(self, *, at_once: bool = False) -> None:
        """Nothing was started."""
