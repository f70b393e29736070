"""The basins model in the plane: Fokker-Planck equation and first passages, on grids found fine enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.laws import NoAnswer
from langevin_sgd.models.basins.domain import Box, energy_box
from langevin_sgd.models.basins.process import Process
from langevin_sgd.theory import escape, fokker_planck

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
