"""Squared displacement from the start, of training and of the models, with drift and spread apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import BLUE, GREY, INK, VERMILLION, Array, Mask, canvas, model_look, title
from langevin_sgd.reporting.run_parameters import effective_time_label

_DECADES_SHOWN = 1e-6
SEEN = 3.0  # standard errors: a drift below is not told from none


@figure(
    "Squared displacement from the start. Drift is what the replicas share, spread is their variance "
    "about the shared path. Bands are one standard error.",
    each_model("effective_time", "squared_displacement"),
)
def squared_displacement(subject: Subject) -> Figure:
    """Mean squared displacement against effective time: drift is what replicas share, spread is what noise adds."""
    name, model = subject.name, subject.model
    figure = canvas(5.6)
    axes: Axes = figure.subplots()
    time = model["effective_time"].values
    later = time > 0
    top = _curve(axes, model, name, later, {"color": INK, "linewidth": 2.4, "zorder": 4})
    lowest, remarks = [top], []
    parts = (("spread", "spread over replicas", BLUE, "-"), ("drift_squared", "drift of their mean", VERMILLION, "-."))
    for part, label, colour, dashes in parts:
        if part not in model or not np.isfinite(model[part].values[later]).any():
            continue
        values = model[part].values[later]
        error = model[f"{part}_stderr"].values[later] if f"{part}_stderr" in model else np.zeros(values.size)
        seen = values > np.maximum(SEEN * np.nan_to_num(error), 0.0)
        if seen.any():
            axes.plot(
                time[later], np.where(seen, values, np.nan), color=colour, linestyle=dashes, marker=".", markersize=3,
                label=f"{name}: {label}", zorder=3,
            )  # fmt: skip
            axes.fill_between(
                time[later], values - error, values + error, where=seen, color=colour, alpha=0.25, linewidth=0
            )
            lowest.append(values[seen])
        else:
            remarks.append(f"{part.partition('_')[0]} within its noise")
        predicted = f"{part}_predicted"
        if predicted in model and (model[predicted].values[later] > 0).any() and seen.any():
            axes.plot(
                time[later], model[predicted].values[later], color=colour, linestyle=(0, (1, 1.6)), linewidth=2.6,
                alpha=0.9, label=f"{label.split()[0]}, predicted",
            )  # fmt: skip
    if "control_squared_displacement" in model:
        control = model["control_squared_displacement"].values[later]
        if control.max() > _DECADES_SHOWN * top.max():  # a control that starts at the minimum stays there
            axes.plot(
                time[later], np.where(control > 0, control, np.nan), color=GREY, linestyle=(0, (4, 2)),
                label="control without noise",
            )  # fmt: skip
    for position, (other_name, other) in enumerate(subject.others.items()):
        if "squared_displacement" in other:
            colour, marker = model_look(position)
            after = other["effective_time"].values > 0
            look = {"color": colour, "marker": marker, "markersize": 5, "markevery": 3, "markerfacecolor": "none"}
            lowest.append(_curve(axes, other, f"{other_name} (simulation)", after, look))
    unit = "" if "time_step" in model else " (weights²)"
    axes.set(xscale="log", yscale="log", xlabel=effective_time_label(model), ylabel=f"squared displacement{unit}")
    _limits(axes, lowest)
    title(axes, "Distance from the start", subject, ", ".join(remarks))
    axes.legend(loc="best")
    return figure


def _curve(axes: Axes, model: xr.Dataset, label: str, later: Mask, look: Mapping[str, Any]) -> Array:
    values = np.asarray(model["squared_displacement"].mean("replica").values[later])
    axes.plot(model["effective_time"].values[later], values, label=label, **look)
    return values


def _limits(axes: Axes, curves: list[Array]) -> None:
    """Six decades at most: a drift that vanishes within its noise would flatten everything else."""
    positive = [curve[np.isfinite(curve) & (curve > 0)] for curve in curves]
    positive = [curve for curve in positive if curve.size]
    if not positive:
        return
    high = max(float(curve.max()) for curve in positive)
    low = min(float(curve.min()) for curve in positive)
    axes.set_ylim(max(low * 0.5, high * _DECADES_SHOWN), high * 3)
