"""The basins model on a line: exact densities, the exact chain of the map, relaxation and first passages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.models.basins_process import NoLaw, Process, bisected
from langevin_sgd.theory import escape, fokker_planck, markov_chain
from langevin_sgd.theory import occupancy as theory

Array = NDArray[np.float64]

CELLS = 1500
_LOOKS = 20_001  # points at which the ends of basins are looked for
_CHAIN_POINTS = 801
_MOST_CHAIN_POINTS = 4000


@dataclass(frozen=True)
class Line:
    """A process in one dimension within `box`, (low, high)."""

    process: Process
    box: tuple[float, float]

    @property
    def count(self) -> int:
        """Number of basins."""
        return len(self.process.basins.labels)

    def slope(self, x: Array) -> Array:
        """-f at points of any shape."""
        return np.asarray(-self.process.drift(x.reshape(1, -1))[0].reshape(x.shape))

    def noise(self, x: Array) -> Array:
        """D at points of any shape."""
        return np.asarray(self.process.diffusion(x.reshape(1, -1))[0, 0].reshape(x.shape))

    @cached_property
    def ends(self) -> Array:
        """Where one basin ends and another begins."""
        x = np.linspace(*self.box, _LOOKS)
        labels = self.process.basins.membership(x[None])

        def still(label: int, at: float) -> bool:
            return bool(self.process.basins.membership(np.array([[at]]))[0] == label)

        places = np.flatnonzero(np.diff(labels))
        return np.array([bisected(partial(still, labels[i]), x[i], x[i + 1]) for i in places])

    @cached_property
    def density(self) -> theory.Density:
        """The stationary density of the equation."""
        return theory.ito_density(self.slope, self.noise, [self.box], CELLS, breaks=self.ends)

    def occupancy(self) -> Array:
        """By the density of the equation, (basin,)."""
        return theory.occupancy(self.density, self.process.basins.membership(self.density.points), self.count)

    @cached_property
    def chain(self) -> markov_chain.Chain:
        """The transition matrix of the map."""
        p = self.process
        if p.scheme != "euler_maruyama" or p.model.increments != "gaussian":
            steps = p.scheme if p.scheme != "euler_maruyama" else f"{p.model.increments} noise"
            raise NoLaw(f"the transition matrix is that of euler_maruyama with gaussian noise, not of {steps}")
        low, high = self.box
        width = np.sqrt(2.0 * p.time_step * self.noise(np.linspace(low, high, 101)).min())
        if not width > 0.0:
            raise NoLaw("the noise vanishes somewhere, so no grid resolves the transition matrix")
        needed = (high - low) / (0.8 * width) + 1.0
        if not needed <= _MOST_CHAIN_POINTS:
            raise NoLaw(f"the steps are so short that the transition matrix would need {needed:.4g} points")
        points = max(_CHAIN_POINTS, int(needed))
        return markov_chain.euler_maruyama_chain(self.slope, self.noise, p.time_step, np.linspace(low, high, points))

    @cached_property
    def chain_law(self) -> Array:
        """Stationary probabilities of the points of the chain."""
        return markov_chain.stationary(self.chain)

    def chain_occupancy(self) -> Array:
        """By the stationary law of the map, (basin,)."""
        shares = markov_chain.interval_occupancy(self.chain, self.chain_law, self.ends)
        walls = np.concatenate([[self.box[0]], self.ends, [self.box[1]]])
        labels = self.process.basins.membership(((walls[:-1] + walls[1:]) / 2.0)[None])
        return np.asarray(np.bincount(labels[labels >= 0], shares[labels >= 0], minlength=self.count), np.float64)

    def relaxation_time(self) -> float:
        """Of the map where it is SGD's own, of the equation otherwise."""
        p = self.process
        if p.model.time_step is None and p.scheme == "euler_maruyama" and p.model.increments == "gaussian":
            return markov_chain.relaxation_steps(self.chain) * p.time_step
        edges = np.linspace(*self.box, CELLS + 1)
        return fokker_planck.relaxation_time(p.drift, lambda x: p.diffusion(x)[0, 0], [edges])

    def hopping_rates(self, heights: Array) -> Array:
        """Rates between two cores (2, 2), E below `heights` in each: 1/mean time from the edge of one to the other's.

        Raises `NoLaw` for more than two basins.
        """
        found = self.process.basins
        saddle = found.lowest_saddle(0, 1)
        if self.count != 2 or saddle is None:
            raise NoLaw("rates are predicted between two basins")
        top, wells = float(saddle.position[0]), found.minima[:, 0]

        def inside(basin: int, at: float) -> bool:
            return bool(self.process.energy(np.array([[at]]))[0] < heights[basin])

        edges = [bisected(partial(inside, basin), wells[basin], top) for basin in range(2)]
        rates = np.full((2, 2), np.nan)
        for one, other in ((0, 1), (1, 0)):
            wall = self.box[0] if wells[one] < wells[other] else self.box[1]
            args = (float(edges[one]), float(edges[other]), wall)
            rates[one, other] = 1.0 / escape.mean_first_passage_time_1d(self.slope, self.noise, *args)
        return rates

    def chain_passage(self, start: float) -> float:
        """Mean time of first passage of the map."""
        steps = markov_chain.mean_first_passage_steps(self.chain, self.process.reached(self.chain.grid[None]))
        return float(np.interp(start, self.chain.grid, steps)) * self.process.time_step

    def passage(self, start: float) -> float:
        """Mean time of first passage of the equation."""
        x = np.linspace(*self.box, _LOOKS)
        inside = self.process.reached(x[None])
        if not inside.any():
            raise NoLaw("the core lies outside the box that holds the density")
        right = bool(x[inside][0] > start)
        place = int(np.argmax(inside)) if right else _LOOKS - 1 - int(np.argmax(inside[::-1]))
        before = place - 1 if right else place + 1
        edge = bisected(lambda at: not self.process.reached(np.array([[at]]))[0], x[before], x[place])
        wall = self.box[0] if right else self.box[1]
        return escape.mean_first_passage_time_1d(self.slope, self.noise, start, edge, wall)
