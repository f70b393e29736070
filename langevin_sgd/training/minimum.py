"""The minimum of the full training energy, to a given gradient norm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.lanczos import Lanczos

Array = NDArray[np.float64]

_QUASI_NEWTON_STEPS = 5000
_MEMORY = 50  # fewer where so many vectors would cost more than the gradients
_NUMBERS_IN_MEMORY = 1_000_000
_NEWTON_STEPS = 50
_TRUST_REGION_STEPS = 100
_LONGEST_HALVING = 30
_POLISHING_STEPS = 6
_SADDLES = 10  # that are left, one after the other
_LOOKS, _MOST_LOOKS = 40, 160  # Hessian products for the lowest curvature: more where the first leave its sign open
_ROUGHLY = 0.1  # of the gradient: what a step to the minimum leaves of it that only says how far that is
_ROUGH_STEPS = 200
_TURNED = 10.0  # |grad|/|w|: so much curvature, of either sign, is seen where a small gradient turns with the weights
_ROUNDING = 1e-10  # of the largest curvature


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


@dataclass(frozen=True)
class Lowest:
    """The lowest curvature seen at a point, along the unit vector `direction` (d,), and whether that makes a saddle."""

    curvature: float
    direction: Array
    is_negative: bool


def find(
    full: FullBatch,
    start: Array,
    *,
    tolerance: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Minimum:
    """Minimise the energy from `start` (d,) until |grad E| <= tolerance (2-norm) and no curvature seen is negative.

    Limited-memory BFGS (Liu and Nocedal 1989) goes most of the way; where it stalls, Newton steps with conjugate
    gradients on Hessian products finish it, or between saddles, where these are no descent, a trust region (Gould,
    Lucidi, Roma and Toint 1999). What was found is looked at by Lanczos iteration; a saddle is left along the lowest
    curvature, downhill. Raises `UserError` with the norm reached and that curvature if it does not suffice, as for a
    loss without minimum (separable data without weight decay).
    """
    search = _Search(full, tolerance, progress)
    found = search.descend(start)
    lowest = lowest_curvature(full, found)
    for _ in range(_SADDLES):
        if not lowest.is_negative:
            break
        lower = _downhill(full, found, lowest.direction)
        if lower is None:
            break
        found = search.descend(lower)
        lowest = lowest_curvature(full, found)
    mend = "give the loss a minimum with sgd.weight_decay > 0, or raise gradient_tolerance"
    seen = f"the lowest curvature seen there is {lowest.curvature:.2g}"
    if not found.gradient_norm <= tolerance:
        raise UserError(
            f"no minimum was found: the gradient norm is still {found.gradient_norm:.2g} after {search.steps} "
            f"steps of L-BFGS and Newton's method, and {tolerance:g} is needed; {seen}; {mend}"
        )
    if lowest.is_negative:
        raise UserError(
            f"no minimum was found, but a saddle after each of {_SADDLES}: the gradient norm is "
            f"{found.gradient_norm:.2g}, but {seen}; {mend}"
        )
    return found


def lowest_curvature(full: FullBatch, at: Minimum) -> Lowest:
    """The lowest curvature that Lanczos steps from a random direction see: an upper bound, nearly reached.

    They are forty, and up to four times as many while the lowest curvature may be negative within its own residual, as
    in wide networks, where it is a thousandth of the largest. It counts as negative beyond what rounding makes, and
    beyond what a gradient as small as that left makes of either sign along directions in which the energy does not
    change but for it. Raises `UserError` where H is not finite.
    """
    d = full.dimension
    start = random_numbers.normals(0, trajectories=[0], steps=[1], components=d, stream=Stream.CURVATURE)[0]

    def products(rows: Array) -> Array:
        found = -full.hessian_products(at.position, rows)
        if not np.isfinite(found).all():
            raise UserError(
                "start: minimum: second derivatives are not finite where the search ended; mend the formulas"
            )
        return found

    turned = _TURNED * at.gradient_norm / (1.0 + float(np.linalg.norm(at.position)))
    iteration = Lanczos(products, start, _MOST_LOOKS)
    with one_blas_thread():
        while True:
            for _ in range(min(_LOOKS, iteration.most - iteration.made)):
                iteration.step()
            seen = iteration.pairs(0, 1)
            curvature = -float(seen.values[0])
            threshold = max(turned, _ROUNDING * float(np.abs(seen.values).max()))
            settled = curvature < -threshold or curvature - float(seen.residuals[0]) > -threshold
            if settled or iteration.made == iteration.most:
                return Lowest(curvature, seen.vectors[0], is_negative=curvature < -threshold)


def polish(full: FullBatch, found: Minimum) -> Minimum:
    """The minimum as exactly as rounding allows: Newton steps for as long as each halves the gradient at least.

    A small gradient is not enough for the curvature: where the loss is flat it leaves a distance |grad E|/k, and in
    modes that the noise does not reach at the minimum itself it leaves noise.
    """
    for _ in range(_POLISHING_STEPS):
        trial = _at(full, found.position + _exact_step(full, found.position, found.gradient))
        if not trial.gradient_norm < 0.5 * found.gradient_norm:
            break
        found = trial
    return found


def step_left(full: FullBatch, found: Minimum) -> Array:
    """The step (d,) from a point to the minimum of its quadratic model, -H^-1 grad E, as far as some tens of Hessian
    products say: short of it rather than beyond.
    """
    return _newton_step(full, found.position, found.gradient, tolerance=_ROUGHLY, most=_ROUGH_STEPS)


def _at(full: FullBatch, position: Array) -> Minimum:
    return Minimum(position, *full.energy_and_gradient(position))


class _Search:
    """Descents one after the other; `steps` are those of L-BFGS so far."""

    def __init__(self, full: FullBatch, tolerance: float, progress: Callable[[int, int], None]) -> None:
        self._full, self._tolerance, self._progress = full, tolerance, progress
        self.steps = 0

    def descend(self, start: Array) -> Minimum:
        """From `start` (d,) to where the gradient is small enough, or to the smallest that was reached."""
        full, tolerance = self._full, self._tolerance
        found = _at(full, _newton(full, self._quasi_newton(start), tolerance))
        if found.gradient_norm <= tolerance or lowest_curvature(full, found).curvature >= 0.0:
            return found
        return _at(full, _newton(full, _trust_region(full, found.position, tolerance), tolerance))

    def _quasi_newton(self, start: Array) -> Array:
        """Where L-BFGS from `start` saw the smallest gradient."""
        best = (np.inf, start)

        def evaluate(w: Array) -> tuple[float, Array]:
            nonlocal best
            energy, gradient = self._full.energy_and_gradient(w)
            norm = float(np.linalg.norm(gradient))
            if norm < best[0]:
                best = norm, w.copy()
            return energy, gradient

        def after_step(_: Array) -> None:
            self.steps += 1
            self._progress(self.steps, max(self.steps, _QUASI_NEWTON_STEPS))
            if best[0] <= self._tolerance:
                raise StopIteration

        options = {
            "maxiter": _QUASI_NEWTON_STEPS,
            "maxfun": 2 * _QUASI_NEWTON_STEPS,
            "maxcor": min(_MEMORY, max(10, _NUMBERS_IN_MEMORY // self._full.dimension)),
            "ftol": 0,
            "gtol": 0,
        }
        scipy.optimize.minimize(evaluate, start, jac=True, method="L-BFGS-B", callback=after_step, options=options)
        return best[1]


def _downhill(full: FullBatch, saddle: Minimum, direction: Array) -> Array | None:
    """A point of lower energy along a direction (d,) of negative curvature, to the side that the gradient says."""
    along = direction if float(direction @ saddle.gradient) <= 0.0 else -direction
    reach = 1.0 + float(np.linalg.norm(saddle.position))
    for halving in range(_LONGEST_HALVING):
        trial: Array = saddle.position + 0.1 * 0.5**halving * reach * along
        if full.energy_and_gradient(trial).energy < saddle.energy:
            return trial
    return None


def _trust_region(full: FullBatch, position: Array, tolerance: float) -> Array:
    """Steps to the lowest point of the quadratic model within a radius, or along negative curvature to its edge.

    The method of scipy by Lanczos iteration, trust-krylov, multiplies memory that nobody has written by 0, which is
    not a number now and then.
    """
    found = scipy.optimize.minimize(
        full.energy_and_gradient,
        position,
        jac=True,
        hessp=lambda w, v: full.hessian_products(w, v.reshape(1, -1))[0],
        method="trust-ncg",
        options={"gtol": tolerance, "maxiter": _TRUST_REGION_STEPS},
    )
    result: Array = found.x
    return result


def _newton(full: FullBatch, position: Array, tolerance: float) -> Array:
    """Newton steps, halved until the gradient shrinks; ends when it is small enough or shrinks no more."""
    energy, gradient = full.energy_and_gradient(position)
    for _ in range(_NEWTON_STEPS):
        norm = float(np.linalg.norm(gradient))
        if norm <= tolerance or not np.isfinite(norm):
            break
        step = _exact_step(full, position, gradient)
        for halving in range(_LONGEST_HALVING):
            trial = position + 0.5**halving * step
            trial_energy, trial_gradient = full.energy_and_gradient(trial)
            if np.linalg.norm(trial_gradient) < norm and trial_energy <= energy + abs(energy) * 1e-12:
                break
        else:
            break
        position, energy, gradient = trial, trial_energy, trial_gradient
    return position


def _exact_step(full: FullBatch, position: Array, gradient: Array) -> Array:
    # forcing term of Eisenstat and Walker (1996): superlinear convergence without solving exactly far away
    tolerance = min(0.1, float(np.linalg.norm(gradient)) ** 0.5)
    return _newton_step(full, position, gradient, tolerance=tolerance, most=min(10 * full.dimension, 500))


def _newton_step(full: FullBatch, position: Array, gradient: Array, *, tolerance: float, most: int) -> Array:
    """-H^-1 grad E by conjugate gradients, until so much of the gradient is left."""
    operator = scipy.sparse.linalg.LinearOperator(
        (full.dimension, full.dimension), matvec=lambda v: full.hessian_products(position, v.reshape(1, -1))[0]
    )
    step, _ = scipy.sparse.linalg.cg(operator, -gradient, rtol=tolerance, maxiter=most)
    result: Array = step
    return result
