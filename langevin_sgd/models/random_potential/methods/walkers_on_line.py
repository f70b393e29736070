"""A line by walkers: the stochastic equation itself, step by step, in the potentials of the master equation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.scan_points import trajectory_numbers
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.models.random_potential.known import Known
from langevin_sgd.models.random_potential.potentials import Arrays, Disorders, line, ln_times
from langevin_sgd.noise import IsotropicNoise
from langevin_sgd.storage.checkpoint import NoCheckpoint
from langevin_sgd.storage.keeper import Keeper, Keeps, Pace, part, prefixed

MOST_WALKER_STEPS = 1e14
"""Of a run: about a day on two cores."""

_FIRST_SEGMENT = 1e8  # steps of one walker, before it is known how long they take

CENSORED_SHARE = 1e-3
"""A disorder counts as censored once so many of its walkers have been in the outermost cells of the box."""


def walk(
    model: Known,
    disorders: Disorders,
    *,
    seed: int,
    device: str = "auto",
    threads: int | None = None,
    told: Callable[[float], None] = lambda share: None,
    keeper: Keeps | None = None,
) -> Arrays:
    """Thermal averages over the walkers of each of these disorders, which start on its middle site.

    The potential is linear between the sites (`Tabulated`), as is that of the master equation on a refined lattice
    (`line.refined`). Every recorded time is hit exactly: the steps of an interval are equal and none is longer than
    the model's `time_step`, or `Line.natural_time_step`. What is returned of a disorder depends on the seed, its number
    and the model alone. `told` gets the share of the time that is done, about once a second. With a `keeper` a walk
    that was interrupted goes on to the same bits. Raises `IntegrationError` for a last time that is out of reach.
    """
    assert model.walkers is not None
    law = line(model)
    longest = model.time_step or law.natural_time_step(model.thermal_energy)
    _check_reach(model, longest)
    potential = law.potential(seed, disorders, threads=threads)
    table = Tabulated(potential, spacing=law.spacing)
    rows, walkers = len(disorders), model.walkers
    origin = np.zeros((1, rows * walkers))
    numbers = trajectory_numbers(disorders.tolist(), walkers)
    keeper = keeper or Keeper(NoCheckpoint())
    saved = keeper.saved
    if saved:
        state, index = State.from_arrays(part(saved, "state")), int(saved["interval"])
    else:
        state, index = State(0, {"position": origin}, origin.copy(), numbers, np.full(numbers.size, -1)), 0
    # the first passage is looked at after every step: who turns back at an end before the next record has been there
    edge = Record(first_passage="x < left_end + spacing or x > right_end - spacing")
    times = np.exp(ln_times(model))
    moments = saved["moments"] if saved else np.full((3, rows, times.size), np.nan)
    mean, squared, reached = moments
    intervals = np.diff(times, prepend=0.0)
    counts = [math.ceil(interval / longest * (1.0 - 1e-12)) for interval in intervals]
    ends = np.cumsum(counts)

    def after_launch(step: int) -> None:
        told((times[index] - (ends[index] - step) * (intervals[index] / counts[index])) / times[-1])

    pace = Pace(_FIRST_SEGMENT / numbers.size)
    while index < times.size:
        steps = pace.next(int(ends[index]) - state.step)
        state = integrate(
            table, IsotropicNoise(2.0 * model.thermal_energy), time_step=intervals[index] / counts[index], steps=steps,
            trajectories=walkers, scan={"disorder": range(rows)}, seed=seed, state=state, record=edge,
            device=device, threads=threads, after_launch=after_launch,
        ).state  # fmt: skip
        pace.done(steps)
        if state.step == ends[index]:
            position = state.vectors["position"].reshape(rows, walkers)
            mean[:, index] = position.mean(axis=1)
            squared[:, index] = (position**2).mean(axis=1)
            reached[:, index] = (state.passage.reshape(rows, walkers) >= 0).mean(axis=1)
            index += 1
        keeper.tell(partial(_kept, state, index, moments))
    return {
        "squared_displacement": squared,
        "mean_displacement": mean,
        "censored": reached > CENSORED_SHARE,
        "position_draw": state.vectors["position"].reshape(rows, walkers),
        "squared_increment": law.squared_increments(potential),
    }


def _kept(state: State, interval: int, moments: NDArray[np.float64]) -> Arrays:
    """What `walk` goes on from: moments of later intervals are filled in again."""
    return {**prefixed("state", state.arrays()), "interval": np.array(interval), "moments": moments}


def _check_reach(model: Known, longest: float) -> None:
    last = model.ln_time[1]
    walkers = model.disorders * (model.walkers or 0)
    reach = math.log(MOST_WALKER_STEPS / walkers * longest)
    if last > reach:
        raise IntegrationError(
            f"{walkers} walkers cannot follow to ln t = {last:g} by steps of {longest:.3g}: end before {reach:.3g}, "
            "or take method: master_equation"
        )
