"""The minimum of the full training energy, to a given gradient norm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.training.full_batch import FullBatch

Array = NDArray[np.float64]

_QUASI_NEWTON_STEPS = 5000
_MEMORY = 50  # fewer where so many vectors would cost more than the gradients
_NUMBERS_IN_MEMORY = 1_000_000
_NEWTON_STEPS = 50
_LONGEST_HALVING = 30
_POLISHING_STEPS = 6


@dataclass(frozen=True)
class Minimum:
    """A point with small gradient: position (d,), energy, and the gradient (d,) left there."""

    position: Array
    energy: float
    gradient: Array

    @property
    def gradient_norm(self) -> float:
        """|grad E|, the 2-norm."""
        return float(np.linalg.norm(self.gradient))


def find(
    full: FullBatch,
    start: Array,
    *,
    tolerance: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Minimum:
    """Minimise the energy from `start` (d,) until |grad E| <= tolerance (2-norm).

    Limited-memory BFGS (Liu and Nocedal 1989) goes most of the way; where it stalls, Newton steps with conjugate
    gradients on Hessian products finish it. Raises `UserError` with the norm reached if that does not suffice, as for a
    loss without minimum (separable data without weight decay). That it is no saddle shows in the Hessian's eigenvalues.
    """
    steps, best = 0, (np.inf, start)

    def evaluate(w: Array) -> tuple[float, Array]:
        nonlocal best
        energy, gradient = full.energy_and_gradient(w)
        norm = float(np.linalg.norm(gradient))
        if norm < best[0]:
            best = norm, w.copy()
        return energy, gradient

    def after_step(_: Array) -> None:
        nonlocal steps
        steps += 1
        progress(steps, _QUASI_NEWTON_STEPS)
        if best[0] <= tolerance:
            raise StopIteration

    options = {
        "maxiter": _QUASI_NEWTON_STEPS,
        "maxfun": 2 * _QUASI_NEWTON_STEPS,
        "maxcor": min(_MEMORY, max(10, _NUMBERS_IN_MEMORY // full.dimension)),
        "ftol": 0,
        "gtol": 0,
    }
    scipy.optimize.minimize(evaluate, start, jac=True, method="L-BFGS-B", callback=after_step, options=options)
    found = _at(full, _newton(full, best[1], tolerance))
    if not found.gradient_norm <= tolerance:
        raise UserError(
            f"no minimum was found: the gradient norm is still {found.gradient_norm:.2g} after {steps} "
            f"steps of L-BFGS and Newton's method, and {tolerance:g} is needed; give the loss a minimum with "
            "sgd.weight_decay > 0, or raise gradient_tolerance"
        )
    return found


def polish(full: FullBatch, found: Minimum) -> Minimum:
    """The minimum as exactly as rounding allows: Newton steps for as long as each halves the gradient at least.

    A small gradient is not enough for the curvature: where the loss is flat it leaves a distance |grad E|/k, and in
    modes that the noise does not reach at the minimum itself it leaves noise.
    """
    for _ in range(_POLISHING_STEPS):
        trial = _at(full, found.position + _newton_step(full, found.position, found.gradient))
        if not trial.gradient_norm < 0.5 * found.gradient_norm:
            break
        found = trial
    return found


def _at(full: FullBatch, position: Array) -> Minimum:
    return Minimum(position, *full.energy_and_gradient(position))


def _newton(full: FullBatch, position: Array, tolerance: float) -> Array:
    """Newton steps, halved until the gradient shrinks; ends when it is small enough or shrinks no more."""
    energy, gradient = full.energy_and_gradient(position)
    for _ in range(_NEWTON_STEPS):
        norm = float(np.linalg.norm(gradient))
        if norm <= tolerance or not np.isfinite(norm):
            break
        step = _newton_step(full, position, gradient)
        for halving in range(_LONGEST_HALVING):
            trial = position + 0.5**halving * step
            trial_energy, trial_gradient = full.energy_and_gradient(trial)
            if np.linalg.norm(trial_gradient) < norm and trial_energy <= energy + abs(energy) * 1e-12:
                break
        else:
            break
        position, energy, gradient = trial, trial_energy, trial_gradient
    return position


def _newton_step(full: FullBatch, position: Array, gradient: Array) -> Array:
    """-H^-1 grad E by conjugate gradients."""
    operator = scipy.sparse.linalg.LinearOperator(
        (full.dimension, full.dimension), matvec=lambda v: full.hessian_products(position, v.reshape(1, -1))[0]
    )
    # forcing term of Eisenstat and Walker (1996): superlinear convergence without solving exactly far away
    tolerance = min(0.1, float(np.linalg.norm(gradient)) ** 0.5)
    step, _ = scipy.sparse.linalg.cg(operator, -gradient, rtol=tolerance, maxiter=min(10 * full.dimension, 500))
    result: Array = step
    return result
