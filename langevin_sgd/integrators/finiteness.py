"""Whether all that a run holds and records is a number: positions, recorded quantities, the first-passage condition.

Every backend counts what is not while it runs, and asks here after each launch; so all of them tell the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.divergence import Diverged, NotFinite
from langevin_sgd.integrators.generate import is_generated
from langevin_sgd.integrators.problem import Problem
from langevin_sgd.landscapes.formula import symbol
from langevin_sgd.landscapes.symbols import sympy

Float = NDArray[np.floating[Any]]

_MEND = (
    "take a smaller time_step, a landscape that is finite and confines wherever they go, or a noise variance that is "
    "not negative"
)
_MEND_FORMULA = "take a smaller time_step, or a formula that is finite wherever they go"


@dataclass
class Faults:
    """Trajectories of which a recorded quantity was not finite.

    `counts` (records, quantities, 2): of finite position, and of a position that is not finite itself. `first`
    (records, quantities): the lowest place of any of them, the number of trajectories where there is none. `groups`:
    the points that have any, as far as the backend tells.
    """

    counts: NDArray[np.int64]
    first: NDArray[np.int64]
    groups: NDArray[np.bool_]

    @classmethod
    def none(cls, problem: Problem) -> Faults:
        """No fault yet."""
        shape = (problem.record_steps.size, len(problem.quantities.names))
        return cls(
            np.zeros((*shape, 2), np.int64),
            np.full(shape, problem.numbers.size, np.int64),
            np.zeros(problem.group_count, np.bool_),
        )


def undecided_at(step: int) -> int:
    """What stands for the step of first passage of a trajectory whose condition had no truth value at that step."""
    return -1 - step


def check_finite(problem: Problem, faults: Faults, step: int) -> None:
    """Raise for the earliest step up to `step` at which something is no number.

    `NotFinite` names a quantity or the first-passage condition of trajectories at finite positions, `Diverged` is
    raised where the positions are not finite; both tell the `points` in which anything was no number up to `step`.
    `IntegrationError`: it was so at the start already.
    """
    try:
        _check_finite(problem, faults, step)
    except Diverged as error:
        error.points = _lost_points(problem, faults)
        raise


def _lost_points(problem: Problem, faults: Faults) -> tuple[int, ...]:
    lost = ~np.isfinite(problem.state[: problem.program.dimension]).all(axis=0) | (problem.passage < -1)
    seen = faults.first[faults.counts.any(axis=2)]
    groups = {*problem.groups[lost].tolist(), *problem.groups[seen].tolist(), *np.flatnonzero(faults.groups).tolist()}
    return tuple(sorted(groups))


def _check_finite(problem: Problem, faults: Faults, step: int) -> None:
    recorded = np.flatnonzero(faults.counts.any(axis=(1, 2)))
    lost = np.flatnonzero(problem.passage < -1)
    of_passage = int((-1 - problem.passage[lost]).min(initial=np.iinfo(np.int64).max))
    of_record = int(problem.record_steps[recorded[0]]) if recorded.size else of_passage
    if lost.size and of_passage <= of_record:
        here = np.flatnonzero(problem.passage == undecided_at(of_passage))
        raise NotFinite(
            of_passage, "what the first-passage condition compares", _share(problem, here.size, int(here[0]))
        )
    if recorded.size:
        _raise_recorded(problem, faults.counts[recorded[0]], faults.first[recorded[0]], of_record)
    positions = problem.state[: problem.program.dimension]
    bad = ~np.isfinite(positions).all(axis=0)
    if not bad.any():
        return
    which = int(np.flatnonzero(bad)[0])
    _check_start(problem, which)
    raise Diverged(step, detail=_lost(problem, int(bad.sum()), which))


def check_moments(problem: Problem, moments: Float) -> None:
    """Raise `NotFinite` where the mean of finite numbers, or that of their squares, is beyond the largest number."""
    bad = ~np.isfinite(moments).all(axis=2)  # (records, means, groups)
    if bad.any():
        places = np.argwhere(bad)
        record, q, _ = places[0]
        name = problem.quantities.titles[problem.quantities.means[q]]
        error = NotFinite(
            int(problem.record_steps[record]),
            f"the mean or the variance of {name}",
            "though it is in every trajectory; record its logarithm, or take a smaller time_step",
        )
        error.points = tuple(np.unique(places[:, 2]).tolist())
        raise error


def _raise_recorded(problem: Problem, counts: NDArray[np.int64], first: NDArray[np.int64], step: int) -> None:
    """`counts` (quantities, 2) and `first` (quantities,) of one record."""
    row = int(np.argmax(counts[:, 0] > 0)) if counts[:, 0].any() else int(np.argmax(counts[:, 1]))
    which = int(first[row])
    _check_start(problem, which)
    if not counts[row, 0]:
        raise Diverged(step, detail=_lost(problem, int(counts[row, 1]), which))
    name, number = problem.quantities.titles[row], int(counts[row, 0])
    if step == 0:
        raise IntegrationError(
            f"{name} is not finite at the start {_start(problem, which)} of trajectory {which}, and of {number} of "
            f"{problem.numbers.size} in all; start elsewhere, or mend the formula"
        )
    raise NotFinite(step, name, _share(problem, number, which))


def _share(problem: Problem, number: int, which: int) -> str:
    size = problem.numbers.size
    return (
        f"in {number} of {size} trajectories ({100.0 * number / size:.3g}%) whose positions are finite, the first is "
        f"number {which}{_point(problem, which)}; {_MEND_FORMULA}"
    )


def _lost(problem: Problem, number: int, which: int) -> str:
    return (
        f"{number} of {problem.numbers.size} trajectories are no longer finite, the first is number {which}"
        f"{_point(problem, which)}; {_MEND}"
    )


def _point(problem: Problem, which: int) -> str:
    """The parameters of a trajectory that differ from those of others, as far as the caller knows them."""
    names = [name for name in problem.varying_names if not name.startswith("_")]
    own = ", ".join(f"{name} {float(problem.values[name][which]):.4g}" for name in names)
    return f" at {own}" if own else ""


def _start(problem: Problem, which: int) -> str:
    start = problem.start[:4, which]
    return "(" + ", ".join(f"{x:.6g}" for x in start) + (", ..." if len(problem.start) > 4 else "") + ")"


def _check_start(problem: Problem, which: int) -> None:
    """Raise `IntegrationError` when drift or noise was no number where the trajectory started."""
    start = np.asarray(problem.start[:, which], dtype=np.float64)
    for what, value in (("drift", _drift(problem, start, which)), ("noise", _noise(problem, start, which))):
        if not np.isfinite(value).all():
            raise IntegrationError(
                f"the {what} is not finite at the start {_start(problem, which)} of trajectory {which}; start "
                "elsewhere, or mend the formula"
            )


def _own(problem: Problem, names: Any, which: int) -> dict[str, float]:
    return {name: float(np.broadcast_to(problem.values[name], problem.numbers.size)[which]) for name in names}


def _drift(problem: Problem, start: Float, which: int) -> Float:
    """The drift where a trajectory started, (d,)."""
    landscape = problem.landscape
    if not is_generated(landscape):
        import torch

        slope: Float = -landscape.gradient_at(torch.as_tensor(start[:, None]))[:, 0].numpy()
        return slope
    with np.errstate(all="ignore"):
        return landscape.drift_at(start, **_own(problem, landscape.parameters, which))


def _noise(problem: Problem, start: Float, which: int) -> Float:
    """The amplitude where a trajectory started, (d, m); of a callable landscape it is constant, and was checked."""
    if not is_generated(problem.landscape):
        return np.zeros(1)
    coordinates = problem.landscape.coordinates
    amplitude = problem.noise.amplitude(coordinates)
    own = _own(problem, problem.noise.parameters, which)
    arguments = [*coordinates, *(symbol(name) for name in own)]
    function = sympy.lambdify(arguments, amplitude.tolist(), "numpy", dummify=True)
    with np.errstate(all="ignore"):
        return np.array(function(*start, *own.values()), np.float64)
