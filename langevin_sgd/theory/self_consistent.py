"""SGD where gradient and noise are no longer those of the minimum: statistical linearisation in discrete time.

Let SGD be w <- w - eta [g(w) + xi], Cov(xi) = C(w)/B, with drift g = grad E. For w ~ N(m, S) the gradient is regressed
on w, which by Stein's identity is g(w) = <g> + <H> (w - m) + rho with rho uncorrelated with w, so that exactly

    S' = (I - eta <H>) S (I - eta <H>) + (eta^2/B) (<C> + B <rho rho^T>),    m' = m - eta <g>.

Closed by w staying Gaussian, the stationary state is a fixed point: S of the discrete law with <H> and <C> + B <rho
rho^T>, and <g> = 0. With momentum too the gradient depends on the weights alone, so that the law of Liu, Ziyin and Ueda
takes the same averages. What a Gaussian leaves out, third cumulants first, is `theory.skewness`.

Sources: Booton, The analysis of nonlinear control systems with random inputs (1954), and Caughey, Equivalent
linearization techniques (1963), for statistical linearisation; here with noise that depends on the position, in
discrete time. On a quadratic energy whose samples differ in curvature it is exact, the law of `theory.least_squares`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.theory.epoch_sampling import epoch_covariance
from langevin_sgd.theory.ornstein_uhlenbeck import discrete_covariance

Array = NDArray[np.float64]

ITERATIONS = 16
FRAMES = 3
CONVERGED = 2e-4  # of the total variance, what further iterations would change
GROWN = 4.0  # times the frozen law: no excess of this size is a correction
_FLOOR = 1e-13  # of tr S, for the Cholesky factor


class NoFixedPoint(ValueError):
    """The closure has no stationary state, or none that is a correction; the message says why."""


class Averages(NamedTuple):
    """Over w ~ N(m, S): <g> (d,), <H> (d, d), <C> (d, d) of one sample, and <rho rho^T> (d, d)."""

    gradient: Array
    hessian: Array
    noise: Array
    rest: Array


Average = Callable[[Array, Array, int], Averages]
"""Of a mean m (d,), a factor F (d, q) with F F^T = S, and the number of a frame of points: the averages."""


@dataclass(frozen=True)
class Sgd:
    """eta, B and mu of a step of SGD, with replacement or, of so many `samples`, without it in epochs."""

    learning_rate: float
    batch_size: int
    momentum: float = 0.0
    samples: int | None = None

    def covariance(self, hessian: Array, noise: Array, rest: Array | None = None) -> Array:
        """S (d, d) of the discrete law at H and C (d, d), which need not commute, and <rho rho^T>, 0 unless given.

        In epochs it is the average over phases; rho is no noise of minibatches and is drawn afresh at every step there
        too. Raises `ValueError` if a noisy mode has no stationary state.
        """
        k, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
        numbers = self.learning_rate, self.batch_size

        def in_modes(matrix: Array) -> Array:
            found: Array = vectors.T @ (0.5 * (matrix + matrix.T)) @ vectors
            return found

        c = in_modes(noise)
        if self.samples is None:
            c = c if rest is None else c + self.batch_size * in_modes(rest)
            s = discrete_covariance(k, c, *numbers, self.momentum)
        else:
            s = epoch_covariance(k, c, *numbers, self.samples, momentum=self.momentum)
            if rest is not None and rest.any():
                s = s + discrete_covariance(k, in_modes(rest), self.learning_rate, 1, self.momentum)
        found: Array = vectors @ s @ vectors.T
        return found


@dataclass(frozen=True)
class FixedPoint:
    """Mean (d,) and covariance (d, d) of the closure, with the averages there, over all frames.

    Relative to the total variance of the frozen law or of this one: `excess` is tr S over that with H and C frozen,
    less 1; `scatter` the standard error of tr S by the choice of frames; `contraction` the factor by which an iteration
    brings S closer.
    """

    mean: Array
    covariance: Array
    averages: Averages
    excess: float
    scatter: float
    contraction: float
    iterations: int


def fixed_point(average: Average, hessian: Array, noise: Array, sgd: Sgd, *, frames: int = FRAMES) -> FixedPoint:
    """The stationary Gaussian closure about a minimum at 0 with H and C (d, d) there, in noisy coordinates.

    S and m are iterated on one frame of points until the rest of the geometric series is below `CONVERGED`; then other
    frames say how much that depends on the frame, and the averages are over all. Raises `NoFixedPoint` if an iterate
    has no stationary state, grows beyond `GROWN` times the frozen law, or if the iteration does not converge.
    """
    nothing = np.zeros(len(hessian)), np.zeros_like(hessian)
    frozen = _stationary(sgd, Averages(nothing[0], hessian, noise, nothing[1]), "with H and C at the minimum")
    mean, covariance = nothing[0], frozen
    total, unit = 1.0, float(np.trace(frozen))
    contraction, before = 0.0, 0.0
    for iteration in range(1, ITERATIONS + 1):
        found = average(mean, factor(covariance), 0)
        mean = mean - np.linalg.solve(found.hessian, found.gradient)
        reached = _stationary(sgd, found)
        change, total = float(np.trace(reached)) / unit - total, float(np.trace(reached)) / unit
        if total > GROWN:
            raise NoFixedPoint(
                f"the variance grows to {total:.3g} times the law with noise frozen at the minimum, and on: "
                "there is no stationary state near the minimum"
            )
        contraction = abs(change / before) if before else abs(change)
        left = abs(change) * contraction / (1.0 - contraction) if contraction < 1.0 else np.inf
        covariance, before = reached, change
        if iteration > 1 and left < CONVERGED * total:
            break
    else:
        raise NoFixedPoint(f"{ITERATIONS} iterations do not converge: the last still changes the total by {change:.2g}")
    every = [found, *(average(mean, factor(covariance), number) for number in range(1, frames))]
    whole = Averages(*(np.mean(parts, axis=0) for parts in zip(*every, strict=True)))
    each = [_total(sgd, one) / unit for one in every]
    covariance = _stationary(sgd, whole)
    scatter = float(np.std(each, ddof=1) / np.sqrt(frames)) / (1.0 - contraction) if frames > 1 else np.nan
    mean = mean - np.linalg.solve(whole.hessian, whole.gradient)
    excess = float(np.trace(covariance)) / unit - 1.0
    return FixedPoint(mean, covariance, whole, excess, scatter / (1.0 + excess), contraction, iteration)


def factor(covariance: Array) -> Array:
    """F (d, d), lower triangular, with F F^T = S: it changes smoothly with S, and so do points drawn with it."""
    floor = _FLOOR * np.trace(covariance) * np.eye(len(covariance))
    found: Array = np.linalg.cholesky(covariance + floor)
    return found


def _total(sgd: Sgd, found: Averages) -> float:
    return float(np.trace(_stationary(sgd, found)))


def _stationary(sgd: Sgd, found: Averages, where: str = "at the averages") -> Array:
    try:
        return sgd.covariance(found.hessian, found.noise, found.rest)
    except ValueError as reason:
        raise NoFixedPoint(f"{where} there is no stationary state: {reason}") from None
