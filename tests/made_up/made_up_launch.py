"""One launch of a model, at all points of its scan or at the only one, as tests stop and follow it."""

from __future__ import annotations

from typing import Any

import xarray as xr

from langevin_sgd.laws.evaluate import known
from langevin_sgd.models.grid import Grid
from langevin_sgd.progress import NullProgress
from langevin_sgd.study.config import Study
from langevin_sgd.study.plan import Task
from langevin_sgd.study.run_model import Surroundings, run_model, run_task


def launched(study: Study, name: str, *, sources: Any = None, progress: Any = None, checkpoint: Any) -> xr.Dataset:
    """What `run_model` gives, or `run_task` of all points at once."""
    around = Surroundings(sources or {}, known(study.laws), "cpu", progress or NullProgress(), checkpoint)
    shape = Grid(study, name).shape
    return run_task(study, Task(name, (0,) * len(shape), shape), around) if shape else run_model(study, name, around)
