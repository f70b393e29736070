"""Drift and spread of a training beside its control and linear response, at every point of a scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from langevin_sgd.observables.scanned import dimensions, entries_done, label
from langevin_sgd.reporting.plots.figure import Results, Subject, figure, has
from langevin_sgd.reporting.plots.style import BLUE, GREY, INK, Array, canvas, point_colour, title

_NEAR = 2.0  # within such a factor of 1 the ratio needs no logarithmic axis
_MOST = 8  # points of a scan that a figure has room for


def _beside_response(results: Results) -> dict[str, Subject]:
    """Every training beside which linear response ran, scanned or not."""
    found = {name: model for name, model in results.models.items() if has(model, "tangent_spread", "spread")}
    return {name: results.subject(name, model) for name, model in found.items()}


@figure(
    "Growth of a training without a fit. Above: drift of the replicas' mean beside the path without noise, and their "
    "spread beside that of linear response to their own minibatches. Below: the spread over that of linear response, "
    "with its standard error. Where both lie on theirs nothing is left for barriers to explain.",
    _beside_response,
    leads=0,
)
def linear_response(subject: Subject) -> Figure:
    """Squared displacements above, their ratio to linear response below, a colour a point of the scan."""
    figure = canvas(7.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 1.6])
    model = subject.model
    several = entries_done(model)
    shown = several[:_MOST]
    for place, entries in enumerate(shown):
        point = model.isel(dict(zip(dimensions(model), entries, strict=True)))
        colour = BLUE if len(shown) == 1 else point_colour(place, len(shown))
        _curves(upper, point, colour)
        time, ratio = point["effective_time"].values, point["spread_over_tangent"].values
        error = np.nan_to_num(point["spread_over_tangent_stderr"].values)
        lower.plot(time, ratio, color=colour, label=label(model, entries) or "spread over linear response")
        lower.fill_between(time, ratio - error, ratio + error, color=colour, alpha=0.25, linewidth=0)
    lower.axhline(1.0, color=GREY, linewidth=1.0, zorder=0)
    upper.set(xscale="log", yscale="log", ylabel="squared displacement (weights²)")
    ratios = np.concatenate([line.get_ydata() for line in lower.lines[:-1]])
    close = np.nanmin(ratios) > 1.0 / _NEAR and np.nanmax(ratios) < _NEAR
    lower.set(
        xscale="log",
        yscale="linear" if close else "log",
        xlabel="effective time, η·step/(1 − μ)",
        ylabel="spread / linear response",
    )
    left_out = f"{len(shown)} of {len(several)} points" if len(several) > len(shown) else ""
    title(upper, "Drift, spread and linear response", subject, left_out)
    kinds: dict[str, dict[str, Any]] = {
        "drift of the mean": {"linestyle": (0, (5, 2))},
        "control without noise": {"linestyle": "-", "color": GREY},
        "spread over replicas": {"linestyle": "-"},
        "spread of linear response": {"linestyle": "", "marker": "o", "markerfacecolor": "none"},
    }
    upper.legend(handles=[Line2D([], [], label=name, **{"color": INK, **look}) for name, look in kinds.items()])
    lower.legend(loc="best", fontsize=8)
    return figure


def _curves(axes: Axes, point: xr.Dataset, colour: str) -> None:
    """Drift and control, spread and linear response of one point."""
    time = point["effective_time"].values
    axes.plot(time, _positive(point, "control_squared_displacement"), color=GREY, linewidth=3.0, alpha=0.6, zorder=1)
    axes.plot(time, _positive(point, "drift_squared"), color=colour, linestyle=(0, (5, 2)))
    axes.plot(time, _positive(point, "spread"), color=colour)
    look: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 4, "markerfacecolor": "none"}
    axes.plot(time, _positive(point, "tangent_spread"), color=colour, **look)


def _positive(point: xr.Dataset, name: str) -> Array:
    values: Array = point[name].values
    return np.where(values > 0.0, values, np.nan)
