"""Increments of the weights between two times, over replicas.

|w(t + n) - w(t)|^2 of independent replicas has two parts: that of their mean, the drift that all have in common, and
their spread about it. A dependence on t at fixed n is called ageing where there is no drift; of weights that begin at
random most of it is drift, which slows down, and that is no ageing (false ageing).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.drift_and_spread import displacement_summary
from langevin_sgd.observables.schedule import distinct_log_spaced_steps
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.two_time.config import TwoTimeProbe

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_POOLED = {
    "drift_squared": "increment_drift_squared",
    "drift_squared_stderr": "increment_drift_squared_stderr",
    "spread": "increment_spread",
    "spread_stderr": "increment_spread_stderr",
}
_TIMES = 4
_FIRST = 1000  # the first of them is so small a part of the training


class TwoTime(Probe):
    """The probe: weights at the earlier times, until all later ones have come."""

    def __init__(self, section: TwoTimeProbe, watched: Watched) -> None:
        assert watched.steps is not None
        assert watched.parameters is not None
        if (fault := section.unfit(watched.steps)) is not None:
            key, told = fault
            raise UserError(": ".join(map(str, ("two_time", *key, told))))
        self._waiting = _steps(section.waiting, watched.steps)
        self._separations = _steps(section.separations, watched.steps)
        shape = self._waiting.size, self._separations.size
        self._earlier: Array = np.full((self._waiting.size, watched.replicas, watched.parameters), np.nan)
        self._squared: Array = np.full((watched.replicas, *shape), np.nan)
        self._pooled: dict[str, Array] = {name: np.full(shape, np.nan) for name in _POOLED}

    @property
    def steps(self) -> NDArray[np.int64]:
        """All earlier and later times."""
        return np.union1d(self._waiting, self._waiting[:, None] + self._separations)

    def observe(self, view: View) -> None:
        """Keep the weights of an earlier time; measure how far they are from it at a later one."""
        for row, column in np.argwhere(self._waiting[:, None] + self._separations == view.step):
            found = displacement_summary(view.positions - self._earlier[row])
            self._squared[:, row, column] = found.squared_displacement
            for name, values in self._pooled.items():
                values[row, column] = getattr(found, name)
        self._earlier[self._waiting == view.step] = view.positions

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {"squared_increment": self._squared, **{_POOLED[name]: each for name, each in self._pooled.items()}}

    def coords(self) -> Mapping[str, ArrayLike]:
        """The times."""
        return {"waiting_step": self._waiting, "separation_step": self._separations}

    def state(self) -> State:
        """The weights kept, and what is measured; both are written once an entry."""
        return {"earlier": self._earlier, "squared": self._squared, **self._pooled}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._earlier[...] = state["earlier"]
        self._squared[...] = state["squared"]
        for name, values in self._pooled.items():
            values[...] = state[name]


def _steps(given: tuple[int, ...] | None, steps: int) -> NDArray[np.int64]:
    if given is not None:
        return np.asarray(given, dtype=np.int64)
    half = steps // 2
    spaced = np.rint(np.geomspace(max(1, steps // _FIRST), half, _TIMES)).astype(np.int64)
    return spaced if np.unique(spaced).size == _TIMES else distinct_log_spaced_steps(half, _TIMES)[1:]
