"""Walkers in random potentials: growth with ln t, the law of positions, and aging."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.logarithmic_law import LogarithmicFit, fit_logarithmic_law, select_window
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import BLUE, GREY, INK, VERMILLION, Array, Mask, canvas, model_look, title
from langevin_sgd.theory import logarithmic_diffusion as theory

_BINS, _FEWEST_BINS = 60, 10
_RESAMPLES = 49  # only the fit itself is drawn
_FIRST_SHOWN = 1.0
LARGEST_CENSORED = 0.01
"""Share of the disorders at the ends of their box beyond which a mean over them is no longer drawn as one."""


@figure(
    "Mean squared displacement over disorders, to the power that makes the law a straight line in ln t, "
    "with the law fitted from the dashed line on. The band is one standard error.",
    each_model("valid_range"),
    leads=2,
)
def logarithmic_diffusion(subject: Subject) -> Figure:
    """<x^2>^(alpha/4) against ln t, straight where the law holds, with the fit A (ln t + c)^(4/alpha) of the window."""
    model = subject.model
    alpha = float(model["alpha"])
    ln_time = model["ln_time"].values
    figure = canvas(5.4)
    axes: Axes = figure.subplots()
    shown = ln_time >= min(_FIRST_SHOWN, *ln_time[-2:])
    y, low, high = rescaled(model)
    lost = censored_times(model)
    known = shown & ~lost
    axes.fill_between(ln_time[known], low[known], high[known], color=INK, alpha=0.15, linewidth=0)
    if known.any():
        full: dict[str, Any] = {"color": INK, "marker": "o", "markersize": 3.5}
        axes.plot(ln_time[known], y[known], label=f"{subject.name}, ± 1 s.e.", **full)
    if (shown & lost).any():
        hollow: dict[str, Any] = {
            "color": GREY,
            "marker": "o",
            "markersize": 3.5,
            "markerfacecolor": "white",
            "linestyle": "none",
        }
        first = f"{ln_time[lost][0]:.3g}"
        label = f"over {LARGEST_CENSORED:.0%} of the disorders at the ends\nof the box, from ln t = {first} on"
        axes.plot(ln_time[shown & lost], y[shown & lost], label=label, **hollow)
    if lost[shown].all():
        _warn(axes, float(model["censored"].isel(time=-1).mean()))
    window = subject.criterion("diffusion", "window")
    fitted = fit(model, window)
    remark = [disorder(model)]
    if fitted is not None:
        line = (fitted.amplitude * np.maximum(ln_time + fitted.shift, 0.0) ** fitted.exponent) ** (alpha / 4.0)
        law = f"(ln t + c)^{fitted.exponent:.3g} from ln t = {window:g}, c = {fitted.shift:.3g}"
        axes.plot(ln_time[shown], line[shown], color=BLUE, linewidth=2.0, zorder=1, label=law)
        axes.axvline(window, color=GREY, linewidth=1.0, linestyle=(0, (2, 2)))
    if alpha == 1.0 and "thermal_energy" in model:
        own = {"amplitude": float(model["amplitude"]), "thermal_energy": float(model["thermal_energy"])}
        positive = shown & (ln_time > 0)
        bare = theory.mean_squared_displacement(ln_time[positive], **own) ** 0.25
        axes.plot(
            ln_time[positive], bare, color=VERMILLION, linestyle=(0, (6, 2)), label="(61/45) (θ ln t)⁴/A², no shift"
        )
    share = float(model["censored"].isel(time=-1).mean())
    remark.append(f"{share:.2%} of the disorders censored at the end")
    axes.set(xlabel="ln t", ylabel=rf"$\langle x^2 \rangle^{{{alpha / 4:.3g}}}$", ylim=(0.0, None))
    title(axes, "Logarithmic diffusion", subject, ", ".join(remark))
    axes.legend(loc="best")
    return figure


@figure(
    "Positions drawn at the last time, in units of the distance whose barriers are crossed by then, at "
    "the fitted shift of ln t.",
    each_model("position_draw", unless="correlation_length"),
)
def position_distribution(subject: Subject) -> Figure:
    """Histogram of positions at the last time over (theta (ln t + c))^2/A, with the Kesten-Golosov density."""
    model = subject.model
    alpha, amplitude, thermal = (float(model[name]) for name in ("alpha", "amplitude", "thermal_energy"))
    fitted = fit(model, subject.criterion("diffusion", "window"))
    shift = 0.0 if fitted is None else fitted.shift
    last = float(model["ln_time"].values[-1])
    unit = float(theory.length_scale(last, alpha=alpha, amplitude=amplitude, thermal_energy=thermal, shift=shift))
    xi = model["position_draw"].values.ravel() / unit
    figure = canvas(5.2)
    axes: Axes = figure.subplots()
    reach = float(np.quantile(np.abs(xi), 0.998))
    bins = min(_BINS, max(_FEWEST_BINS, round(3.0 * xi.size ** (1.0 / 3.0))))
    axes.hist(xi, bins=bins, range=(-reach, reach), density=True, color=GREY, alpha=0.45, label=f"{xi.size:,} walkers")
    _warn(axes, float(model["censored"].isel(time=-1).mean()))
    if alpha == 1.0:
        grid = np.linspace(-reach, reach, 401)
        axes.plot(grid, theory.density(grid), color=BLUE, label="Kesten and Golosov")
    power = "" if alpha == 1.0 else rf"^{{{1 / alpha:.3g}}}"
    scale = rf"$x\,A{power} / (\theta (\ln t + c))^{{{2 / alpha:.3g}}}$"
    axes.set(xlabel=f"{scale},  c = {shift:.3g}", ylabel="density")
    title(axes, f"Positions at ln t = {last:g}", subject, disorder(model))
    axes.legend(loc="best")
    return figure


@figure(
    "Probability that a walker is, at ln t = h ln t_w, where it was at t_w.",
    each_model("return_probability"),
)
def aging(subject: Subject) -> Figure:
    """Probability to be where the walker was at t_w, against h = ln t / ln t_w, with the asymptotic law."""
    model = subject.model
    figure = canvas(5.2)
    axes: Axes = figure.subplots()
    ratio = model["ratio"].values
    waits = model["ln_waiting_time"].values
    fitted = fit(model, subject.criterion("diffusion", "window"))
    grid = np.linspace(1.0, float(ratio.max()) * 1.05, 200)
    for position, wait in enumerate(waits):
        colour, marker = model_look(position)
        values = model["return_probability"].values[position]
        axes.errorbar(ratio, values, model["return_probability_stderr"].values[position], color=colour, marker=marker,
                      markersize=6, linestyle="none", capsize=2.5, label=f"ln t_w = {wait:g}")  # fmt: skip
        if fitted is not None and wait + fitted.shift > 0:
            shifted = theory.aging_probability(theory.shifted_ratio(grid, wait, fitted.shift))
            axes.plot(grid, shifted, color=colour, linewidth=1.2, linestyle=(0, (5, 2)))
    axes.plot(grid, theory.aging_probability(grid), color=INK, label="h⁻² [5/3 − (2/3) exp(1 − h)]")
    axes.set(
        xlabel="h = ln t / ln t_w", ylabel=f"P(|x(t) − x(t_w)| < {float(model['return_distance']):g} (θ ln t_w)²/A)"
    )
    remark = "" if fitted is None else f"dashes: logarithms shifted by c = {fitted.shift:.3g}"
    _warn(axes, float(model["two_time_censored"].mean("disorder").max()))
    title(axes, "Aging", subject, remark)
    axes.legend(loc="best")
    return figure


def rescaled(model: xr.Dataset) -> tuple[Array, Array, Array]:
    """<x^2>^(alpha/4) against time, and the same one standard error lower and higher."""
    squares = model["squared_displacement"].transpose("disorder", "time").values
    mean = squares.mean(axis=0)
    error = squares.std(axis=0, ddof=1) / np.sqrt(len(squares)) if len(squares) > 1 else np.full(mean.shape, np.nan)
    power = float(model["alpha"]) / 4.0
    y, low, high = (np.maximum(v, 0.0) ** power for v in (mean, mean - error, mean + error))
    return y, low, high


def censored_times(model: xr.Dataset) -> Mask:
    """Times from which on too many disorders have reached the ends of their box."""
    over: Mask = model["censored"].mean("disorder").values > LARGEST_CENSORED
    return np.maximum.accumulate(over)


def _warn(axes: Axes, censored: float) -> None:
    """Say across the figure that the box shaped what it shows."""
    if censored > LARGEST_CENSORED:
        text = f"{censored:.0%} of the disorders have reached the ends of their box:\nthis is the box, not the law"
        frame = {"facecolor": "white", "edgecolor": VERMILLION, "alpha": 0.9}
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=VERMILLION, bbox=frame)


def disorder(model: xr.Dataset) -> str:
    """The potential and the temperature, for titles."""
    parts = [f"α = {float(model['alpha']):g}", f"A = {float(model['amplitude']):g}"]
    return ", ".join([*parts, f"θ = {float(model['thermal_energy']):.4g}", f"{model.sizes['disorder']:,} disorders"])


def fit(model: xr.Dataset, window: float) -> LogarithmicFit | None:
    """The fit with p = 4/alpha over the window, None where the run is too short for it or its box too small."""
    ln_time: Array = model["ln_time"].values
    if censored_times(model)[ln_time >= window].any():
        return None
    squares = model["squared_displacement"].transpose("disorder", "time").values
    try:
        selected = select_window(ln_time, squares, ln_time_min=window)
        fitted = fit_logarithmic_law(
            selected, seed=0, exponent=theory.exponent(float(model["alpha"])), resamples=_RESAMPLES
        )
    except UserError:  # a run that ends before the window is drawn without its fit
        return None
    # a shift beyond all of ln t is the mark of a curve that does not grow, such as one at the walls of its box
    return fitted if abs(fitted.shift) < ln_time[-1] else None
