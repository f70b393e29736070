"""Drift and spread of all networks of a study on one plot: what depends on the temperature, and what does not."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from langevin_sgd.reporting.plots.displacement import SEEN
from langevin_sgd.reporting.plots.figure import Results, Subject, all_together, figure, has
from langevin_sgd.reporting.plots.style import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILLION, canvas
from langevin_sgd.reporting.run_parameters import parameters

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)


def _spreading(results: Results) -> dict[str, xr.Dataset]:
    """The networks of several replicas."""
    return {name: model for name, model in results.trained.items() if has(model, "spread")}


@figure(
    "Drift and spread of all networks on one plot: drift is what the gradient does, spread is what noise adds.",
    all_together(_spreading),
    together=True,
)
def network_displacement(subject: Subject) -> Figure:
    """Drift (dashes) and spread (line with its standard error) of every network against effective time."""
    figure = canvas(5.6)
    axes: Axes = figure.subplots()
    networks = subject.all
    for position, (name, model) in enumerate(networks.items()):
        colour = _COLOURS[position % len(_COLOURS)]
        time = model["effective_time"].values
        for part, dashes in (("spread", "-"), ("drift_squared", (0, (5, 2)))):
            values = model[part].values
            error = np.nan_to_num(model[f"{part}_stderr"].values)
            seen = (time > 0) & (values > np.maximum(SEEN * error, 0.0))
            label = f"{name}: {parameters(model)}" if part == "spread" else None
            axes.plot(time, np.where(seen, values, np.nan), color=colour, linestyle=dashes, label=label)
            axes.fill_between(time, values - error, values + error, where=seen, color=colour, alpha=0.2, linewidth=0)
    axes.set(
        xscale="log", yscale="log", xlabel="effective time, η·step/(1 − μ)", ylabel="squared displacement (weights²)"
    )
    axes.set_title("Drift and spread of all networks", fontweight="bold", color=INK)
    kinds = [
        Line2D([], [], color=INK, linestyle="-", label="spread over replicas"),
        Line2D([], [], color=INK, linestyle=(0, (5, 2)), label="drift of their mean"),
    ]
    axes.legend(handles=[*axes.get_legend_handles_labels()[0], *kinds], loc="best")
    return figure
