"""The basins model in the plane: Fokker-Planck equation and first passages, on grids found fine enough; linear steps.

Steps of Euler-Maruyama in a drift -A (w - w*) with constant noise have a Gaussian law at any step h, of covariance
S = (1 - h A) S (1 - h A)^T + 2 h D (`theory.nonequilibrium_well.linear_steps`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.laws import NoAnswer
from langevin_sgd.models.basins.domain import Box, energy_box
from langevin_sgd.models.basins.process import Process
from langevin_sgd.theory import escape, fokker_planck, nonequilibrium_well
from langevin_sgd.theory import occupancy as theory
from langevin_sgd.theory.density import Density

Array = NDArray[np.float64]

FINE = 4
"""Cells of the Fokker-Planck equation to one of the measured density, at least."""

_NEAR = 12.0  # thermal energies that the box of a passage holds, above the lowest minimum and above the first
_PASSAGE_CELLS = 240
_MOST_CELLS = 480  # along a coordinate
_OCCUPANCY_ERROR = 2e-3  # of the grid, above which a finer one is taken or the law refuses
_TIME_ERROR = 1e-2  # the same of a passage, relative
_LOST_TIME = 1e-3  # relative change of a passage that a wider box may make
_WIDENED = 6
_LINEAR_REACH = 8.0  # standard deviations of linear steps that a grid of theirs holds
_LINEAR_CELLS = 200
_LINEAR_FINE = 4  # points along the sides of a cell over which the current is averaged
_NO_TURN = 1e-12  # of A S, what rounding leaves of a circulation that is zero


@dataclass(frozen=True)
class LinearSteps:
    """The law of the steps of a linear process about `centre` (2,)."""

    centre: Array
    law: nonequilibrium_well.ExactCurrent

    @classmethod
    def of(cls, process: Process) -> LinearSteps:
        """Those of a process with `has_linear_steps`. Raises `UserError` where they do not contract."""
        assert process.linear is not None
        a, push = process.linear
        d = process.diffusion(np.zeros((2, 1)))[..., 0]
        law = nonequilibrium_well.linear_steps(a, d, process.time_step)
        return cls(np.asarray(np.linalg.solve(a, push), np.float64), law)

    @property
    def covariance(self) -> Array:
        """S, (2, 2)."""
        assert self.law.covariance is not None
        return self.law.covariance

    def moments(self) -> Array:
        """Mean and variance, (2, coordinate)."""
        return np.stack([self.centre, np.diag(self.covariance)])

    def density(self) -> Density:
        """The density on cells that hold all of it."""
        reach = _LINEAR_REACH * np.sqrt(np.diag(self.covariance))
        box = [(float(x - r), float(x + r)) for x, r in zip(self.centre, reach, strict=True)]
        return theory.quadrature(self._energy, 1.0, box, _LINEAR_CELLS)

    def on_cells(self, edges: Sequence[Array]) -> Array:
        """Means of the density over cells between `edges`, (cell, cell)."""
        return self._averaged(self.law.density, edges)

    def current_on_cells(self, edges: Sequence[Array]) -> Array:
        """The same of the current, (2, cell, cell)."""
        return self._averaged(self.law.current, edges)

    @property
    def circulation(self) -> float:
        """Mean of x dy - y dx in unit time; zero where only rounding is left."""
        a_s = -self.law.drift(self.covariance)
        return 0.0 if abs(self.law.circulation) < _NO_TURN * np.abs(a_s).max() else self.law.circulation

    def _energy(self, points: Array) -> Array:
        away = points - self.centre.reshape(-1, *(1,) * (points.ndim - 1))
        return np.asarray(np.einsum("i...,ij,j...->...", away, np.linalg.inv(self.covariance), away) / 2.0)

    def _averaged(self, field: Callable[[Array], Array], edges: Sequence[Array]) -> Array:
        """Means over the cells by Gauss and Legendre's points."""
        point, weight = np.polynomial.legendre.leggauss(_LINEAR_FINE)
        axes = [((e[1:] + e[:-1]) / 2.0)[:, None] + np.diff(e)[:, None] / 2.0 * point for e in edges]
        x, y = np.meshgrid(*(axis.ravel() for axis in axes), indexing="ij")
        values = field(np.stack([x - self.centre[0], y - self.centre[1]]))
        shape = [size for axis in axes for size in axis.shape]
        return np.asarray(
            np.einsum("...iajb,a,b->...ij", values.reshape(*values.shape[:-2], *shape), weight, weight) / 4.0
        )


def has_linear_steps(process: Process) -> bool:
    """Whether the steps of a process in the plane are those of SGD in a quadratic loss, with Gaussian noise."""
    own = process.landscape.dimension == 2 and process.euler_steps and process.model.increments == "gaussian"
    return own and process.linear is not None


def noise(process: Process) -> Any:
    """D as the solvers take it: a matrix where it is the same everywhere, a function otherwise."""
    return process.diffusion(np.zeros((2, 1)))[..., 0] if process.additive else process.diffusion


def stationary(
    process: Process, edges: Sequence[Array], occupancy: Callable[[fokker_planck.Stationary], Array]
) -> fokker_planck.Stationary:
    """The solution within `edges` of the measured cells, each divided into 4 x 4 or more.

    The error of the grid is a third of what the `occupancy` changes from half as many cells, the method being of second
    order. Where it is above 2e-3 the cells are halved. Raises `NoAnswer` where that goes beyond 480 along a coordinate.
    """
    sides = [(float(edge[0]), float(edge[-1])) for edge in edges]
    number, last = max(edge.size - 1 for edge in edges), None
    fine = FINE // 2
    while last is None or number * fine <= _MOST_CELLS:
        grid = [np.linspace(*side, (edge.size - 1) * fine + 1) for side, edge in zip(sides, edges, strict=True)]
        solved = fokker_planck.stationary(process.drift, noise(process), grid, relaxation=True)
        shares = occupancy(solved)
        if last is not None and np.abs(shares - last).max() / 3.0 <= _OCCUPANCY_ERROR:
            return solved
        last, fine = shares, 2 * fine
    raise NoAnswer("a grid of 480 x 480 cells does not resolve the density: it is much narrower than its range")


def passage(process: Process, start: Array, origin_energy: float) -> float:
    """Mean time of first passage from `start`, the grid fine and the box wide enough for 1%.

    The error of the grid is a third of the change from half as many cells; the box is right where one wider by a
    quarter, with cells of the same size, changes the time by less than 1e-3. Raises `NoAnswer` where neither holds.
    """
    above = max(origin_energy - float(np.nanmin(process.basins.energies)), 0.0)
    box = energy_box(process, _NEAR + above / process.thermal_energy)
    cells = _PASSAGE_CELLS
    coarse = _passage(process, start, box, cells // 2)
    for _ in range(_WIDENED):
        wider: Box = tuple((low - 0.125 * (high - low), high + 0.125 * (high - low)) for low, high in box)
        further = _passage(process, start, wider, cells // 2 * 5 // 4)
        if abs(further - coarse) <= _LOST_TIME * coarse:
            break
        box, coarse = wider, further
    else:
        raise NoAnswer(
            "the time grows with the box of the grid: walkers that leave the basin elsewhere do not come back"
        )
    while cells <= _MOST_CELLS:
        time = _passage(process, start, box, cells)
        if abs(time - coarse) / 3.0 <= _TIME_ERROR * time:
            return time
        coarse, cells = time, 2 * cells
    raise NoAnswer("a grid of 480 x 480 cells does not resolve the passage: the wells are much narrower than its range")


def _passage(process: Process, start: Array, box: Box, cells: int) -> float:
    edges = [np.linspace(low, high, cells + 1) for low, high in box]
    return escape.mean_first_passage_time(process.drift, noise(process), edges, process.reached).at(start)
