"""The stationary window of a run: when it starts and how often it is sampled."""

from __future__ import annotations

import math
from typing import NamedTuple

from langevin_sgd.errors import UserError

RELAXATIONS_BEFORE_WINDOW = 5.0
SAMPLES = 400


class Window(NamedTuple):
    """Steps to discard, and the number of steps between samples afterwards."""

    burn_in: int
    every: int


def stationary_window(
    *,
    steps: int,
    slowest_autocorrelation_time: float,
    burn_in: int | None = None,
    every: int | None = None,
    batches_per_epoch: int | None = None,
) -> Window:
    """Fill in what the config leaves open.

    `burn_in` defaults to five autocorrelation times of the slowest noisy mode, when the variance is within exp(-10) of
    stationary, but to no more than half of the run. `every` defaults to about 400 samples. With epoch sampling it is
    made coprime with the number of batches per epoch, so that all phases of the epoch are visited equally; a given
    `every` that is not coprime raises `UserError`.
    """
    if burn_in is None:
        burn_in = min(math.ceil(RELAXATIONS_BEFORE_WINDOW * slowest_autocorrelation_time), steps // 2)
    if every is None:
        every = max(1, (steps - burn_in) // SAMPLES)
        while batches_per_epoch is not None and math.gcd(every, batches_per_epoch) != 1:
            every += 1
    elif batches_per_epoch is not None and math.gcd(every, batches_per_epoch) != 1:
        raise UserError(
            f"sample_every: {every} shares a factor with the {batches_per_epoch} batches of an epoch, so some phases "
            "of the epoch would never be sampled; choose a coprime number or leave it out"
        )
    if burn_in + every > steps:
        raise UserError(f"steps: {steps} leave no room for a sample after burn_in {burn_in} at every {every} steps")
    return Window(burn_in, every)
