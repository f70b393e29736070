"""Sums of waves by walkers, in any dimension: the stochastic equation itself, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.devices import TENSORS, place
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.scan_points import trajectory_numbers
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.fourier import Fourier
from langevin_sgd.models.random_potential.known import Known
from langevin_sgd.models.random_potential.potentials import Arrays, Disorders, ln_times, waves
from langevin_sgd.noise import IsotropicNoise
from langevin_sgd.storage.checkpoint import NoCheckpoint
from langevin_sgd.storage.keeper import Keeper, Keeps, Pace, part, prefixed

_FIRST_SEGMENT = 1e9  # waves at one coordinate of one walker, before it is known how long they take
_PHASE_OF_FLOAT32 = 1e4  # resolved to 1e-3


def walk(
    model: Known,
    disorders: Disorders,
    *,
    seed: int,
    device: str = "auto",
    told: Callable[[float], None] = lambda share: None,
    keeper: Keeps | None = None,
) -> Arrays:
    """<x^2> over the walkers of each of these disorders, which start at the origin.

    In few dimensions the fused kernel runs on CPUs, with positions in float64; elsewhere tensors, in float32 where that
    resolves the phases. A disorder is censored from when one of its walkers has gone further than the range in which
    the structure function is a power law. `told` gets the share of the steps that is done, about once a second. With a
    `keeper` a walk that was interrupted goes on to the same bits.
    """
    law = waves(model)
    assert model.walkers is not None
    walkers = model.walkers
    potential = law.potential(seed, disorders, walkers=walkers)
    step = model.time_step or law.natural_time_step(model.thermal_energy)
    steps = np.unique(np.maximum(np.rint(np.exp(ln_times(model)) / step), 1.0).astype(np.int64))
    numbers = trajectory_numbers(disorders.tolist(), walkers)
    origin = np.zeros((law.dimension, disorders.size * walkers))
    placed = place(device, model.engines())
    fused = placed.engine is not TENSORS
    keeper = keeper or Keeper(NoCheckpoint())
    saved = keeper.saved
    state = State(0, {"position": origin}, origin.copy(), numbers, np.full(origin.shape[1], -1))
    squared = np.empty((disorders.size, walkers, 0))
    if saved:
        state, squared = State.from_arrays(part(saved, "state")), saved["squared"]
    pace = Pace(_FIRST_SEGMENT / (origin.size * law.features))
    while state.step < steps[-1]:
        length = pace.next(int(steps[-1]) - state.step)
        ran = integrate(
            potential,
            IsotropicNoise(2.0 * model.thermal_energy),
            time_step=step,
            steps=length,
            trajectories=walkers,
            scan=potential.scan,
            seed=seed,
            state=state,
            until=int(steps[-1]),
            record=Record(steps=steps.tolist(), each=("squared_displacement",)),
            precision="mixed" if fused or _largest_phase(law) >= _PHASE_OF_FLOAT32 else "float32",
            backend="fused" if fused else "batched",
            device=placed.device,
            after_launch=lambda step: told(step / int(steps[-1])),
        )
        pace.done(length)
        recorded = ran.data["squared_displacement"]
        found = recorded.values.reshape(disorders.size, walkers, recorded.sizes["time"])
        state, squared = ran.state, np.concatenate([squared, found], axis=-1)
        keeper.tell(partial(_kept, state, squared))
    beyond = (squared > law.valid_range()[1] ** 2).any(axis=1)
    return {
        "squared_displacement": squared.mean(axis=1),
        "censored": np.logical_or.accumulate(beyond, axis=1),
        "squared_increment": law.squared_increments(potential),
        "time": steps * step,
    }


def _kept(state: State, squared: NDArray[np.float64]) -> Arrays:
    """What `walk` goes on from."""
    return {**prefixed("state", state.arrays()), "squared": squared}


def _largest_phase(law: Fourier) -> float:
    """k.w of the shortest wave at the end of the valid range."""
    return law.largest_wave_number * law.valid_range()[1] / math.sqrt(law.dimension)
