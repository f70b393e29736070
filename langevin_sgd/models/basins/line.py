"""The basins model on a line: exact densities, the exact chain of the map, relaxation and first passages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.laws import NoAnswer
from langevin_sgd.models.basins import moments
from langevin_sgd.models.basins.process import Process, bisected
from langevin_sgd.theory import escape, fokker_planck, markov_chain, momentum_chain
from langevin_sgd.theory import occupancy as theory
from langevin_sgd.theory.domain import line_end
from langevin_sgd.theory.finite_volumes import Diffusion, Field

Array = NDArray[np.float64]

CELLS = 1500
_LOOKS = 20_001  # points at which the ends of basins are looked for
_CHAIN_POINTS = 801
_MOST_CHAIN_POINTS = 4000

_LOOKS_FARTHER = 6  # times that the range is doubled in which the target of an escape is looked for
_SLIVER = 0.05  # of the way to the target, whose probability stands for that of the basin
_WALL_LOSS = 1e-8  # of it, beyond the wall behind the start
_CHAIN_LOSS = 1e-6  # of the probability, at the ends of the grid of the chain
_CHAIN_ROUNDS = 6
_REFINED = 5  # times that cells are halved where they are too coarse
_SHARE_ERROR = 1e-8  # of the cells
_TIME_ERROR = 1e-3  # relative


def resolved(law: Callable[[int], theory.Density], shares: Callable[[theory.Density], Array]) -> theory.Density:
    """The `law` on as many cells as it takes for its `shares` of basins to change by less than 1e-8 on twice as many.

    Raises `NoAnswer` if that is more than 48,000.
    """
    density = law(CELLS)
    for halved in range(1, _REFINED + 1):
        finer = law(CELLS * 2**halved)
        if np.abs(shares(finer) - shares(density)).max() <= _SHARE_ERROR:
            return density
        density = finer
    raise NoAnswer(
        f"{CELLS * 2**_REFINED} cells do not resolve the density: its wells are much narrower than its range"
    )


def relaxation(drift: Field, diffusion: Diffusion, box: tuple[float, float]) -> float:
    """Relaxation time on a line, on as many cells as it takes to change by less than 1e-3 on twice as many.

    Raises `NoAnswer` if that is more than 48,000.
    """
    time = fokker_planck.relaxation_time(drift, diffusion, [np.linspace(*box, CELLS + 1)])
    for halved in range(1, _REFINED + 1):
        finer = fokker_planck.relaxation_time(drift, diffusion, [np.linspace(*box, CELLS * 2**halved + 1)])
        if abs(finer - time) <= _TIME_ERROR * finer or time == finer:
            return time
        time = finer
    raise NoAnswer(f"{CELLS * 2**_REFINED} cells do not resolve the relaxation: wells are much narrower than its range")


def rebinned(edges: Array, probabilities: Array, onto: Array) -> Array:
    """Probabilities of cells as a density on other cells."""
    cumulated = np.concatenate([[0.0], np.cumsum(probabilities)])
    return np.asarray(np.diff(np.interp(onto, edges, cumulated)) / np.diff(onto))


@dataclass(frozen=True)
class LineAnswers:
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
        return resolved(
            lambda cells: theory.ito_density(self.slope, self.noise, [self.box], cells, breaks=self.ends), self._refined
        )

    def staying(self) -> Array:
        """By the density of the equation: how much every basin holds (basin,), of one well mean and variance (2, 1)."""
        return moments.of_density(self.density) if self.process.alone else self._shares(self.density)

    def _refined(self, density: theory.Density) -> Array:
        return moments.relative(density) if self.process.alone else self._shares(density)

    def _shares(self, density: theory.Density) -> Array:
        return theory.occupancy(density, self.process.basins.membership(density.points), self.count)

    @cached_property
    def chain(self) -> markov_chain.Chain:
        """The transition matrix of the map, on a grid at whose ends next to no walker is found."""
        p = self.process
        if not p.euler_steps or p.model.increments != "gaussian":
            steps = p.scheme if not p.euler_steps else f"{p.model.increments} noise"
            raise NoAnswer(f"the transition matrix is that of euler_maruyama with gaussian noise, not of {steps}")
        low, high = self.box
        for _ in range(_CHAIN_ROUNDS):  # a long step spreads walkers farther than the equation does
            chain = self._chain_between(low, high)
            law = markov_chain.stationary(chain)
            if law[0] <= 0.5 * _CHAIN_LOSS and law[-1] <= 0.5 * _CHAIN_LOSS:
                return chain
            side = 0.25 * (high - low)
            low, high = low - side * (law[0] > 0.5 * _CHAIN_LOSS), high + side * (law[-1] > 0.5 * _CHAIN_LOSS)
        raise NoAnswer("the walkers of the map do not stay in any range: its steps throw them ever farther out")

    def _chain_between(self, low: float, high: float) -> markov_chain.Chain:
        p = self.process
        width = np.sqrt(2.0 * p.time_step * self.noise(np.linspace(low, high, 101)).min())
        if not width > 0.0:
            raise NoAnswer("the noise vanishes somewhere, so no grid resolves the transition matrix")
        needed = (high - low) / (0.8 * width) + 1.0
        if not needed <= _MOST_CHAIN_POINTS:
            raise NoAnswer(f"the steps are so short that the transition matrix would need {needed:.4g} points")
        points = max(_CHAIN_POINTS, int(needed))
        return markov_chain.euler_maruyama_chain(self.slope, self.noise, p.time_step, np.linspace(low, high, points))

    @cached_property
    def momentum_chain(self) -> tuple[momentum_chain.MomentumChain, float]:
        """The chain of position and velocity of the map with momentum, and its error by two grids."""
        p, kept = self.process, 1.0 - self.process.momentum
        if p.model.increments != "gaussian":
            raise NoAnswer(f"the chain of position and velocity is that of gaussian noise, not of {p.model.increments}")

        def build(fineness: float) -> momentum_chain.MomentumChain:
            return momentum_chain.momentum_chain(
                self.slope, lambda x: kept * self.noise(x), p.time_step, p.momentum, self.box, fineness=fineness
            )

        def told(chain: momentum_chain.MomentumChain) -> Array:
            if not p.alone:
                return chain.cumulative(self.ends)
            mean, variance = moments.of_points(chain.positions, chain.at_positions)[:, 0]
            return np.array([(mean - np.mean(self.box)) / np.sqrt(variance), np.log(variance)])

        return momentum_chain.refined(build, told)

    def chain_density(self, edges: Array) -> Array:
        """Means over cells between `edges` of the stationary law of the map."""
        if self.process.momentum_steps:
            return np.asarray(np.diff(self.momentum_chain[0].cumulative(edges)) / np.diff(edges))
        return rebinned(self.chain.edges(), self.chain_law, edges)

    @cached_property
    def chain_law(self) -> Array:
        """Stationary probabilities of the points of the chain."""
        return markov_chain.stationary(self.chain)

    def chain_staying(self) -> Array:
        """By the stationary law of the map: (basin,), of one well mean and variance (2, 1)."""
        if self.process.momentum_steps:
            both, _ = self.momentum_chain
            points, law = both.positions, both.at_positions
        else:
            points, law = self.chain.grid, self.chain_law
        if self.process.alone:
            return moments.of_points(points, law)
        if self.process.momentum_steps:
            shares = np.diff(np.concatenate([[0.0], both.cumulative(self.ends), [1.0]]))
        else:
            shares = markov_chain.interval_occupancy(self.chain, law, self.ends)
        walls = np.concatenate([[points[0]], self.ends, [points[-1]]])
        labels = self.process.basins.membership(((walls[:-1] + walls[1:]) / 2.0)[None])
        return np.asarray(np.bincount(labels[labels >= 0], shares[labels >= 0], minlength=self.count), np.float64)

    def relaxation_time(self) -> float:
        """Of the map where it is SGD's own, of the equation otherwise."""
        p = self.process
        if p.model.time_step is None and p.euler_steps and p.model.increments == "gaussian":
            return markov_chain.relaxation_steps(self.chain) * p.time_step
        return relaxation(p.drift, lambda x: p.diffusion(x)[0, 0], self.box)

    def hopping_rates(self, heights: Array) -> Array:
        """Rates between two cores (2, 2), E below `heights` in each: 1/mean time from the edge of one to the other's.

        Raises `NoAnswer` for more than two basins.
        """
        found = self.process.basins
        saddle = found.lowest_saddle(0, 1)
        if self.count != 2 or saddle is None:
            raise NoAnswer("rates are predicted between two basins")
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


def passage(process: Process, start: float) -> float:
    """Mean time of first passage of the equation from `start`, whatever lies beyond the target.

    The wall behind the start stands where next to no walker comes. Raises `NoAnswer` if no target is found.
    """
    line = LineAnswers(process, (start, start))
    known = [start, *process.target_values.values(), *process.basins.minima.ravel()]
    reach = 2.0 * max(abs(x - start) for x in known if np.isfinite(x)) or 1.0
    for _ in range(_LOOKS_FARTHER):
        x = np.linspace(start - reach, start + reach, 2 * _LOOKS - 1)
        inside = process.reached(x[None])
        if inside.any():
            break
        reach *= 2.0
    else:
        raise NoAnswer("no target of the escape is found near the minima")
    ahead = np.flatnonzero(inside)
    place = int(ahead[np.argmin(np.abs(ahead - (_LOOKS - 1)))])
    side = 1 if place > _LOOKS - 1 else -1
    edge = bisected(lambda at: not process.reached(np.array([[at]]))[0], x[place - side], x[place])
    ends = sorted((start, start + _SLIVER * (edge - start)))
    wall = line_end(line.slope, line.noise, (ends[0], ends[1]), -side, loss=_WALL_LOSS)
    return escape.mean_first_passage_time_1d(line.slope, line.noise, start, edge, wall)
