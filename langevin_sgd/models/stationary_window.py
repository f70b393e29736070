"""The stationary window of a run: when it starts and how often it is sampled."""

from __future__ import annotations

import math
from typing import NamedTuple

from langevin_sgd.errors import UserError

RELAXATIONS_BEFORE_WINDOW = 5.0
SAMPLES = 400
"""About how many samples are taken of a window if a config does not say."""
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


class Window(NamedTuple):
    """Steps to discard, and the number of steps between samples afterwards."""

    burn_in: int
    every: int


def stationary_window(
    *,
    steps: int,
    slowest_autocorrelation_time: float,
    since: int = 0,
    burn_in: int | None = None,
    every: int | None = None,
    batches_per_epoch: int | None = None,
) -> Window:
    """Fill in what the config leaves open.

    `burn_in` defaults to five autocorrelation times of the slowest noisy mode, when the variance is within exp(-10) of
    stationary, counted from the step `since` which the learning rate stays as it is, but to no more than half of the
    run from there. `every` defaults to about 400 samples. With epoch sampling it is
    the next number that is coprime with the batches of an epoch and advances the phase by nearly the golden section of
    an epoch, so that any number of samples spreads evenly over the phases; a given `every` that is not coprime raises
    `UserError`.
    """
    if burn_in is None:
        burn_in = since + min(math.ceil(RELAXATIONS_BEFORE_WINDOW * slowest_autocorrelation_time), (steps - since) // 2)
    if every is None:
        every = max(1, (steps - burn_in) // SAMPLES)
        if batches_per_epoch is not None:
            every = _spread_over_phases(every, batches_per_epoch)
    elif batches_per_epoch is not None and math.gcd(every, batches_per_epoch) != 1:
        raise UserError(
            f"sample_every: {every} shares a factor with the {batches_per_epoch} batches of an epoch, so some phases "
            "of the epoch would never be sampled; choose a coprime number or leave it out"
        )
    if burn_in + every > steps:
        raise UserError(f"steps: {steps} leave no room for a sample after burn_in {burn_in} at every {every} steps")
    return Window(burn_in, every)


def expected_samples(steps: int, *, burn_in: int | None, every: int | None) -> int:
    """About how many samples the window of a run has; the burn-in that is not given is not yet known."""
    window = steps - (burn_in or 0)
    return max(1, min(window, SAMPLES) if every is None else window // every)


def window_of(steps: int, samples: int) -> dict[str, int]:
    """Keys of a window with so many samples at the end of a run, or with all of its steps."""
    return {"burn_in": max(0, steps - samples), "sample_every": 1}


def _spread_over_phases(every: int, batches: int) -> int:
    """The number from `every` to `every + batches` that is coprime with `batches` and nearest to the golden section."""
    candidates = [number for number in range(every, every + batches) if math.gcd(number, batches) == 1]
    return min(candidates, key=lambda number: abs(number % batches - GOLDEN * batches))
