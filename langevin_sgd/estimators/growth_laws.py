"""Laws of growth of a mean squared displacement, all of the form ln<x^2> = ln A + p g(ln t; u), and their fit.

| law | g | p | u |
|---|---|---|---|
| logarithmic, A (ln t + c)^p | ln(ln t + c) | free, or 4/alpha | c |
| power, A t^p | ln t | free | |
| diffusion, A t | ln t | 1 | |
| saturation, A (1 - exp(-t/tau)) | ln(1 - exp(-t/tau)) | 1 | ln tau |

For given u the fit is linear, so u is found on a grid that spans all shapes the window can tell apart, and refined by
golden section: no start values, no local minima, and a best u at the end of the grid says that the data do not
identify it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_GRID = 240
_GOLDEN_STEPS = 32
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_SHORTEST, _LONGEST = 0.02, 200.0  # of ln t + c at the start of the window, in units of its length


@dataclass(frozen=True)
class GrowthLaw:
    """One law: `shape(ln_time, u)` is g, `grid(ln_time)` the values of u, `parameter(ln_time, u)` c or tau."""

    name: str
    exponent: float | None
    shape: Callable[[Array, Array], Array]
    grid: Callable[[Array], Array]
    parameter: Callable[[Array, Array], Array]

    def with_exponent(self, exponent: float | None) -> GrowthLaw:
        """The same law with p fixed, or free if None."""
        return replace(self, exponent=exponent)


def _no_parameter(ln_time: Array) -> Array:
    return np.zeros(1)


def _nothing(ln_time: Array, u: Array) -> Array:
    return np.full(u.shape, math.nan)


def _from_start(ln_time: Array) -> Array:
    length = float(ln_time[-1] - ln_time[0])
    return np.linspace(math.log(_SHORTEST * length), math.log(_LONGEST * length), _GRID)


def _shift(ln_time: Array, u: Array) -> Array:
    shift: Array = np.exp(u) - ln_time[0]
    return shift


def _ln_saturation(ln_time: Array, u: Array) -> Array:
    ratio = np.exp(np.minimum(ln_time - u, 50.0))
    value: Array = np.where(ratio < 1e-8, ln_time - u, np.log(-np.expm1(-np.maximum(ratio, 1e-8))))
    return value


LOGARITHMIC = GrowthLaw(
    "logarithmic law",
    None,
    # ln t + c counted from the start of the window, where it is exp(u)
    lambda ln_time, u: np.log(ln_time - ln_time[0] + np.exp(u)),
    _from_start,
    _shift,
)
POWER = GrowthLaw("power law", None, lambda ln_time, u: ln_time + 0.0 * u, _no_parameter, _nothing)
DIFFUSION = GrowthLaw("ordinary diffusion", 1.0, POWER.shape, _no_parameter, _nothing)
SATURATION = GrowthLaw(
    "saturating exponential",
    1.0,
    _ln_saturation,
    lambda ln_time: np.linspace(ln_time[0] - 2.0, ln_time[-1] + 4.0, _GRID),
    lambda ln_time, u: np.exp(u),
)


@dataclass(frozen=True)
class Fitted:
    """Parameters of the best fit to each curve, all (curve,): ln A, p, u; `edge` if u is at the end of its grid."""

    law: GrowthLaw
    ln_time: Array
    ln_amplitude: Array
    exponent: Array
    u: Array
    residual: Array
    edge: NDArray[np.bool_]

    @property
    def parameter(self) -> Array:
        """c of the logarithmic law, tau of the saturating exponential, NaN for laws without one."""
        return self.law.parameter(self.ln_time, self.u)

    def predict(self, ln_time: Array) -> Array:
        """ln<x^2> at times (time,) not before the start of the fit's window, shape (curve, time)."""
        times = np.concatenate([self.ln_time[:1], ln_time])
        shape = self.law.shape(times, self.u[:, None])[:, 1:]
        predicted: Array = self.ln_amplitude[:, None] + self.exponent[:, None] * shape
        return predicted


def whitening(covariance: Array) -> Array:
    """W with W^T W = covariance^-1, by Cholesky: least squares on W y is generalised least squares on y."""
    inverse: Array = np.linalg.inv(np.linalg.cholesky(covariance))
    return inverse


def fit(law: GrowthLaw, ln_time: Array, ln_means: Array, whiten: Array) -> Fitted:
    """Generalised least squares of ln<x^2>, `ln_means` (curve, time), at ascending `ln_time` (time,).

    Residuals are weighed by `whiten` (row, time), see `whitening`.
    """
    problem = _LeastSquares(law, ln_time, ln_means, whiten)
    grid = law.grid(ln_time)
    each = problem.on_grid(grid)
    best = np.argmin(each, axis=1)
    edge = (best == 0) | (best == grid.size - 1) if grid.size > 1 else np.zeros(best.shape, dtype=np.bool_)
    u = grid[best]
    if grid.size > 1:
        step = grid[1] - grid[0]
        low, high = np.maximum(u - step, grid[0]), np.minimum(u + step, grid[-1])
        u = _golden_section(problem.residual, low, high)
    ln_amplitude, exponent, residual = problem.solve(u)
    return Fitted(law, ln_time, ln_amplitude, exponent, u, residual, edge)


@dataclass(frozen=True)
class _LeastSquares:
    law: GrowthLaw
    ln_time: Array
    ln_means: Array
    whiten: Array

    def _centred(self, values: Array) -> tuple[Array, Array]:
        """Whitened `values` (..., time) without their part along the constant, and that part's coefficient."""
        one = self.whiten.sum(axis=1)
        whitened = values @ self.whiten.T
        constant = whitened @ one / (one @ one)
        return whitened - constant[..., None] * one, constant

    def on_grid(self, grid: Array) -> Array:
        """Weighted sum of squares of each curve at each u, (curve, u)."""
        shape, _ = self._centred(self.law.shape(self.ln_time, grid[:, None]))
        curve, _ = self._centred(self.ln_means)
        square, cross = np.sum(shape**2, axis=1), curve @ shape.T
        exponent = cross / square if self.law.exponent is None else self.law.exponent
        total: Array = np.sum(curve**2, axis=1)[:, None] - 2.0 * exponent * cross + exponent**2 * square
        return total

    def solve(self, u: Array) -> tuple[Array, Array, Array]:
        """ln A, p and the weighted sum of squares at each curve's own u (curve,)."""
        shape, shape_constant = self._centred(self.law.shape(self.ln_time, u[:, None]))
        curve, curve_constant = self._centred(self.ln_means)
        if self.law.exponent is None:
            exponent = np.sum(curve * shape, axis=1) / np.sum(shape**2, axis=1)
        else:
            exponent = np.full(u.shape, self.law.exponent)
        residual = np.sum((curve - exponent[:, None] * shape) ** 2, axis=1)
        return curve_constant - exponent * shape_constant, exponent, residual

    def residual(self, u: Array) -> Array:
        return self.solve(u)[2]


def _golden_section(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Minimum of `function` (acting on each entry) between `low` and `high`, all (curve,)."""
    for _ in range(_GOLDEN_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        lower = function(left) < function(right)
        low, high = np.where(lower, low, left), np.where(lower, right, high)
    middle: Array = (low + high) / 2.0
    return middle
