"""Effective temperature of every mode against its eigenvalue, beside the temperature of its noise and that of all."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from langevin_sgd.laws import temperatures
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.modes import binned
from langevin_sgd.reporting.plots.style import INK, VERMILLION, Array, canvas, plain_ticks, title

_BINS = 12


@figure(
    "Effective thermal energy of every mode, displacement² / (2 response) in the longest delay, against the eigenvalue "
    "of the Hessian where the field was switched on: one temperature, or one for every mode? Dots are single modes, "
    "markers means over similar ones ± one standard error, and lines the thermal energy of the noise in them, "
    "η c/(2B).",
    each_model("mode_thermal_energy", "bath_thermal_energy"),
    leads=1,
)
def effective_temperature(subject: Subject) -> Figure:
    """Theta of the modes from each onset on in a colour of its own, beside the bath's, and T/2 where it is known.

    Modes whose eigenvalue is not positive have no place on the axis; they and those without noise are counted.
    """
    model = subject.model
    figure = canvas(5.6)
    axes = figure.subplots()
    theta, stderr = (
        model[name].isel(delay=-1).values for name in ("mode_thermal_energy", "mode_thermal_energy_stderr")
    )
    eigenvalue, bath = model["onset_eigenvalue"].values, model["bath_thermal_energy"].values
    onsets = model["onset_step"].values
    shown = np.isfinite(theta) & (theta > 0) & (eigenvalue > 0) & (bath > 0)
    colours = mpl.colormaps["viridis"](np.linspace(0.0, 0.8, onsets.size)) if onsets.size > 1 else [INK]
    for place, colour in enumerate(colours):
        chosen = shown[place]
        k, own, noise = eigenvalue[place][chosen], theta[place][chosen], bath[place][chosen]
        means = _binned(k, own, stderr[place][chosen], noise)
        axes.plot(k, own, ".", color=colour, markersize=2.5, alpha=0.25)
        axes.errorbar(
            *means, fmt="o", color=colour, markersize=6, capsize=2.5, label=f"θ from step {onsets[place]:,} on"
        )
        baths = _binned(k, noise, np.zeros_like(noise), noise)
        axes.plot(baths[0], baths[1], color=colour, linewidth=1.2, label="bath, η c/(2B)" if place == 0 else None)
    one = temperatures.of_positions(model)
    if one is not None:
        axes.axhline(float(one), color=VERMILLION, linestyle=(0, (4, 2)), label="one temperature, T/2")
    axes.set(
        xscale="log", yscale="log", xlabel="eigenvalue of the Hessian (1/time)", ylabel="effective thermal energy θ"
    )
    plain_ticks(axes.xaxis, float(eigenvalue[shown].min()), float(eigenvalue[shown].max()))
    left_out = int((~shown).sum(axis=1).max())
    title(axes, "Temperature of every mode", subject, f"{left_out} modes of {shown.shape[1]} left out")
    axes.legend(loc="best")
    return figure


def _binned(x: Array, values: Array, stderr: Array, own: Array) -> tuple[Array, Array, Array]:
    """Means over modes of similar x, and the error of each."""
    means = binned(x, values, stderr, own, _BINS)
    return means.x, means.mean, means.stderr * means.mean / np.where(means.ratio > 0, means.ratio, np.nan)
