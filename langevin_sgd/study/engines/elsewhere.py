"""A task in another process: what is sent there, and what is done with it.

A job is plain: the config as text, the task, and the models that it is measured on at its points. The process reads the
config once and keeps the study for the jobs that follow.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import xarray as xr

from langevin_sgd.cores import use
from langevin_sgd.errors import UserError
from langevin_sgd.laws.evaluate import known
from langevin_sgd.models.finished import sources_at
from langevin_sgd.models.grid import Grid
from langevin_sgd.progress import NullProgress
from langevin_sgd.study.config import Study
from langevin_sgd.study.plan import Task
from langevin_sgd.study.run_model import Surroundings, run_task

_SECONDS_BETWEEN_LOOKS = 0.5

# The settings of BLAS and torch are the process's: of two tasks in threads of one process one would undo the other's.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Job:
    """A task of the study that `config` says (JSON), with what it is measured on, to be run on `device`."""

    config: str
    task: Task
    sources: Mapping[str, xr.Dataset]
    device: str


def config_of(study: Study) -> str:
    """A study as it is sent."""
    return json.dumps(study.as_written())


def job(study: Study, config: str, task: Task, finished: Mapping[str, xr.Dataset], device: str) -> Job:
    """What has to be sent to run a task: of the models that are finished, what it is measured on at its own points."""
    grid = Grid(study, task.model)
    sources = sources_at(study, grid.block(task.start, task.stop), 0, finished)
    return Job(config, task, {name: source.load() for name, source in sources.items()}, device)


def work(given: Job) -> xr.Dataset:
    """Run the task of a job in this process; its block, as `run_task` makes it here.

    Raises `UserError` with the text of the one that was raised: it has to come home through a pipe.
    """
    study = _study(given.config)
    around = Surroundings(given.sources, known(study.laws), given.device, NullProgress())
    with _ONE_AT_A_TIME:
        try:
            return run_task(study, given.task, around)
        except UserError as error:
            raise UserError(error.render()) from None


@lru_cache(maxsize=4)
def _study(config: str) -> Study:
    return Study.model_validate(json.loads(config))


def begin_worker(parent: int, cores: int) -> None:
    """What a process that was started to work for another does first.

    It computes on its share of the `cores`, leaves signals of the terminal to the other
    process, and ends when that has ended, however it did.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use(cores)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch

    torch.set_num_threads(cores)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)
