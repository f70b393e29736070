"""Surrogate of diffusion in a random potential that can be drawn exactly: to plan runs and to calibrate estimators.

x(t) = length_scale(t) xi(t), where xi has the Kesten-Golosov law at every time and is drawn anew at a constant rate k
per unit of ln(ln t + c). Then x^2 correlates over time as ((ln t + c)/(ln t' + c))^k; in the strong-disorder limit of
alpha = 1 the measured exponent is 3.4. With k = 0 every disorder keeps its xi. For alpha other than 1 only the growth
is that of the true process, not the law of xi.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers.streams import Stream, words
from langevin_sgd.real_array import real_array
from langevin_sgd.theory import logarithmic_diffusion as theory

Array = NDArray[np.float64]

RATE = 3.4
_GAP_STEP, _POSITION_STEP = 1, 0


def renewal_positions(
    disorders: ArrayLike,
    ln_time: ArrayLike,
    *,
    seed: int,
    alpha: float = 1.0,
    amplitude: float = 1.0,
    thermal_energy: float = 1.0,
    shift: float = 0.0,
    rate: float = RATE,
) -> Array:
    """Positions (disorder, time) of the surrogate for the numbered `disorders`, at ascending `ln_time`.

    Disorder 7 is the same whichever others are asked for. Raises `UserError` unless 0 < alpha < 2 and ln t + c > 0.
    """
    scale = theory.length_scale(ln_time, alpha=alpha, amplitude=amplitude, thermal_energy=thermal_energy, shift=shift)
    clock = rate * np.log(real_array(ln_time, "the ln time", UserError) + shift)
    clock -= clock[0]
    # a Poisson count above this has probability below 1e-12
    most = math.ceil(clock[-1] + 8.0 * math.sqrt(clock[-1]) + 20.0)
    numbers = np.asarray(disorders)
    gaps = -np.log(_uniform(seed, numbers, _GAP_STEP, most))
    renewals = np.sum(gaps.cumsum(axis=1)[:, :, None] <= clock, axis=1)
    used = int(renewals.max()) + 1
    xi = theory.quantile(_uniform(seed, numbers, _POSITION_STEP, used))
    return np.take_along_axis(xi, renewals, axis=1) * scale


def _uniform(seed: int, disorders: NDArray[np.int64], step: int, components: int) -> Array:
    drawn = words(
        seed,
        trajectories=disorders,
        steps=np.array([step]),
        components=components,
        stream=Stream.POSITION_DRAW,
    )[0]
    uniform: Array = (drawn + 0.5) * 2.0**-32
    return uniform
