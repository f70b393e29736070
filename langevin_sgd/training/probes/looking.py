"""A probe that looks at the first replicas at some of the recorded steps, and keeps an array of each thing it sees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.training.probes.affordable import affordable
from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched

Array = NDArray[np.float64]


class Looking(Probe):
    """The base of such probes: steps, replicas, and what was found, (look, replica, ...) by name: that is its state."""

    def __init__(
        self,
        watched: Watched,
        shapes: Mapping[str, tuple[int, ...]],
        *,
        passes: float,
        looks: int | None,
        most: int,
        replicas: int | None,
    ) -> None:
        """`shapes` are those of one replica at one look, which takes `passes` of the training set; None of looks
        or replicas: as many as are a fifth of the training, `most` looks at most.
        """
        assert watched.beside is not None  # a training that runs has it
        pays = affordable(watched, passes)
        self._steps = spread_over(watched.beside.record, min(pays, most) if looks is None else looks)
        asked = max(1, pays // self._steps.size) if replicas is None else replicas
        self._replicas = min(asked, watched.replicas)
        at = self._steps.size, self._replicas
        self._found: dict[str, Array] = {name: np.full((*at, *shape), np.nan) for name, shape in shapes.items()}

    @property
    def steps(self) -> NDArray[np.int64]:
        """Some of the record."""
        return self._steps

    def state(self) -> State:
        """What was measured so far."""
        return dict(self._found)

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        for name, values in self._found.items():
            values[...] = state[name]
