"""The minimum that weights fall into when the noise is taken away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.training import minimum
from langevin_sgd.training.full_batch import FullBatch

Array = NDArray[np.float64]

_DESCENT_STEPS = 200
_LONGEST_HALVING = 40


def quench(full: FullBatch, w: Array, *, tolerance: float) -> minimum.Minimum:
    """The minimum of the energy below `w` (d,).

    Gradient descent whose step is halved wherever the energy does not fall by half of what the slope promises (Armijo)
    keeps close to the path of steepest descent; `minimum.find` does the rest. Raises `UserError` if it finds none.
    """
    rate = 1.0
    energy, gradient = full.energy_and_gradient(w)
    for _ in range(_DESCENT_STEPS):
        square = float(gradient @ gradient)
        if square <= tolerance**2:
            break
        for _ in range(_LONGEST_HALVING):
            trial = w - rate * gradient
            trial_energy, trial_gradient = full.energy_and_gradient(trial)
            if trial_energy <= energy - 0.5 * rate * square:
                break
            rate *= 0.5
        w, energy, gradient = trial, trial_energy, trial_gradient
    return minimum.find(full, w, tolerance=tolerance)
