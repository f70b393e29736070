"""What is recorded of Ornstein-Uhlenbeck models that are simulated together, and their run in segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.estimators.drift_and_spread import POOLED, displacement_summary
from langevin_sgd.integrators.exact_together import Case, States, Together
from langevin_sgd.storage import keeper
from langevin_sgd.storage.keeper import Arrays, Keeps, Pace

Array = NDArray[np.float64]

SLOW = 1 << 18  # coordinates of replicas moved a second that any machine makes


@dataclass(frozen=True)
class Recorded:
    """One point that is simulated: its case, its eigenvalues, and the steps that are recorded and sampled."""

    case: Case
    k: Array
    record: NDArray[np.int64]
    sample: NDArray[np.int64]


class Recorder:
    """Collects the observables of points that go together, while they are simulated.

    Arrays have the point first; where points have fewer samples than others, NaN stands behind theirs.
    """

    def __init__(self, points: Sequence[Recorded], seed: int, replicas: int) -> None:
        self.together = Together([point.case for point in points], seed, replicas)
        self._k = np.stack([point.k for point in points])
        self._samples = np.array([point.sample.size for point in points])
        self._record_at = _places([(point.case.steps, point.record) for point in points], self.together.columns)
        self._sample_at = _places([(point.case.steps, point.sample) for point in points], self.together.columns)
        record, samples = points[0].record.size, int(self._samples.max())
        shape = (len(points), replicas)
        self._start = np.full((*shape, self._k.shape[1]), np.nan)
        self._moments = {name: np.zeros((*shape, self._k.shape[1])) for name in ("mode_moment_1", "mode_moment_2")}
        self._columns: dict[str, Array] = {  # a column is written once, at its step
            "energy": np.full((*shape, record), np.nan),
            "squared_displacement": np.full((*shape, record), np.nan),
            "stationary_energy": np.full((*shape, samples), np.nan),
            **{name: np.full((len(points), record), np.nan) for name in POOLED},
        }

    def run(self, kept: Keeps, reached: Callable[[int], None]) -> States:
        """Simulate to the end from where it was left, told to `kept`; `reached` hears of the recorded steps done."""
        states = self._restored(kept.saved) if kept.saved else self.together.beginning()
        columns, work = self.together.columns, self._start.size
        pace = Pace(max(1, int(keeper.SECONDS_A_SEGMENT * SLOW) // work), most=self.together.most)
        while states.done < columns:
            first = states.done
            states, positions = self.together.moved(states, pace.next(columns - first))
            self._visit(first, positions)
            pace.done(states.done - first)
            kept.tell(partial(dict, self.state(states)))
            reached(states.done)
        return states

    def variables(self) -> Arrays:
        """The recorded observables."""
        return {**self._columns, **self._moments}

    def _visit(self, first: int, positions: Array) -> None:
        """Record the positions (point, column, replica, mode) from the recorded step `first` on."""
        if first == 0:
            self._start = positions[:, 0].copy()
        energy = (0.5 * positions**2 @ self._k[:, None, :, None])[..., 0]
        within = slice(first, first + positions.shape[1])
        point, column = np.nonzero(self._record_at[:, within] >= 0)
        if point.size:
            at = self._record_at[point, first + column]
            summary = displacement_summary(positions[point, column] - self._start[point])
            self._columns["energy"][point, :, at] = energy[point, column]
            self._columns["squared_displacement"][point, :, at] = summary.squared_displacement
            for name in POOLED:
                self._columns[name][point, at] = getattr(summary, name)
        sampled = self._sample_at[:, within] >= 0
        point, column = np.nonzero(sampled)
        self._columns["stationary_energy"][point, :, self._sample_at[point, first + column]] = energy[point, column]
        # new arrays, so that those told of stay what they were
        self._moments = {name: moment.copy() for name, moment in self._moments.items()}
        count = self._samples[:, None, None]
        for index in np.flatnonzero(sampled.any(axis=0)):
            here, where = positions[:, index], sampled[:, index, None, None]
            for name, values in (("mode_moment_1", here), ("mode_moment_2", here**2)):
                np.add(self._moments[name], values / count, out=self._moments[name], where=where)

    def state(self, states: States) -> Arrays:
        """What to go on from, with where the replicas are."""
        own = {"start": self._start, "steps": states.steps, "coordinates": states.coordinates, "lost": states.lost}
        return {**self.variables(), **own, "step": np.array(states.done)}

    def _restored(self, saved: Arrays) -> States:
        """Where the replicas were in a state saved before, with what was recorded until then."""
        self._columns = {name: saved[name] for name in self._columns}
        self._moments = {name: saved[name] for name in self._moments}
        self._start = saved["start"]
        return States(int(saved["step"]), saved["steps"], saved["coordinates"], saved["lost"])


def _places(lists: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], columns: int) -> NDArray[np.int64]:
    """Which entry of the second list of each pair a column of the first is, (pair, column), -1 if none."""
    found = np.full((len(lists), columns), -1)
    for row, (steps, chosen) in zip(found, lists, strict=True):
        row[np.searchsorted(steps, chosen)] = np.arange(chosen.size)
    return found
