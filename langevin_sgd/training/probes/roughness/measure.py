"""Measures structure functions of the energy along paths and along random directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.estimators.path_roughness import BINS, PathRoughness, path_roughness, stretches
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.beside import EverySample
from langevin_sgd.training.noise_strength import noise_thermal_energy
from langevin_sgd.training.probes.looks import spread_over
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.roughness.config import RoughnessProbe
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.snapshot import snapshot

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_DIRECTIONS = 32
_LOOKS, _LOOKED_AT = 4, 4  # at which, and replicas at which, the strength of the noise is measured
_SHORT: Array = np.geomspace(0.01, 1.0, 5)


class Roughness(Probe):
    """The probe: positions and energies of all replicas, and of the descent, at some of the recorded steps."""

    def __init__(self, section: RoughnessProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        self._range, self._sgd = section.distances, watched.sgd
        self._instruments, self._seed = beside.instruments, beside.seed
        self._descent = beside.descent(beside.start[:1])
        self._whole = EverySample(len(beside.samples))
        self._steps = np.concatenate([[0], spread_over(beside.record, section.points - 1)])
        self._looks = spread_over(self._steps[1:], _LOOKS)
        self._heat: Array = np.full((min(_LOOKED_AT, watched.replicas), self._looks.size), np.nan)
        shape = (watched.replicas + 1, self._steps.size)  # the descent is the last
        self._positions: Array = np.full((*shape, beside.network.size), np.nan)
        self._energies: Array = np.full(shape, np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Some of the record, and the start."""
        return self._steps

    def advance(self, first: int, last: int) -> None:
        """Make the steps of the descent."""
        self._descent.advance(self._whole, first, last)

    def observe(self, view: View) -> None:
        """Keep where all are, and their energies."""
        place = int(np.searchsorted(self._steps, view.step))
        self._positions[:-1, place] = view.positions
        self._positions[-1, place] = snapshot(self._descent.weights[0], torch.float64)
        self._energies[:-1, place] = view.energies
        self._energies[-1, place] = self._instruments.energies(self._descent.weights)[0]
        if view.step in self._looks:
            at = view.positions[: len(self._heat)]
            found = [noise_thermal_energy(view.loss, w, self._sgd) for w in at]
            self._heat[:, int(np.searchsorted(self._looks, view.step))] = found

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The structure functions."""
        trajectories, control = self._along(slice(-1)), self._along(slice(-1, None))
        lengths = stretches(
            self._positions[-1]
        )  # a path with noise has no length of its own: it grows as one looks closer
        by_length, control_by_length = self._along(slice(-1), lengths), self._along(slice(-1, None), lengths)
        return {
            "trajectory_structure": trajectories.value,
            "control_structure": control.value,
            "trajectory_alpha": trajectories.alpha,
            "trajectory_alpha_stderr": trajectories.alpha_stderr,
            "trajectory_amplitude": trajectories.amplitude,
            "trajectory_amplitude_stderr": trajectories.amplitude_stderr,
            "trajectory_dimension": self._positions.shape[-1],
            **self._thermal_energy(),
            "control_alpha": control.alpha,
            "trajectory_alpha_by_length": by_length.alpha,
            "trajectory_alpha_by_length_stderr": by_length.alpha_stderr,
            "control_alpha_by_length": control_by_length.alpha,
            "direction_over_null": self._along_directions(view),
        }

    def coords(self) -> Mapping[str, ArrayLike]:
        """Distances."""
        edges = np.geomspace(*self._distances(), BINS + 1)
        return {"roughness_distance": np.sqrt(edges[1:] * edges[:-1]), "direction_distance": _SHORT}

    def state(self) -> State:
        """The descent, and what was kept so far."""
        return {**self._descent.state(), "positions": self._positions, "energies": self._energies, "heat": self._heat}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._descent.restore(state)
        self._positions[...] = state["positions"]
        self._energies[...] = state["energies"]
        self._heat[...] = state["heat"]

    def _thermal_energy(self) -> Mapping[str, ArrayLike]:
        """Over the time from one look to the next it is the mean of both, and before the first as at that."""
        each = self._heat[:, 0].copy() * self._looks[0]
        each += (0.5 * (self._heat[:, 1:] + self._heat[:, :-1]) * np.diff(self._looks)).sum(axis=1)
        each /= self._looks[-1]
        error = each.std(ddof=1) / len(each) ** 0.5 if len(each) > 1 else np.nan
        return {"trajectory_thermal_energy": each.mean(), "trajectory_thermal_energy_stderr": error}

    def _along(self, paths: slice, weights: Array | None = None) -> PathRoughness:
        low, high = self._distances()
        return path_roughness(self._positions[paths], self._energies[paths], low=low, high=high, weights=weights)

    def _distances(self) -> tuple[float, float]:
        if self._range is not None:
            return self._range
        way = float(np.linalg.norm(self._positions[-1, -1] - self._positions[-1, 0]))
        return (0.1 * way, way) if way > 0.0 else (0.1, 1.0)

    def _along_directions(self, view: View) -> Array:
        """The rms over directions u of E(c + r u) - E(c) over r |g|/sqrt(d), which is that of a mere slope."""
        at = self._positions[-1, -1]
        drawn = random_numbers.normals(
            self._seed, trajectories=np.arange(_DIRECTIONS), steps=[0], components=at.size, stream=Stream.CURVATURE
        )[0]
        units = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        points = at + _SHORT[:, None, None] * units
        energies = self._instruments.energies(torch.from_numpy(points.reshape(-1, at.size))).reshape(_SHORT.size, -1)
        here = view.energy.energy_and_gradient(at)
        slope = float(np.linalg.norm(here.gradient)) / at.size**0.5
        rms: Array = np.sqrt(((energies - here.energy) ** 2).mean(axis=1))
        return rms / (_SHORT * slope) if slope > 0.0 else np.full(_SHORT.size, np.nan)
