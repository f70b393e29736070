"""The exact law of SGD on a line as a Markov chain: transition matrices on a grid, stationary law, relaxation, escape.

Two kinds of map. Gaussian noise, s -> s - eta E'(s) + sqrt(2 eta D(s)) xi (Euler-Maruyama; D = theta, or eta c(s)/(2B)
for the twin), and SGD itself, s -> s - eta (mean of g_n(s) over B samples drawn with replacement), every sample's
gradient tabulated. Nothing is expanded in the step. Times are in steps; multiply by eta for the time of the equation.
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
from langevin_sgd.real_array import native_array, real_array
from langevin_sgd.theory.callables import evaluated
from langevin_sgd.theory.elimination import Elimination
from langevin_sgd.theory.occupancy import Estimate

Array = NDArray[np.float64]
Profile = Callable[[Array], ArrayLike]

_REACH = 9.0  # standard deviations; a Gaussian holds 1e-19 beyond
_FINER = 4  # bins of the gradients of single samples to a spacing of the grid
_ROUNDING = 2e-16  # of the Fourier transform; smaller probabilities are noise
_MOST_STATES = 8000
_WARMING_STEPS = 100
_MOST_NUMBERS = 1 << 23
_LONGEST = 1e140  # steps; the squares of more overflow
_NEGATIVE = 1e-3  # probability below zero that is tolerated


@dataclass(frozen=True)
class Chain:
    """Probabilities `matrix` (n, n), row from, column to, rows sum to one, between the points `grid` (n,).

    Jumps beyond an end stop at it, so the ends must be out of reach: see `end_probability`.
    """

    grid: Array
    matrix: scipy.sparse.csr_array

    def edges(self) -> Array:
        """Ends of the cells around the points, (n + 1,)."""
        half = (self.grid[1] - self.grid[0]) / 2.0
        return np.append(self.grid - half, self.grid[-1] + half)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The points with a well visited one first, so that no other weight overflows beside it."""
        number = len(self.grid)
        if number > _MOST_STATES:
            raise UserError(f"a chain of {number} points takes too much memory; take {_MOST_STATES} or fewer")
        visited = np.full(number, 1.0 / number)
        for _ in range(_WARMING_STEPS):
            visited = visited @ self.matrix
        first = int(np.argmax(visited))
        return np.concatenate([[first], np.delete(np.arange(number), first)])

    @cached_property
    def elimination(self) -> Elimination:
        """All states but the first of `order` eliminated; shared by the stationary law and the relaxation."""
        return Elimination(self.matrix.toarray()[np.ix_(self.order, self.order)])


def euler_maruyama_chain(gradient: Profile, diffusion: Profile | float, learning_rate: float, grid: ArrayLike) -> Chain:
    """s -> s - eta E'(s) + sqrt(2 eta D(s)) xi on the uniform `grid` (n,).

    `gradient` E' takes points (n,); `diffusion` D is theta, or a function of points. The probability of a point is the
    Gaussian density there times the spacing h, which for smooth kernels errs by exp(-2 pi^2 (s/h)^2), s the standard
    deviation of a step: 3e-9 at s = h. (Integrals over bins would add h^2/12 to the variance of every step.) Raises
    `UserError` if the grid is coarser than that.
    """
    points = _uniform(grid)
    spacing = float((points[-1] - points[0]) / (len(points) - 1))
    noise = evaluated(diffusion, points, "the diffusion").reshape(-1) if callable(diffusion) else diffusion
    width = np.sqrt(2.0 * learning_rate * np.broadcast_to(real_array(noise, "the noise", UserError), points.shape))
    if not np.min(width) > 0.0:
        raise UserError("the noise of the chain vanishes somewhere on its grid; add a floor to it")
    if np.min(width) < spacing * (1.0 - 1e-9):
        needed = math.ceil((points[-1] - points[0]) / np.min(width)) + 1
        raise UserError(
            f"the chain's grid of {len(points)} points is coarser than the noise of one step; take {needed} or more"
        )
    slope = _finite(np.broadcast_to(evaluated(gradient, points, "the gradient").reshape(-1), points.shape))
    mean = (points - learning_rate * slope - points[0]) / spacing
    return Chain(points, _gaussian_rows(mean, width / spacing))


def minibatch_chain(
    positions: ArrayLike, gradients: ArrayLike, learning_rate: float, batch_size: int, *, points: int | None = None
) -> Chain:
    """s -> s - eta (mean of g_n(s) over `batch_size` samples drawn with replacement), exactly, on `points` points.

    `gradients` (position, sample) at uniform `positions` (position,), linear in between. Where a step ends is shared
    among the four nearest points by the weights of cubic interpolation, which keep three moments of every step; for
    B > 1 the gradients are binned so at a quarter of the spacing, and the bins convolved B times by Fourier
    transform, to absolute precision 2e-16. Single entries may be slightly negative. For gradients smooth in s the
    error falls as h^4; compare two numbers of points (`chain_law`), above all where escape is very rare.
    """
    table_at, table = _uniform(positions), _finite(real_array(gradients, "the gradients", UserError))
    if table.ndim != 2 or len(table) != len(table_at):
        raise ValueError(f"gradients have shape {table.shape}, with {len(table_at)} positions")
    grid = np.linspace(table_at[0], table_at[-1], points or len(table_at))
    spacing = (table_at[-1] - table_at[0]) / (len(grid) - 1)
    place = (grid - table_at[0]) / (table_at[1] - table_at[0])
    below = np.minimum(place.astype(int), len(table_at) - 2)
    part = (place - below)[:, None]
    blocks = []
    rows = max(1, _MOST_NUMBERS // (4 * max(table.shape[1], len(grid))))
    for begin in range(0, len(grid), rows):
        chunk = slice(begin, begin + rows)
        own = table[below[chunk]] * (1.0 - part[chunk]) + table[below[chunk] + 1] * part[chunk]
        jumps = -learning_rate / batch_size / spacing * own
        origin = np.arange(len(grid))[chunk]
        dense = _single(jumps, origin, len(grid)) if batch_size == 1 else _batch(jumps, origin, batch_size, len(grid))
        blocks.append(scipy.sparse.csr_array(dense / dense.sum(axis=1, keepdims=True)))
    return Chain(grid, scipy.sparse.csr_array(scipy.sparse.vstack(blocks)))


def stationary(chain: Chain) -> Array:
    """pi = pi P, (n,), sum one; if P has no negative entry, to relative accuracy however slowly the chain mixes.

    NaN where negative entries of P give pi a negative part: escape is too rare for the grid, take more points. Raises
    `UserError` if the chain falls into parts.
    """
    law = np.empty(len(chain.grid))
    law[chain.order] = chain.elimination.stationary()
    if law[law < 0.0].sum() < -_NEGATIVE:
        law[:] = np.nan
    return law


def relaxation_steps(chain: Chain) -> float:
    """-1/ln|lambda_2| for the eigenvalue nearest to 1, the slowest mode: steps in which it decays by e.

    By Arnoldi on the inverse of 1 - P among vectors orthogonal to the stationary one, from an elimination without
    subtraction: 1 - lambda_2 to relative accuracy. Infinite where `stationary` would be NaN, and where it is beyond
    double precision.
    """
    elimination = chain.elimination
    law = elimination.stationary()

    def inverse(vector: Array) -> Array:
        centred = np.ravel(vector) - law @ np.ravel(vector)
        image = elimination.solve(centred)
        return image - law @ image

    operator = scipy.sparse.linalg.LinearOperator((len(law), len(law)), matvec=inverse, dtype=np.float64)
    start = np.linspace(-1.0, 1.0, len(law)) ** 3 + 0.1
    with np.errstate(over="ignore", invalid="ignore"):
        longest = np.abs(inverse(start)).max()
    if not longest < _LONGEST:
        return math.inf
    found = scipy.sparse.linalg.eigs(operator, k=min(2, len(law) - 2), v0=start, return_eigenvectors=False, tol=1e-10)
    gap = 1.0 / found[np.argmax(np.abs(found))]
    if gap.real <= 0.0 or law[law < 0.0].sum() < -_NEGATIVE:
        return math.inf
    # |lambda|^2 = 1 - 2 Re gap + |gap|^2, without rounding next to 1
    squared = -2.0 * gap.real + abs(gap) ** 2
    return -2.0 / math.log1p(squared) if squared > -1.0 else 0.0


def mean_first_passage_steps(chain: Chain, target: ArrayLike) -> Array:
    """Mean number of steps (n,) to the first entry into `target`, a mask of points (n,); zero in it.

    A boundary midway between two points is represented to second order in the spacing. NaN as in `stationary`.
    """
    inside = native_array(target, "the target", UserError).astype(bool)
    if not inside.any() or inside.all():
        raise UserError("the target of the escape holds no point of the chain, or all of them; move or resize it")
    outside = np.flatnonzero(~inside)
    dense = chain.matrix[outside].toarray()
    reduced = np.zeros((len(outside) + 1, len(outside) + 1))
    reduced[0, 0] = 1.0
    reduced[1:, 0] = dense[:, inside].sum(axis=1)
    reduced[1:, 1:] = dense[:, outside]
    steps = np.zeros(len(inside))
    steps[outside] = Elimination(reduced).solve(np.ones(len(reduced)))[1:]
    return np.where(steps < 0.0, np.nan, steps)


def interval_occupancy(chain: Chain, probabilities: ArrayLike, boundaries: ArrayLike) -> Array:
    """Probability of the intervals between `boundaries` (m,) and beyond: (m + 1,), cells being shared where cut."""
    cumulated = np.concatenate([[0.0], np.cumsum(real_array(probabilities, "the probabilities", UserError))])
    at = np.interp(real_array(boundaries, "the boundaries", UserError), chain.edges(), cumulated)
    return np.diff(np.concatenate([[0.0], at, [cumulated[-1]]]))


def core_rate(chain: Chain, law: Array, one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Moves a step from the core `one` to the core `other`, while `one` was the last core visited.

    With u(x) = P(at x, last core `one`): u = `law` in `one`, 0 in `other`, u = u P in between; the rate is
    (u P)(other)/sum u, what `estimators.hopping` measures in the stationary state.
    """
    matrix = chain.matrix.toarray()
    between = ~(one | other)
    last = np.where(one, law, 0.0)
    entering = last[one] @ matrix[np.ix_(one, between)]
    last[between] = np.linalg.solve(np.eye(int(between.sum())) - matrix[np.ix_(between, between)].T, entering)
    return float((last @ matrix[:, other]).sum() / last.sum())


@dataclass(frozen=True)
class ChainLaw:
    """`occupancy` of the intervals with its error of the grid, `relaxation_steps`, `end_probability` on both ends."""

    occupancy: Estimate
    relaxation_steps: float
    end_probability: float


def chain_law(build: Callable[[int], Chain], boundaries: ArrayLike, *, points: int = 601) -> ChainLaw:
    """Occupancy between `boundaries` (m,) from chains of `points` and nearly twice as many points.

    `build` makes the chain on a number of points. The error of the finer grid is taken as the difference of the two.
    """
    coarse = build(points)
    first = interval_occupancy(coarse, stationary(coarse), boundaries)
    fine = build(2 * points - 1)
    law = stationary(fine)
    second = interval_occupancy(fine, law, boundaries)
    estimate = Estimate(second, np.abs(second - first), 2 * points - 1)
    return ChainLaw(estimate, relaxation_steps(fine), float(law[0] + law[-1]))


def _uniform(grid: ArrayLike) -> Array:
    points = real_array(grid, "the grid", UserError)
    if points.ndim != 1 or len(points) < 3 or not np.allclose(np.diff(points), points[1] - points[0], rtol=1e-6):
        raise UserError("a chain needs three or more points at equal distances")
    if not points[1] > points[0]:
        raise UserError("the points of a chain must increase")
    return points


def _finite(gradients: Array) -> Array:
    if not np.all(np.isfinite(gradients)):
        raise UserError("the gradient is not finite somewhere on the chain's grid; take a shorter range")
    return gradients


def _gaussian_rows(mean: Array, width: Array) -> scipy.sparse.csr_array:
    """Rows of Gaussians with `mean` and `width` (n,) in units of the spacing; what lies beyond an end goes to it."""
    number = len(mean)
    reach = int(np.ceil(_REACH * width.max())) + 1
    column = np.rint(mean).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    weight = np.exp(-(((column - mean[:, None]) / width[:, None]) ** 2) / 2.0) / (
        width[:, None] * math.sqrt(2.0 * math.pi)
    )
    weight[(column < 0) | (column >= number)] = 0.0
    row = np.broadcast_to(np.arange(number)[:, None], column.shape)
    used = weight > 0.0
    ends = np.stack([scipy.special.ndtr((-0.5 - mean) / width), scipy.special.ndtr((mean - number + 0.5) / width)])
    rows = np.concatenate([row[used], np.arange(number), np.arange(number)])
    columns = np.concatenate([column[used], np.zeros(number, int), np.full(number, number - 1)])
    return _normalised(np.concatenate([weight[used], *ends]), rows, columns, (number, number))


def _single(jumps: Array, origin: NDArray[np.int64], number: int) -> Array:
    """Rows (row, n) of one-sample maps: `jumps` (row, sample) in units of the spacing."""
    return _histograms(np.clip(origin[:, None] + jumps, 0.0, number - 1.0), number)


def _batch(jumps: Array, origin: NDArray[np.int64], batch_size: int, number: int) -> Array:
    """Rows (row, n) of minibatch maps: the distribution of one jump, binned, to the power B in Fourier space."""
    lowest = np.floor(_FINER * jumps.min(axis=1)).astype(np.int64) - 1
    place = _FINER * jumps - lowest[:, None]
    bins = int(np.ceil(place.max())) + 3
    length = scipy.fft.next_fast_len(batch_size * (bins - 1) + 1, real=True)
    first = _FINER * origin + batch_size * lowest
    last = _FINER * (number - 1)
    columns, weights = _shares(np.arange(last + 1) / _FINER, number)
    rows = np.tile(np.arange(last + 1), 4)
    onto_grid = scipy.sparse.csr_array((weights.ravel(), (rows, columns.ravel())), shape=(last + 1, number))
    out = np.empty((len(origin), number))
    step = max(1, _MOST_NUMBERS // (length + last))
    for begin in range(0, len(origin), step):
        chunk = slice(begin, begin + step)
        total = scipy.fft.irfft(
            scipy.fft.rfft(_histograms(place[chunk], bins), length, axis=1) ** batch_size, length, axis=1
        )
        total[np.abs(total) < _ROUNDING] = 0.0
        fine = np.zeros((len(total), last + 1))
        for row, shift in enumerate(first[chunk]):
            low, high = np.clip([-shift, last + 1 - shift], 0, length)
            fine[row, low + shift : high + shift] = total[row, low:high]
            fine[row, 0] += total[row, :low].sum()
            fine[row, last] += total[row, high:].sum()
        out[chunk] = (onto_grid.T @ fine.T).T
    return out


def _histograms(place: Array, bins: int) -> Array:
    """Distribution (row, bin) of `place` (row, sample), in units of the bins, every sample shared among four."""
    columns, weights = _shares(place, bins)
    index = np.arange(len(place))[:, None] * bins + columns
    counts = np.bincount(index.ravel(), weights.ravel(), len(place) * bins)
    shared: Array = counts.reshape(len(place), bins) / place.shape[1]
    return shared


def _shares(place: Array, number: int) -> tuple[NDArray[np.int64], Array]:
    """Columns and weights (4, ...) by which `place` in [0, number - 1] is shared among the four nearest points.

    The weights of cubic interpolation, which keep three moments of the place; linear next to the ends.
    """
    below = np.minimum(place.astype(np.int64), number - 2)
    f = place - below
    inner = (below >= 1) & (below <= number - 3)
    weights = np.stack(
        [
            np.where(inner, -f * (f - 1.0) * (f - 2.0) / 6.0, 0.0),
            np.where(inner, (f + 1.0) * (f - 1.0) * (f - 2.0) / 2.0, 1.0 - f),
            np.where(inner, -(f + 1.0) * f * (f - 2.0) / 2.0, f),
            np.where(inner, (f + 1.0) * f * (f - 1.0) / 6.0, 0.0),
        ]
    )
    return np.clip(np.stack([below - 1, below, below + 1, below + 2]), 0, number - 1), weights


def _normalised(weights: Array, rows: Array, columns: Array, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    matrix = scipy.sparse.coo_array((weights, (rows, columns)), shape=shape).tocsr()
    matrix.eliminate_zeros()
    total = np.asarray(matrix.sum(axis=1)).ravel()
    return scipy.sparse.csr_array(scipy.sparse.diags_array(1.0 / total) @ matrix)
