"""Squared displacement between two times against their separation: how it depends on the earlier one, and on drift."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import canvas, title

_NAMED = 12
"""Earlier times that the legend names: more of them leave the curves no room."""


@figure(
    "Squared displacement of the weights between two times against their separation, ± one standard error over "
    "replicas, in a colour for each earlier time. Lines are the two-time law from the minimum, without a fit; where "
    "there is none, dashes are the part that all replicas have in common, which is drift and no ageing.",
    each_model("squared_increment"),
    leads=2,
)
def two_times(subject: Subject) -> Figure:
    """Increments with the law, where the process has one, else with their common drift where it is seen."""
    model = subject.model
    figure = canvas(5.0)
    axes = figure.subplots()
    squared = model["squared_increment"].transpose("replica", "waiting", "separation").values
    separation, waiting = model["separation_step"].values, model["waiting_step"].values
    error = squared.std(axis=0, ddof=1) / np.sqrt(len(squared)) if len(squared) > 1 else np.zeros(squared.shape[1:])
    has_law = "squared_increment_predicted" in model
    beside = model["squared_increment_predicted" if has_law else "increment_drift_squared"].values
    colours = mpl.colormaps["viridis"](np.linspace(0.0, 0.85, waiting.size))
    named = np.linspace(0, waiting.size - 1, min(waiting.size, _NAMED)).round().astype(int)
    for row, colour in enumerate(colours):
        mean = squared[:, row].mean(axis=0)
        label = f"from step {waiting[row]:,} on" if row in named else None
        axes.errorbar(separation, mean, error[row], fmt="o", color=colour, capsize=2.5, label=label)
        lines = {"linestyle": "-" if has_law else (0, (4, 2)), "linewidth": 1.4, "color": colour}
        seen = np.where(beside[row] > 0.0, beside[row], np.nan)
        axes.plot(separation, seen, label=("law" if has_law else "common drift") if row == 0 else None, **lines)
    axes.set(xscale="log", yscale="log", xlabel="steps between the two times", ylabel="squared displacement (weights²)")
    title(axes, "Between two times", subject)
    axes.legend(loc="best")
    return figure
