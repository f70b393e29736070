"""The exact law of SGD with momentum on a line: a Markov chain of position and velocity, on a grid in their plane.

u' = mu u + eta f(w) + sqrt(2 eta D(w)) xi,  w' = w + u': the heavy ball with f = -E' and u the displacement of a step
(u = -eta m of PyTorch's buffer m). Velocities are multiples of the spacing of the positions, so that w' lies on the
grid as well, and one step is a Gaussian in u' alone. Nothing is expanded in the step, and mu = 0 is `markov_chain`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.theory.callables import evaluated
from langevin_sgd.theory.markov_chain import Profile

Array = NDArray[np.float64]

MOST_STATES = 20_000
"""Points of the plane above which the stationary law takes too long and too much memory."""

_REACH = 8.0  # standard deviations of one step's noise that are kept
_WIDE = 6.0  # of the velocity, that the grid holds at first
_LOST = 1e-8  # probability of the outermost velocities, and of the outermost positions, above which it is widened
_ROUNDS = 12
_NEGATIVE = 1e-6  # probability below zero that rounding may leave
_ERROR = 1e-5  # of what is asked for, between two grids
_FINENESS = (1.0, 1.4, 2.0, 2.8, 4.0)  # points to a standard deviation of one step's noise


@dataclass(frozen=True)
class MomentumChain:
    """The chain on `positions` (n,) and `velocities` (m,), both at the same spacing.

    After a step from a point the velocity is Gaussian of `mean` (n, m) and standard deviation `width` (n,). What leaves
    the grid stops at its ends.
    """

    positions: Array
    velocities: Array
    mean: Array
    width: Array

    @cached_property
    def matrix(self) -> scipy.sparse.csr_array:
        """Probabilities (n m, n m), row from, column to, position-major; rows sum to one."""
        n, m = self.mean.shape
        h = self.positions[1] - self.positions[0]
        centre, half = self.mean / h, (m - 1) // 2
        reach = math.ceil(_REACH * float(self.width.max()) / h) + 1
        to = np.rint(centre).astype(np.int64)[..., None] + np.arange(-reach, reach + 1)
        weight = np.exp(-(((to - centre[..., None]) * h / self.width[:, None, None]) ** 2) / 2.0)
        weight /= weight.sum(axis=-1, keepdims=True)
        velocity = np.clip(to, -half, half)
        position = np.clip(np.arange(n)[:, None, None] + velocity, 0, n - 1)
        rows = np.broadcast_to(np.arange(n * m).reshape(n, m, 1), to.shape)
        used = weight > 1e-17
        columns = position * m + velocity + half
        entries = (weight[used], (rows[used], columns[used]))
        return scipy.sparse.csr_array(scipy.sparse.coo_array(entries, shape=(n * m, n * m)))

    @cached_property
    def stationary(self) -> Array:
        """pi = pi P, (n, m), sum one, by a sparse elimination of all states but one that is visited often.

        Raises `UserError` where parts of the chain are joined by moves too rare for double precision.
        """
        n, m = self.mean.shape
        visited = np.full(n * m, 1.0 / (n * m))
        for _ in range(100):
            visited = visited @ self.matrix
        first = int(np.argmax(visited))
        others = np.flatnonzero(np.arange(n * m) != first)
        rest = scipy.sparse.csc_array(scipy.sparse.eye_array(n * m - 1) - self.matrix[others][:, others].T)
        entering = self.matrix[[first]][:, others].toarray()[0]
        law = np.ones(n * m)
        try:
            law[others] = scipy.sparse.linalg.splu(rest, permc_spec="COLAMD").solve(entering)
        except RuntimeError as error:  # of SuperLU, for a matrix that is singular
            raise UserError("the chain of position and velocity falls into parts, or moves too rarely") from error
        law /= law.sum()
        if not law[law < 0.0].sum() > -_NEGATIVE:
            raise UserError("moves between parts of the chain are too rare for its stationary law in double precision")
        return np.asarray(law.reshape(n, m))

    @property
    def at_positions(self) -> Array:
        """Stationary probabilities of the positions, (n,)."""
        return np.asarray(self.stationary.sum(axis=1))

    def cumulative(self, at: ArrayLike) -> Array:
        """P(w <= x) of the stationary law at points x (k,), by the Gaussians of one more step, whatever the spacing."""
        next_mean = self.positions[:, None] + self.mean
        width = self.width[:, None]
        below = [(self.stationary * scipy.special.ndtr((x - next_mean) / width)).sum() for x in np.ravel(at)]
        return np.array(below, np.float64)


def momentum_chain(
    gradient: Profile,
    diffusion: Profile,
    learning_rate: float,
    momentum: float,
    box: tuple[float, float],
    *,
    fineness: float = 1.0,
) -> MomentumChain:
    """The chain in a `box` of positions that leaves out next to nothing, widened and given velocities until it does so.

    `gradient` E' and `diffusion` D take points (n,). There are `fineness` points to a standard deviation of a step's
    noise where that is least: the error of the sums is exp(-2 pi^2 fineness^2), 3e-9 at 1, of a variance 4 pi^2 times
    that, where the force is even over a spacing; `refined` sees whether it is. Raises `UserError` where the noise
    vanishes, for more than `MOST_STATES` points, and where the walkers stay in no range.
    """
    (low, high), reach = box, 0.0
    for _ in range(_ROUNDS):
        least = math.sqrt(2.0 * learning_rate * float(np.min(evaluated(diffusion, np.linspace(low, high, 201)))))
        if not least > 0.0:
            raise UserError("the noise vanishes somewhere, so no grid resolves the chain of position and velocity")
        h = least / fineness
        number = math.ceil((high - low) / h) + 1
        positions: Array = low + h * np.arange(number, dtype=np.float64)
        width = np.sqrt(2.0 * learning_rate * np.broadcast_to(evaluated(diffusion, positions), positions.shape))
        reach = reach or _WIDE * float(width.max()) / math.sqrt(1.0 - momentum**2)
        half = math.ceil(reach / h)
        states = number * (2 * half + 1)
        if not states <= MOST_STATES:
            raise UserError(
                f"the chain of position and velocity would need {states:,} points, more than {MOST_STATES:,}: the "
                "steps are short, or the momentum is near one"
            )
        velocities: Array = h * np.arange(-half, half + 1, dtype=np.float64)
        drift = -learning_rate * np.broadcast_to(evaluated(gradient, positions), positions.shape)
        chain = MomentumChain(positions, velocities, momentum * velocities + drift[:, None], width)
        law = chain.stationary
        sides, speeds = law.sum(axis=1), law.sum(axis=0)
        fast = speeds[0] + speeds[-1] > _LOST
        ends = sides[0] > _LOST, sides[-1] > _LOST
        if not (fast or any(ends)):
            return chain
        reach *= 1.4 if fast else 1.0
        side = 0.15 * (high - low)
        low, high = low - side * ends[0], high + side * ends[1]
    raise UserError("the walkers of the map do not stay in any range: its steps throw them ever farther out")


def refined(
    build: Callable[[float], MomentumChain], told: Callable[[MomentumChain], Array]
) -> tuple[MomentumChain, float]:
    """The chain on which `told` differs from that on a coarser grid by less than 1e-5, and by how much it does.

    `build` makes it of a fineness. Raises `UserError` where no two grids agree.
    """
    coarse, error = told(build(_FINENESS[0])), math.inf
    for fineness in _FINENESS[1:]:
        chain = build(fineness)
        fine = told(chain)
        error = float(np.abs(fine - coarse).max())
        if error <= _ERROR:
            return chain, error
        coarse = fine
    raise UserError(
        f"two grids of the chain of position and velocity differ by {error:.2g}: moves are too rare, or the force is "
        "too uneven"
    )
