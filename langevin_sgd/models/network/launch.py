"""A launch: the replicas of one or several points of a scan as one ensemble, trained to the end.

Replica r draws the same minibatches at every point, from the same numbers, so they are drawn once. A point's bits are
those that it has alone: of several, the rows of each begin at a multiple of sixteen (see `training.threads`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.network.bench import Bench
from langevin_sgd.models.network.landmarks import Landmarks
from langevin_sgd.models.network.point import STEPS_BETWEEN_LOOKS, Point
from langevin_sgd.observables.cpu_seconds import TRAINING
from langevin_sgd.progress import Progress
from langevin_sgd.storage.checkpoint import Checkpointing
from langevin_sgd.storage.keeper import part, prefixed
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.minibatches import ForRows, IndexSource
from langevin_sgd.training.update_rules.rule import UpdateRule
from langevin_sgd.training.view import Together, View

Arrays = dict[str, NDArray[Any]]

_SECONDS_BETWEEN_STATES = 0.5  # at least so often a state is taken, so that an interruption loses little
_UNIT = 16


def rows_of(replicas: int, points: int) -> int:
    """The rows that a point of so many replicas takes in an ensemble of so many points."""
    return replicas if points == 1 else -(-replicas // _UNIT) * _UNIT


class TrainingCheckpoint:
    """The checkpoint of a training. What does not change, H and C among it, goes once into files of its own."""

    def __init__(self, checkpoint: Checkpointing, landmarks: Landmarks) -> None:
        self._checkpoint, self._landmarks = checkpoint, landmarks
        self.due = checkpoint.due

    def save(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Replace what was saved before."""
        self._landmarks.save()
        self._checkpoint.save(state)


class Moved(Protocol):
    """Weights of replicas, and what the next steps depend on."""

    @property
    def weights(self) -> torch.Tensor:
        """Weights (replica, d), in place: they change with every step."""

    @property
    def optimiser_state(self) -> Mapping[str, torch.Tensor]:
        """What is remembered beside them, tensors (replica, d) by name."""

    @property
    def squares(self) -> torch.Tensor | None:
        """Sums over all steps of their squares, (replica, parameter), if they are summed."""

    @property
    def one_by_one(self) -> UserError | None:
        """Why replicas are evaluated one after the other; None if they are at once."""

    def state(self) -> Arrays:
        """A copy of everything that the next steps depend on."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""


class MovedAlone(Moved, Protocol):
    """The same that needs no minibatches from outside."""

    def advance(self, first: int, last: int) -> None:
        """Make the steps first, first + 1, ..., last - 1."""


class Launch:
    """Points with equal numbers of steps and replicas, of one batch size, moved by one rule.

    Or a single point whose replicas are `moved` by something else.
    """

    def __init__(
        self, points: Sequence[Point], bench: Bench, rule: UpdateRule | None, moved: MovedAlone | None = None
    ) -> None:
        self._points, self._bench = points, bench
        first = points[0]
        model, sgd = first.model, first.sgd
        self.steps, self._replicas = first.steps, model.replicas
        self._rows = rows_of(self._replicas, len(points))
        self._ensemble: Moved
        self._advance: Callable[[int, int], None]
        if moved is not None:
            self._ensemble, self._advance = moved, moved.advance
            return
        replica = np.minimum(np.arange(self._rows), self._replicas - 1)  # the last one again in rows that are left over
        drawn = bench.minibatches(sgd, self._replicas)
        minibatches: IndexSource = drawn if len(points) == 1 else ForRows(drawn, np.tile(replica, len(points)))
        ensemble = Ensemble(
            bench.network,
            bench.samples,
            sgd,
            weights=torch.cat([point.start[torch.from_numpy(replica)] for point in points]),
            dtype=bench.dtype,
            workers=bench.workers,
            loss=bench.problem.loss,
            rule=rule,
            slots=model.update_rule.slots(sgd),
            own=[point.sgd for point in points for _ in range(self._rows)],
            traced=bench.traced,
            supply=bench.problem.supply,
            squares=any("squares" in probe.NEEDS for probe in model.probes),
        )
        self._ensemble, self._advance = ensemble, partial(ensemble.advance, minibatches)

    def one_by_one(self) -> str | None:
        """Why its replicas are evaluated one after the other; None if they are at once."""
        reason = self._ensemble.one_by_one
        return None if reason is None else reason.render()

    def run(self, saved: Arrays | None, *, progress: Progress, checkpoint: TrainingCheckpoint) -> None:
        """Make all steps, with the looks that the points want.

        The state is saved now and then, if interrupted, and if code of the user's own fails, but that of probes only
        where no other point goes on: mended, it goes on from there.
        """
        looks = np.array(sorted(frozenset().union(*(point.looks for point in self._points))))
        step = 0
        if saved is None:
            self._look(step)
        else:
            step = self._restore(saved)
        stride, state, taken = 1, self._state(step), time.monotonic()
        whole = True  # whether all of the training is at `step`, rather than amid the way from there
        try:
            while step < self.steps and self._training():
                progress.update(step, self.steps)
                look = int(looks[np.searchsorted(looks, step, side="right")])
                stop = min(look, step + stride)
                began, spent = time.perf_counter(), time.process_time()
                whole = False
                self._advance(step, stop)
                training = self._training()
                for point in training:
                    point.spent.add(TRAINING, (time.process_time() - spent) / len(training))
                for point in training:
                    point.advance(step, stop)
                per_step = (time.perf_counter() - began) / (stop - step)
                stride = int(np.clip(_SECONDS_BETWEEN_STATES / max(per_step, 1e-9), 1, STEPS_BETWEEN_LOOKS))
                if stop == look:
                    self._look(stop)
                    if not self._training() and isinstance(self._points[0].failed, UserError):
                        checkpoint.save(state)
                        return
                step, whole = stop, True
                due = checkpoint.due()
                if due or time.monotonic() - taken > _SECONDS_BETWEEN_STATES:
                    state, taken = self._state(step), time.monotonic()
                if due:
                    checkpoint.save(state)
        except StoreError:
            raise
        except (KeyboardInterrupt, UserError):
            checkpoint.save(self._state(step) if whole else state)
            raise
        progress.update(self.steps, self.steps)

    def begin(self, steps: int) -> None:
        """Look at where it begins, make the first steps and look again, with nothing kept."""
        self._look(0)
        if self._training() and steps:
            self._advance(0, steps)
            self._look(steps)

    def measure(
        self, *, name: str, progress: Progress, checkpoint: TrainingCheckpoint
    ) -> list[xr.Dataset | PointFailed]:
        """What was recorded of every point, with what its probes measure now; of a failed one what it failed of."""

        def save(whatever: bool = False) -> None:
            if whatever or checkpoint.due():
                checkpoint.save(self._state(self.steps))

        found: list[xr.Dataset | PointFailed] = []
        try:
            for place, point in enumerate(self._points):
                if point.failed is None:
                    view = self._view(place, self.steps, progress=progress.update, save=save)
                    try:
                        found.append(point.finish(view, lambda what: progress.begin(f"{name}: {what}")))
                    except StoreError:
                        raise  # what cannot be kept is no fault of the point
                    except UserError as error:  # what it has seen is there for when that is mended
                        found.append(PointFailed(error))
                else:
                    found.append(PointFailed(point.failed))
        finally:
            if any(point.measures for point in self._training()):
                save(True)
        return found

    def leave(self, saved: Arrays | None, checkpoint: TrainingCheckpoint) -> None:
        """Save the state after the last step, unless that is where this training began, or it is saved by now."""
        measures = any(point.measures for point in self._points)
        if not measures and (saved is None or int(saved["step"]) < self.steps):
            checkpoint.save(self._state(self.steps))

    def _training(self) -> list[Point]:
        return [point for point in self._points if point.failed is None]

    def _look(self, step: int) -> None:
        beside = self._together(step)
        for place, point in enumerate(self._points):
            if point.failed is None and step in point.looks:
                point.look(self._view(place, step, beside=beside.get(place)))

    def _together(self, step: int) -> dict[int, tuple[Together, int]]:
        """What evaluates the points that are evaluated at a step all at once, and their places in it."""
        points = enumerate(self._points)
        places = [place for place, point in points if point.failed is None and point.evaluates(step)]
        if len(places) < 2 or self._rows != self._replicas:
            return {}
        weights = self._ensemble.weights
        if len(places) < len(self._points):
            weights = torch.cat([weights[place * self._rows : (place + 1) * self._rows] for place in places])
        together = Together(self._points[places[0]].meter, weights, self._rows)
        return {place: (together, order) for order, place in enumerate(places)}

    def _view(self, place: int, step: int, **told: Any) -> View:
        own = slice(place * self._rows, place * self._rows + self._replicas)
        remembered = {name: slot[own] for name, slot in self._ensemble.optimiser_state.items()}
        squares = self._ensemble.squares
        told |= {"optimiser_state": remembered, "squares": None if squares is None else squares[own]}
        return self._points[place].view(step, self._ensemble.weights[own], **told)

    def _state(self, step: int) -> Arrays:
        state: Arrays = {"step": np.asarray(step), **prefixed("ensemble", self._ensemble.state())}
        for place, point in enumerate(self._points):
            state |= prefixed(f"point {place}", point.state())
        return state

    def _restore(self, saved: Arrays) -> int:
        self._ensemble.restore(part(saved, "ensemble"))
        for place, point in enumerate(self._points):
            point.restore(part(saved, f"point {place}"))
        return int(saved["step"])
