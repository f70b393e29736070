"""A network at the points of a scan, or at the only one: which of them train together, and what became of each."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from langevin_sgd import machine_memory
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.network import landmark
from langevin_sgd.models.network import memory as network_memory
from langevin_sgd.models.network.bench import Bench
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.landmark import Landmark
from langevin_sgd.models.network.landmarks import Landmarks
from langevin_sgd.models.network.launch import rows_of
from langevin_sgd.models.network.run import SEARCH, train, workers_on
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.progress import Progress
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.training.ensemble import fitting_replicas
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.threads import Workers

Points = Sequence[tuple[NetworkModel, Sgd]]
Found = dict[int, "xr.Dataset | PointFailed"]

_MOST_OF_MEMORY = 0.5  # of what is free on a device, for the points of one launch
_MOST_EMPTY = 2  # rows that a point takes among others, in those that it needs


@dataclass(frozen=True)
class _Launch:
    """Points by their places in the scan, and what the launch is called in a checkpoint."""

    places: tuple[int, ...]
    steps: int

    @property
    def part(self) -> str:
        return f"{self.places[0]}-{self.places[-1]}x{len(self.places)}"

    def halves(self) -> tuple[_Launch, _Launch]:
        middle = len(self.places) // 2
        return _Launch(self.places[:middle], self.steps), _Launch(self.places[middle:], self.steps)


def run_points(points: Points, context: Context) -> list[xr.Dataset | PointFailed]:
    """The observables at every point, or what it failed of; see `train`.

    Points that differ in numbers which the update rule takes for each replica are one ensemble, as many as one launch
    does well to hold; the others are trained one after the other. Replica r starts at the same weights and draws its
    minibatches from the same numbers at every point, so points are compared replica by replica, and each has the bits
    that it has alone. A finished launch leaves its last state behind, from which an interrupted scan has its
    observables again, at once.
    """
    with workers_on(context.device) as workers, one_torch_thread():
        return _Scan(points, context, workers).run()


class _Scan:
    """The points under way."""

    def __init__(self, points: Points, context: Context, workers: Workers) -> None:
        self._points, self._context, self._workers = points, context, workers
        self._landmarks = Landmarks(
            context.landmarks, context.checkpoint.part(SEARCH), seed=context.seed, device=context.device
        )
        self._done, self._whole = 0, 0  # steps of launches
        self._found: Found = {}

    def run(self) -> list[xr.Dataset | PointFailed]:
        groups = _groups(self._points)
        self._whole = sum(model.length(sgd) for model, sgd in self._points)
        for model, kinds in groups:
            try:
                bench = self._bench(model)
            except StoreError:
                raise
            except UserError as error:
                self._found |= {place: PointFailed(error) for places in kinds for place in places}
                continue
            for places in kinds:
                for launch in self._launches(places, bench):
                    self._run(launch, bench)
        return [self._found[place] for place in range(len(self._points))]

    def _bench(self, model: NetworkModel) -> Bench:
        context = self._context
        refuse_size = partial(network_memory.refuse_size, context.study, context.name, context.device)
        return Bench.of(model, seed=context.seed, device=context.device, workers=self._workers, refuse_size=refuse_size)

    def _launches(self, places: list[int], bench: Bench) -> Iterator[_Launch]:
        model, sgd = self._points[places[0]]
        most = self._most(model, sgd, bench)
        for first in range(0, len(places), most):
            yield _Launch(tuple(places[first : first + most]), model.length(sgd))

    def _most(self, model: NetworkModel, sgd: Sgd, bench: Bench) -> int:
        """The most points that one launch does well to hold."""
        rows = rows_of(model.replicas, 2)
        if rows > _MOST_EMPTY * model.replicas:
            return 1
        fitting = fitting_replicas(
            bench.samples, bench.network.size, sgd.batch_size, bench.dtype, bench.samples.labels.device
        )
        if fitting is not None:
            return max(1, self._workers.count * fitting // rows)
        context = self._context
        held = network_memory.of_size(context.study, context.name, bench.network.size)
        one = sum(each.bytes for each in held if each.on_device) * rows / model.replicas
        return max(1, int(_MOST_OF_MEMORY * machine_memory.available_on(context.device) / one))

    def _run(self, launch: _Launch, bench: Bench) -> None:
        context, alone = self._context, len(self._points) == 1
        checkpoint = context.checkpoint
        if not alone:
            checkpoint.save({"step": np.asarray(self._done)})
            checkpoint = checkpoint.part(launch.part)
        whole = max(self._whole, 1)
        try:
            found = train(
                [self._points[place] for place in launch.places],
                bench,
                self._landmarks,
                name=context.name,
                progress=_Part(context.progress, context.name, self._done, whole, len(launch.places)),
                checkpoint=checkpoint,
                lend=self._lend,
                leave_last_state=not alone,
            )
        except StoreError:
            raise  # what cannot be kept is no fault of the points
        except (UserError, Diverged) as error:
            if len(launch.places) > 1:
                for half in launch.halves():
                    self._run(half, bench)
                return
            found = [PointFailed(error)]
        self._found |= dict(zip(launch.places, found, strict=True))
        self._done += launch.steps * len(launch.places)

    def _lend(self, model: NetworkModel, sgd: Sgd, full: FullBatch) -> Landmark | None:
        finished = landmark.finished_alike(self._context, model, sgd)
        return None if finished is None else landmark.lent(finished, full)


def _groups(points: Points) -> list[tuple[NetworkModel, list[list[int]]]]:
    """Places of points by their model, and for each by what points of one launch must have in common."""
    models: list[tuple[NetworkModel, dict[Hashable, list[int]]]] = []
    for place, (model, sgd) in enumerate(points):
        own = next((kinds for other, kinds in models if other == model), None)
        if own is None:
            own = {}
            models.append((model, own))
        own.setdefault(_alike(model, sgd), []).append(place)
    return [(model, list(kinds.values())) for model, kinds in models]


def _alike(model: NetworkModel, sgd: Sgd) -> Hashable:
    rule = model.update_rule
    apart = tuple((name, value) for name, value in sgd.model_dump().items() if name not in rule.FUSED)
    return apart, rule.alike(sgd), model.length(sgd)


class _Part:
    """The progress of the training of one launch as a part of that of all; what else is done there as it is."""

    def __init__(self, progress: Progress, training: str, before: int, steps: int, points: int) -> None:
        self._progress, self._training, self._points = progress, training, points
        self._before, self._steps = before, steps
        self._trains = False
        self.beside, self.close = progress.beside, progress.close
        self.message, self.notice = progress.message, progress.notice

    def begin(self, task: str, unit: str = "steps") -> None:
        self._trains = task == self._training
        self._progress.begin(task, unit)

    def update(self, done: float, total: float) -> None:
        shifted = (self._before + self._points * done, self._steps) if self._trains else (done, total)
        self._progress.update(*shifted)
