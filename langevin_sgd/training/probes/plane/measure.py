"""Measures losses on the plane through three weight vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.training.plane import Plane, collinear
from langevin_sgd.training.probes.plane.config import PlaneProbe
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.quench import quench

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_ONE = 1e-3  # of the length of the weights: minima are found to a gradient, and no nearer than this are they two


class OnPlane(Probe):
    """The probe: keeps three replicas at the end, and evaluates row after row of a grid on their plane."""

    def __init__(self, section: PlaneProbe, watched: Watched) -> None:
        assert watched.beside is not None  # a training that runs has it
        assert watched.steps is not None
        self._section, self._tolerance, self._last = section, watched.gradient_tolerance, watched.steps
        self._instruments = watched.beside.instruments
        side = section.points
        self._corners: Array = np.full((3, watched.beside.network.size), np.nan)
        self._quenched, self._rows = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        self._found: dict[str, Array] = {name: np.full((side, side), np.nan) for name in self._names()}
        self._x: Array = np.full(side, np.nan)
        self._y: Array = np.full(side, np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The last."""
        return np.array([self._last])

    def observe(self, view: View) -> None:
        """Keep the three."""
        self._corners[...] = view.positions[list(self._section.replicas)]

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """Evaluate the corners and the grid; what was evaluated before an interruption is kept."""
        if self._section.quench:
            self._quench(view)
        observables = {f"plane_corner_{name}": values for name, values in self._evaluated(self._corners).items()}
        corners: Array = np.full((3, 2), np.nan)
        if not (collinear(self._corners, within=_ONE) if self._section.quench else collinear(self._corners)):
            plane = Plane.through(self._corners)
            corners = plane.corners
            self._x, self._y = (self._line(corners[:, axis]) for axis in (0, 1))
            for row in range(int(self._rows[0]), self._y.size):
                along = np.stack([self._x, np.full(self._x.size, self._y[row])], axis=1)
                for name, values in self._evaluated(plane.at(along)).items():
                    self._found[name][row] = values
                self._rows[0] = row + 1
                view.progress(row + 1, self._y.size)
                view.save()
        observables |= {f"plane_{name}": values for name, values in self._found.items()}
        return {**observables, "plane_corner_x": corners[:, 0], "plane_corner_y": corners[:, 1]}

    def coords(self) -> Mapping[str, ArrayLike]:
        """Replicas, and the lines of the grid."""
        return {"plane_corner": np.array(self._section.replicas), "plane_x": self._x, "plane_y": self._y}

    def state(self) -> State:
        """The three, and the rows so far."""
        return {"corners": self._corners, "quenched": self._quenched, "rows": self._rows, **self._found}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        kept = {"corners": self._corners, "quenched": self._quenched, "rows": self._rows, **self._found}
        for name, values in kept.items():
            values[...] = state[name]

    def _quench(self, view: View) -> None:
        for place in range(int(self._quenched[0]), 3):
            self._corners[place] = quench(view.energy, self._corners[place], tolerance=self._tolerance).position
            self._quenched[0] = place + 1
            view.save()

    def _names(self) -> Iterator[str]:
        yield from ("energy", "train_loss")
        if self._instruments.test is not None:
            yield "test_loss"

    def _evaluated(self, points: Array) -> dict[str, Array]:
        weights, meter = torch.from_numpy(points), self._instruments.meter
        train = meter.train(weights)
        found = {"energy": meter.energies(weights, train), "train_loss": train.loss}
        if meter.test is not None:
            found["test_loss"] = meter.test(weights).loss
        return found

    def _line(self, corners: Array) -> Array:
        beyond = self._section.margin * float(np.ptp(corners))
        return np.linspace(corners.min() - beyond, corners.max() + beyond, self._section.points)
