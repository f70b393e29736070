"""Running a model of a study, of whatever kind: each kind says in its config which function runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import xarray as xr

from langevin_sgd import out_of_memory
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws import Law
from langevin_sgd.laws.block import evaluated_block
from langevin_sgd.laws.evaluate import evaluated, recorded, with_answers
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.finished import PointsOfBlock, law_points, sources_at
from langevin_sgd.models.grid import Grid
from langevin_sgd.models.points import Points
from langevin_sgd.observables import blocks
from langevin_sgd.observables.cpu_seconds import summed
from langevin_sgd.observables.scanned import POINT, each_point
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.progress import Progress
from langevin_sgd.storage.checkpoint import Checkpointing, NoCheckpoint
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.study.config import Study
from langevin_sgd.study.plan import Task


@dataclass(frozen=True)
class Surroundings:
    """What a task is run with beside the study: what has finished, where it runs, who hears of it, what is kept."""

    finished: Mapping[str, xr.Dataset]
    laws: Sequence[Law]
    device: str
    progress: Progress
    checkpoint: Checkpointing = field(default_factory=NoCheckpoint)
    landmarks: Checkpointing = field(default_factory=NoCheckpoint)


@one_blas_thread()
def run_model(study: Study, name: str, around: Surroundings) -> xr.Dataset:
    """Run one model that is not scanned, and what the laws say of it, as a cache.

    Raises `Diverged` if its numbers grow without bound and `UserError` if it cannot be run as configured.
    """
    grid = Grid(study, name)
    (found,) = _each(_launched(grid, Task(name, (), ()), around))
    if isinstance(found, PointFailed):
        raise found.error
    (answers,) = _answers(grid, [found], grid.points, around)
    return recorded(with_answers(found, answers), [answers])


@one_blas_thread()
def run_task(study: Study, task: Task, around: Surroundings) -> xr.Dataset:
    """Run the points of one task of a scanned model: a block with the scanned dimensions first, and laws as a cache.

    A point whose numbers grow without bound, or that cannot be run, has status `blocks.FAILED` and its error; so has
    one of a model measured on another that failed there.
    """
    grid = Grid(study, task.model)
    found = _tried(grid, task, around)
    if isinstance(found, xr.Dataset):
        at = PointsOfBlock(study, found, grid.block(task.start, task.stop), grid.points, around.finished)
        told = evaluated_block(found, at, around.laws)
        whole = recorded(with_answers(found, told), [told])
        return blocks.of_points(_without(whole, grid), grid.dimensions, task.shape, POINT)
    numbers = [grid.flat(place) for place in grid.places(task.start, task.stop)]
    given = [(number, each) for number, each in zip(numbers, found, strict=True) if isinstance(each, xr.Dataset)]
    configs = grid.points.only([number for number, _ in given])
    answers = _answers(grid, [each for _, each in given], configs, around)
    done = iter([with_answers(each, answer) for (_, each), answer in zip(given, answers, strict=True)])
    data = [None if isinstance(each, PointFailed) else _without(next(done), grid) for each in found]
    errors = [each.told(task.model) if isinstance(each, PointFailed) else "" for each in found]
    block = blocks.block(data, errors, grid.dimensions, task.shape, common=grid.common())
    block = block.assign_attrs(summed([each.attrs for _, each in given]))
    return recorded(block, answers) if answers else block


def _without(data: xr.Dataset, grid: Grid) -> xr.Dataset:
    """Without the scanned numbers themselves, which are coordinates of the whole."""
    return data.drop_vars(grid.labels, errors="ignore")


Found = Sequence[xr.Dataset | PointFailed] | xr.Dataset


def _tried(grid: Grid, task: Task, around: Surroundings) -> Found:
    """Every point of a task, those of a launch that fails as a whole in halves, down to the point that does."""
    lost = _lost_sources(grid, task, around)
    if lost:
        return [PointFailed(UserError(lost))] * len(task)
    try:
        return _launched(grid, task, around)
    except StoreError:
        raise  # what cannot be kept is no fault of the point
    except (Diverged, UserError) as error:
        if len(task) == 1:
            return [PointFailed(error)]
        # halves of a block follow one another in it only if they are cut across its first axis
        return [each for part in task.parts() for each in _each(_tried(grid, part, around))]


def _each(found: Found) -> Sequence[xr.Dataset | PointFailed]:
    return each_point(found) if isinstance(found, xr.Dataset) else found


def _lost_sources(grid: Grid, task: Task, around: Surroundings) -> str:
    here = sources_at(grid.study, grid.block(task.start, task.stop), 0, around.finished)
    lost = [source for source, data in here.items() if data.attrs.get("status", "done") != "done"]
    return f"{', '.join(lost)} failed, and {task.model} is measured on it" if lost else ""


def _launched(grid: Grid, task: Task, around: Surroundings) -> Found:
    """What the kind makes of the points of one launch."""
    study, name = grid.study, task.model
    configs = grid.block(task.start, task.stop)
    context = Context(
        configs.study(0),
        name,
        device=around.device,
        sources=sources_at(study, configs, 0, around.finished),
        finished=around.finished,
        progress=around.progress,
        checkpoint=around.checkpoint.part(task.label) if grid.axes else around.checkpoint,
        landmarks=around.landmarks,
        numbers=grid.numbers(task.start, task.stop),
    )
    with out_of_memory.told(around.device, less(study, name)):
        return study.models[name].run(configs, context)


def less(study: Study, name: str) -> str:
    """What to reduce of a model that takes too much memory."""
    members = study.models[name].MEMBERS
    return f"reduce models.{name}.{members}, or choose a device with more"


def _answers(grid: Grid, data: Sequence[xr.Dataset], configs: Points, around: Surroundings) -> list[xr.Dataset]:
    at = law_points(grid.study, grid.name, data, around.finished, configs)
    return [evaluated(point, around.laws) for point in at]
