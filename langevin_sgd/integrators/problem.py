"""A run as every backend receives it: arrays and a lane program, checked, with nothing left to guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.program import Program
from langevin_sgd.integrators.record import Quantities
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.noise import Noise
from langevin_sgd.random_numbers.increments import Layout

Float = NDArray[np.floating[Any]]
_ENTRIES = 1 << 32
"""Entries of a table at most: where a trajectory's begin is counted in 32 bits."""


@dataclass
class Problem:
    """N trajectories from step `begin` to step `end`, to be advanced in place.

    `state` (V, N) and `start` (d, N) are in the precision of the run, `numbers` (N,) the trajectories' Philox numbers,
    `passage` (N,) the step of first passage or -1 (below that, see `finiteness.undecided_at`), `groups` (N,) ascending
    group numbers for means and histograms, `values` every parameter by name, a number or an array (N,). On a tabulated
    potential `table` holds the slopes of `cells` cells for each disorder, one after another, in waves `cells` blocks of
    waves, and `offsets` (N,) where those of a trajectory begin.
    """

    landscape: Landscape
    noise: Noise
    program: Program
    layout: Layout
    quantities: Quantities
    values: Mapping[str, Any]
    varying_names: tuple[str, ...]
    seed: int
    stream: int
    state: Float
    start: Float
    numbers: NDArray[np.uint32]
    passage: NDArray[np.int64]
    groups: NDArray[np.int64]
    begin: int
    end: int
    record_steps: NDArray[np.int64]
    threads: int = 1
    varying: tuple[bool, ...] = field(init=False)
    table: Float = field(init=False)
    offsets: NDArray[np.uint32] = field(init=False)
    cells: int = field(init=False)

    def __post_init__(self) -> None:
        self.varying = self.program.coefficients.varying(self.varying_names)
        self.table, self.cells = np.zeros(1, self.state.dtype), 1
        self.offsets = np.zeros(self.numbers.size, np.uint32)
        table = self.landscape.table
        if table is not None:
            if table.size > _ENTRIES:
                raise IntegrationError(
                    f"the potentials have {table.size} cells in all and {_ENTRIES} can be counted; take fewer "
                    "disorders or fewer cells"
                )
            self.table = table.astype(self.state.dtype, copy=False).ravel()
            self.cells = self.landscape.cells
            if self.landscape.parameters:
                self.offsets[:] = self.landscape.rows(self.values["disorder"]) * table.shape[1]

    @property
    def updates(self) -> int:
        """What a step costs, in updates of one coordinate: one for each, and about one for each wave."""
        return max(1, self.state.size + self.landscape.work * self.numbers.size)

    @property
    def group_count(self) -> int:
        """Number of groups."""
        return int(self.groups[-1]) + 1 if self.groups.size else 0

    def coefficients(self) -> tuple[Float, Float]:
        """Uniform coefficients (nu,) and varying ones (nv, N), in the precision of the state."""
        computed = self.program.coefficients.values(self.values)
        fixed = [float(c) for c, moves in zip(computed, self.varying, strict=True) if not moves]
        moving = [c for c, moves in zip(computed, self.varying, strict=True) if moves]
        rows = np.empty((len(moving), self.numbers.size), self.state.dtype)
        for row, value in zip(rows, moving, strict=True):
            row[:] = value
        return np.array(fixed, self.state.dtype), rows


@dataclass
class Reductions:
    """What was recorded: `values` (records, each, N), `moments` (records, means, 2, groups): mean and sum of squared
    deviations from it, `counts` (histogram: (records, groups, bins + 2)) with what fell below and above at the ends."""

    values: NDArray[np.float64]
    moments: NDArray[np.float64]
    counts: list[NDArray[np.int64]]
