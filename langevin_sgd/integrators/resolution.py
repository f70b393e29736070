"""Whether the numbers of a state can hold the steps that are added to it.

A step that is smaller than the spacing of the floating-point numbers around a coordinate is rounded away, or up to a
whole spacing: <dx^2> of free diffusion from 1e5 in float32 comes out hundreds of times too large.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.array_functions import NUMPY, ArrayFunctions, compiled, sources_of
from langevin_sgd.integrators.problem import Problem

_WALKERS = 16  # of each point, so that what is said of it does not hang on the other points
_DRAWS = 8
_WIDE = np.longdouble  # finer than a double where the machine has it: a step lost in doubles is to be seen
_SPACINGS = 10.0  # a drift without noise is missed where it should have gone farther

Array = NDArray[np.float64]


class Unresolved(IntegrationError):
    """Steps that are rounded away. `points` are the places of those points of a launch in which they are."""

    points: tuple[int, ...] = ()


def check_resolution(problem: Problem, step: int) -> None:
    """Raise `Unresolved` where the typical step of most walkers of a point is under the spacing of its numbers.

    Typical is the root mean square of a step from where the walkers stand, computed over draws of the noise.
    Without noise a drift that dies out at a minimum is no fault: only one that would go on, and is rounded away, is.
    A table and a callable landscape are not looked at.
    """
    if not problem.landscape.whole_formula or not problem.numbers.size:
        return
    chosen = _chosen(problem)
    state = problem.state[:, chosen]
    d = problem.program.dimension
    spacing = np.spacing(np.abs(state[:d])).astype(np.float64)
    steps = _steps(problem, state.astype(_WIDE), chosen)
    noisy = steps.max(axis=0) != steps.min(axis=0)
    with np.errstate(over="ignore"):  # of walkers that are on their way out
        size = np.sqrt((steps**2).mean(axis=0))
    small = noisy & (size < spacing)
    still = ~noisy & (size < spacing / 2.0)
    if still.any():
        small |= still & _goes_on(problem, state.astype(_WIDE), chosen, steps[0], spacing)
    members = np.bincount(problem.groups[chosen], minlength=problem.group_count)
    shares = np.stack([np.bincount(problem.groups[chosen], row, problem.group_count) for row in small]) / members
    if shares.max() > 0.5:
        i = int(np.argmax(shares.max(axis=1) > 0.5))
        here = int(np.flatnonzero(small[i] & (problem.groups[chosen] == int(shares[i].argmax())))[0])
        error = Unresolved(_message(problem, step, i, float(state[i, here]), size[i, here], spacing[i, here]))
        error.points = tuple(np.flatnonzero((shares > 0.5).any(axis=0)).tolist())
        raise error


def _chosen(problem: Problem) -> NDArray[np.int64]:
    """Trajectories of every point, spread over all that it has."""
    first = np.searchsorted(problem.groups, np.arange(problem.group_count + 1))
    counts = np.diff(first)
    spread = np.minimum(np.arange(_WALKERS) * counts[:, None] // _WALKERS, counts[:, None] - 1)
    places: NDArray[np.int64] = (first[:-1, None] + spread).reshape(-1)  # ascending
    return places[np.diff(places, prepend=-1) > 0]


def _message(problem: Problem, step: int, coordinate: int, position: float, size: float, spacing: float) -> str:
    name = problem.landscape.variables[coordinate]
    single = problem.state.dtype == np.float32
    mend = "take precision='mixed' (float64), a larger time_step" if single else "take a larger time_step"
    return (
        f"a typical step of {name} is {size:.3g} at step {step}, and the numbers around {name} = {position:.6g} lie "
        f"{spacing:.3g} apart in {problem.state.dtype.name}, so that steps are rounded away; {mend}, or put the origin "
        "near the walkers"
    )


@lru_cache(maxsize=64)  # asked for every launch of a scan
def _functions(sources: tuple[tuple[str, str], ...]) -> ArrayFunctions:
    return compiled(dict(sources), NUMPY)


def _steps(problem: Problem, state: NDArray[np.longdouble], chosen: NDArray[np.int64]) -> Array:
    """Steps of the position from `state` (V, n) with `_DRAWS` draws of the noise, (draw, d, n)."""
    functions = _functions(tuple(sources_of(problem.program).items()))
    values = problem.program.coefficients.values(problem.values)
    here = [value[chosen] if np.ndim(value) else value for value in values]
    d, draws = problem.program.dimension, problem.program.draws
    normal = np.random.default_rng(0)  # of no consequence for the run
    groups = problem.groups[chosen]
    rank = np.arange(chosen.size) - np.searchsorted(groups, groups)  # the same draws for every point
    out = np.empty((_DRAWS, d, chosen.size))
    with np.errstate(all="ignore"):
        for k in range(_DRAWS):
            z = normal.standard_normal((draws, _WALKERS))[:, rank].astype(_WIDE)
            after = functions.step(state, z, here)
            out[k] = np.stack([np.broadcast_to(row, chosen.size) for row in after[:d]]) - state[:d]
    return out


def _goes_on(
    problem: Problem, state: NDArray[np.longdouble], chosen: NDArray[np.int64], move: Array, spacing: Array
) -> NDArray[np.bool_]:
    """Where steps of the same size as `move` (d, n) would lead out of sight of the start, and on from there."""
    length = problem.end - problem.begin
    ahead = state.copy()
    ahead[: len(move)] += length * move
    later = _steps(problem, ahead, chosen)[0]
    goes: NDArray[np.bool_] = (np.abs(length * move) > _SPACINGS * spacing) & (np.sign(later) * np.sign(move) > 0.0)
    return goes
