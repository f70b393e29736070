"""Measures the energy along segments between replicas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.segments.config import SegmentsProbe

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]


class Segments(Probe):
    """The probe: pairs of neighbouring replicas at some of the recorded steps."""

    def __init__(self, section: SegmentsProbe, watched: Watched) -> None:
        assert watched.beside is not None  # a training that runs has it
        self._instruments = watched.beside.instruments
        self._steps = spread_over(watched.beside.record, section.looks)
        self._pairs = min(section.pairs, watched.replicas // 2)
        self._fractions: Array = np.linspace(0.0, 1.0, section.points + 2)
        self._barrier: Array = np.full((self._steps.size, self._pairs), np.nan)
        self._distance: Array = np.full((self._steps.size, self._pairs), np.nan)
        self._over_null: Array = np.full(self._steps.size, np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Some of the record."""
        return self._steps

    def observe(self, view: View) -> None:
        """Evaluate the energy between the replicas of each pair, and its gradient at both."""
        place = int(np.searchsorted(self._steps, view.step))
        ends = view.positions[: 2 * self._pairs].reshape(self._pairs, 2, -1)
        first, difference = ends[:, 0], ends[:, 1] - ends[:, 0]
        points = first[:, None] + self._fractions[:, None] * difference[:, None]
        energies = self._instruments.energies(torch.from_numpy(points.reshape(-1, points.shape[-1])))
        energies = energies.reshape(self._pairs, -1)
        higher = np.maximum(energies[:, 0], energies[:, -1])
        self._barrier[place] = np.maximum(energies[:, 1:-1].max(axis=1) - higher, 0.0)
        self._distance[place] = np.linalg.norm(difference, axis=1)
        null = [
            0.5 * sum(view.energy.energy_and_gradient(end).gradient for end in pair) @ step
            for pair, step in zip(ends, difference, strict=True)
        ]
        size = float(np.mean(np.square(null)))
        rises = float(np.mean((energies[:, -1] - energies[:, 0]) ** 2))
        self._over_null[place] = np.sqrt(rises / size) if size > 0.0 else np.nan

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {
            "segment_barrier": self._barrier,
            "segment_distance": self._distance,
            "segment_over_null": self._over_null,
        }

    def coords(self) -> Mapping[str, ArrayLike]:
        """The steps."""
        return {"segment_step": self._steps}

    def state(self) -> State:
        """What was measured so far."""
        return {"barrier": self._barrier, "distance": self._distance, "over_null": self._over_null}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._barrier[...] = state["barrier"]
        self._distance[...] = state["distance"]
        self._over_null[...] = state["over_null"]
