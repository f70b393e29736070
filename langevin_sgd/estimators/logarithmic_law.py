"""Fit of A (ln t + c)^p to the mean squared displacement over a window of ln t that was fixed beforehand.

The law's corrections are large: the slope of ln<x^2> against ln ln t is not p (for alpha = 1 it is 4 ln t/(ln t + c),
5 at ln t = 10 with c = -2), hence the free shift. Errors come from resampling whole disorders or replicas.

Weights: the averages at different times come from the same disorders, and x^2 has a relative standard deviation of 2.2
per disorder at every time, so what a fit can use is how averages at different times differ. Generalised least squares
on 12 times in even steps of ln ln t, with the covariance of `relative_covariance`, gives p a standard deviation of
0.107 where equal weights on all times give 0.119 (alpha = 1, ln t from 10 to 40, 6,400 disorders, strong-disorder
limit); more times gain nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.growth_laws import LOGARITHMIC, Fitted, fit, whitening
from langevin_sgd.estimators.resampling import RESAMPLES, bootstrap_means, relative_covariance
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

NODES = 12
MINIMUM_TIMES = 6
MINIMUM_SAMPLES = 4


@dataclass(frozen=True)
class FitWindow:
    """Squared displacements at the times that fits use: `ln_time` (node,), `squares` (sample, node)."""

    ln_time: Array
    squares: Array

    @property
    def relative_error(self) -> float:
        """Largest standard error of <x^2> over <x^2>."""
        samples = self.squares.shape[0]
        error = self.squares.std(axis=0, ddof=1) / np.sqrt(samples) / self.squares.mean(axis=0)
        return float(error.max())

    def whiten(self) -> Array:
        """Weights of the fit, (node, node)."""
        return whitening(relative_covariance(self.squares))


@dataclass(frozen=True)
class LogarithmicFit:
    """A (ln t + c)^p with its resamples; arrays (resample,).

    `edge` is the share of resamples whose c ran to the end of its range: then the data do not tell the law from a power
    of t (c to infinity) or from a jump at the start of the window.
    """

    amplitude: float
    shift: float
    exponent: float
    amplitudes: Array
    shifts: Array
    exponents: Array
    edge: float
    ln_time_min: float
    ln_time_max: float

    def interval(self, name: str, confidence: float) -> tuple[float, float]:
        """Percentile interval of "amplitude", "shift" or "exponent"."""
        resamples = {"amplitude": self.amplitudes, "shift": self.shifts, "exponent": self.exponents}[name]
        low, high = np.quantile(resamples, [0.5 - confidence / 2, 0.5 + confidence / 2])
        return float(low), float(high)


def select_window(
    ln_time: ArrayLike, squares: ArrayLike, *, ln_time_min: float, ln_time_max: float = np.inf, nodes: int = NODES
) -> FitWindow:
    """The squared displacements at the `window_nodes` of the window.

    `ln_time` (time,) ascending, `squares` (sample, time). Raises `UserError` if fewer than 6 times fall into the
    window, for fewer than 4 samples, and if an average there is not positive and finite.
    """
    times = real_array(ln_time, "the ln time", UserError)
    values = real_array(squares, "the squares", UserError)
    chosen = window_nodes(times, ln_time_min=ln_time_min, ln_time_max=ln_time_max, nodes=nodes)
    if values.shape[0] < MINIMUM_SAMPLES:
        raise UserError(f"{values.shape[0]} samples give no errors; at least {MINIMUM_SAMPLES} are needed")
    selected = values[:, chosen]
    mean = selected.mean(axis=0)
    if not (np.all(np.isfinite(mean)) and np.all(mean > 0.0)):
        raise UserError(f"<x^2> is not positive and finite at every ln t >= {ln_time_min:g}; begin the window later")
    return FitWindow(times[chosen], selected)


def window_nodes(
    times: Array, *, ln_time_min: float, ln_time_max: float = np.inf, nodes: int = NODES
) -> NDArray[np.intp]:
    """Numbers of the times nearest to `nodes` equally spaced ones in ln ln t (in ln t if the window begins below 1).

    `times` (time,) is ln t, ascending. Raises `UserError` if fewer than 6 fall into the window.
    """
    inside = np.flatnonzero((times >= ln_time_min) & (times <= ln_time_max))
    if inside.size < MINIMUM_TIMES:
        raise UserError(
            f"window too short: {inside.size} recorded times have ln t >= {ln_time_min:g}; at least {MINIMUM_TIMES} "
            "are needed: record more times, run longer, or begin the window earlier"
        )
    within = times[inside]
    measure = np.log(within) if within[0] >= 1.0 else within
    wanted = np.linspace(measure[0], measure[-1], min(nodes, inside.size))
    nearest = np.abs(measure[:, None] - wanted).argmin(axis=0)
    chosen: NDArray[np.intp] = inside[np.unique(nearest)]
    return chosen


def fit_logarithmic_law(
    window: FitWindow, *, seed: int, exponent: float | None = None, resamples: int = RESAMPLES
) -> LogarithmicFit:
    """Fit A, c and p, or A and c at a fixed `exponent` p, with bootstrap over samples.

    The weights are those of the full sample in every resample.
    """
    means = bootstrap_means(window.squares, seed=seed, resamples=resamples)
    curves = np.log(np.concatenate([window.squares.mean(axis=0)[None], means]))
    fitted = fit(LOGARITHMIC.with_exponent(exponent), window.ln_time, curves, window.whiten())
    return _collected(fitted, window)


def _collected(fitted: Fitted, window: FitWindow) -> LogarithmicFit:
    # a power of t is c, p to infinity at fixed p/c, where A underflows: that is what `edge` reports
    amplitude = np.exp(fitted.ln_amplitude)
    shift = fitted.parameter
    return LogarithmicFit(
        amplitude=float(amplitude[0]),
        shift=float(shift[0]),
        exponent=float(fitted.exponent[0]),
        amplitudes=amplitude[1:],
        shifts=shift[1:],
        exponents=fitted.exponent[1:],
        edge=float(fitted.edge[1:].mean()),
        ln_time_min=float(window.ln_time[0]),
        ln_time_max=float(window.ln_time[-1]),
    )


def window_sensitivity(
    ln_time: ArrayLike,
    squares: ArrayLike,
    *,
    starts: ArrayLike,
    seed: int,
    exponent: float | None = None,
    resamples: int = RESAMPLES,
) -> list[LogarithmicFit]:
    """The same fit for windows that begin at each of `starts` (ln t), all with the same resampled disorders."""
    return [
        fit_logarithmic_law(
            select_window(ln_time, squares, ln_time_min=float(start)), seed=seed, exponent=exponent, resamples=resamples
        )
        for start in real_array(starts, "the starts", UserError)
    ]
