"""Stationary laws of SGD on a tabulated line: the exact chain, and the diffusions that are meant to replace it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.theory import escape, fokker_planck, markov_chain
from langevin_sgd.theory.markov_chain import Chain
from langevin_sgd.theory.occupancy import ito_density
from langevin_sgd.training.interpolation import Landmarks, LossOnLine

Array = NDArray[np.float64]

_NOTES = {
    "chain": "stationary vector of the transition matrix of the minibatch map itself",
    "twin": "Gaussian noise of the measured C(s) in place of minibatches, at the same step: its transition matrix",
    "ito": "diffusion with measured E(s), C(s): (1/D) exp(-int E'/D), D = eta C/(2B); small steps and Gaussian noise",
    "boltzmann": "diffusion with constant noise, C averaged over the two minima: exp(-E/theta)",
}
_MOST_POINTS = 4001
_LARGEST_EXPONENT = 700.0  # exp of more is no double
_SLOWEST = 1e11  # steps; rounding in the transition matrix decides beyond
_DEEPEST = 1e8  # density in a well over that on the barrier
_END_PROBABILITY = 1e-3  # more of it at the ends of the range is told


class Tabulated(Protocol):
    """E(s), E'(s) and C(s) at the positions s, each (G,)."""

    @property
    def position(self) -> Array: ...
    @property
    def energy(self) -> Array: ...
    @property
    def gradient(self) -> Array: ...
    @property
    def noise(self) -> Array: ...


@dataclass(frozen=True)
class Answer:
    """Probabilities (n,) of cells between `edges` (n + 1,) and the relaxation time; NaN and None without an answer."""

    note: str
    edges: Array | None = None
    probability: Array | None = None
    relaxation_time: float = math.nan

    def below(self, where: float | Array) -> Array:
        """Probability below `where`, spread evenly over each cell."""
        if self.edges is None or self.probability is None:
            return np.full(np.shape(where), np.nan)
        below: Array = np.interp(np.asarray(where), self.edges, np.append(0.0, np.cumsum(self.probability)))
        return below

    def observables(self, split: float, cells: Array) -> dict[str, ArrayLike]:
        """Shares of the basins left and right of `split`, relaxation time, and density between the ends of `cells`."""
        left = float(self.below(split))
        return {
            "mean_occupancy": np.array([left, 1 - left]),
            "relaxation_time_law": self.relaxation_time,
            "density": (np.diff(self.below(cells)) / np.diff(cells))[:, None],
        }


@dataclass(frozen=True)
class ExactChain:
    """The exact chain at one learning rate and batch size.

    `relaxation_steps` are its slowest, `passage_time` its mean times from each minimum to the core of the other;
    """

    answer: Answer
    relaxation_steps: float
    passage_time: tuple[float, float]


def exact_chain(line: LossOnLine, marks: Landmarks, *, learning_rate: float, batch_size: int) -> ExactChain:
    """The chain of SGD on the line. Raises `UserError` for noise that vanishes on it, or a step as long as the line."""
    spread = float(np.sqrt(line.noise.max() / batch_size))
    step, whole = learning_rate * max(spread, float(np.abs(line.gradient).max())), float(np.ptp(line.position))
    if not step < whole:
        raise UserError(
            f"a step of SGD at learning rate {learning_rate:g} and batch size {batch_size} is {step:.3g} long, and the "
            f"range of the line {whole:g}; reduce the learning rate"
        )
    chain = markov_chain.minibatch_chain(line.position, line.sample_gradients.T, learning_rate, batch_size)
    exact = _of_chain(chain, learning_rate, "chain")
    unknown = (math.inf, math.inf)
    passage = unknown if exact.probability is None else _passage_time(chain, marks, exact.probability, learning_rate)
    return ExactChain(exact, exact.relaxation_time / learning_rate, passage)


@dataclass(frozen=True)
class LineProcess:
    """SGD on a line as far as a run stores it: what the diffusions that are meant to replace it take."""

    line: Tabulated
    marks: Landmarks
    learning_rate: float
    batch_size: int
    cells: Array

    @cached_property
    def _diffusion(self) -> Array:
        # rounded so that equal ratios make equal temperatures to the last bit
        ratio = float(f"{self.learning_rate / self.batch_size:.12g}")
        return 0.5 * ratio * self.line.noise

    @property
    def thermal_energy(self) -> float:
        """theta = eta C/(2B) with C averaged over the minima."""
        return float(self._diffusion[list(self.marks.minima)].mean())

    @property
    def split(self) -> float:
        """s at the top of the barrier, between the basins."""
        return float(self.line.position[self.marks.top])

    @cached_property
    def answers(self) -> dict[str, Answer]:
        """What the diffusions say, by law."""
        return {
            "twin": _twin(self.line, self._diffusion, self.learning_rate),
            "ito": _of_diffusion(self.line, self.marks, self._diffusion, "ito"),
            "boltzmann": _of_diffusion(
                self.line, self.marks, np.full_like(self._diffusion, self.thermal_energy), "boltzmann"
            ),
        }

    def kramers(self) -> float:
        """The relaxation time by the formula of Kramers at theta."""
        return _kramers(self.line, self.marks, self.thermal_energy)


def _passage_time(chain: Chain, marks: Landmarks, probability: Array, learning_rate: float) -> tuple[float, float]:
    """Mean time from the first entry into one core to that into the other, in both directions."""
    lower, upper = marks.cores
    left, right = chain.grid < lower, chain.grid > upper
    to_right = learning_rate / markov_chain.core_rate(chain, probability, left, right)
    to_left = learning_rate / markov_chain.core_rate(chain, probability, right, left)
    return to_right, to_left


def _of_chain(chain: Chain, learning_rate: float, name: str) -> Answer:
    probability = markov_chain.stationary(chain)
    at_ends = float(probability[0] + probability[-1])
    note = _NOTES[name] + (f"; {at_ends:.1g} of it sits at the ends of range" if at_ends > _END_PROBABILITY else "")
    edges = np.clip(chain.edges(), chain.grid[0], chain.grid[-1])
    steps = markov_chain.relaxation_steps(chain)
    if not (0.0 <= steps < _SLOWEST and np.isfinite(probability).all()):
        return Answer(f"no answer: its relaxation takes more than {_SLOWEST:g} steps", relaxation_time=math.inf)
    return Answer(note, edges, probability, learning_rate * steps)


def _twin(line: Tabulated, diffusion: Array, learning_rate: float) -> Answer:
    """The Gaussian map on a grid as fine as its narrowest step."""
    s = line.position
    width = float(np.sqrt(2.0 * learning_rate * diffusion.min()))
    needed = (s[-1] - s[0]) / width * 1.001 + 2 if width > 0.0 else math.inf
    if needed > _MOST_POINTS:
        return Answer(f"no answer: its steps are so narrow that the grid would need {needed:.0f} points")
    chain = markov_chain.euler_maruyama_chain(
        lambda x: np.interp(x, s, line.gradient),
        lambda x: np.interp(x, s, diffusion),
        learning_rate,
        np.linspace(s[0], s[-1], max(s.size, math.ceil(needed))),
    )
    return _of_chain(chain, learning_rate, "twin")


def _of_diffusion(line: Tabulated, marks: Landmarks, diffusion: Array, name: str) -> Answer:
    s, split = line.position, float(line.position[marks.top])
    density = ito_density(
        lambda x: np.interp(x, s, line.gradient),
        lambda x: np.interp(x, s, diffusion),
        (float(s[0]), float(s[-1])),
        s.size - 1,
        breaks=[split],
        walls=True,
    )
    at_ends = density.boundary_probability
    if at_ends > _END_PROBABILITY:
        return Answer(f"no answer: {at_ends:.1g} of it sits at the ends of range, and it goes on beyond; widen range")
    top = int(np.searchsorted(density.edges[0], split))
    heights = [float(part.max()) for part in (density.values[:top], density.values[top:])]
    if min(heights) > _DEEPEST * float(density.values[top - 1 : top + 1].min()):
        relaxation = math.nan  # slower than double precision resolves
    else:
        relaxation = fokker_planck.relaxation_time(
            lambda x: -np.interp(x, s, line.gradient), lambda x: np.interp(x[0], s, diffusion), (s,)
        )
    return Answer(_NOTES[name], density.edges[0], density.probabilities, relaxation)


def _kramers(line: Tabulated, marks: Landmarks, theta: float) -> float:
    """1/(1/T_left + 1/T_right) with the times of Kramers; NaN where the curvature has the wrong sign."""
    bend = np.gradient(line.gradient, line.position)
    rate = 0.0
    for well in marks.minima:
        if not (bend[well] > 0.0 > bend[marks.top]):
            return math.nan
        barrier = float(line.energy[marks.top] - line.energy[well])
        if barrier < _LARGEST_EXPONENT * theta:
            rate += 1.0 / escape.kramers_time(float(bend[well]), float(bend[marks.top]), barrier, theta)
    return 1.0 / rate if rate > 0.0 else math.inf
