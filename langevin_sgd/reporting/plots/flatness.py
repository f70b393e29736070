"""Sharpness of where SGD settled, and accuracy, against eta/B over a scan of learning rate and batch size."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from langevin_sgd.reporting.plots.figure import Subject, each_scan, figure
from langevin_sgd.reporting.plots.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, Array, canvas, title

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_PANELS = {
    "sharpness_trace": "Hessian trace",
    "sharpness_top": "largest Hessian eigenvalue",
    "sharpness_invariant": "Σ w² H (rescaling-invariant)",
}


@figure(
    "Sharpness of the loss, without weight decay, and accuracy where training ended. If eta/B alone "
    "counts, points of all batch sizes lie on one curve. Bars are two standard errors over replicas; the "
    "table compares points replica by replica, which start alike, and so sees smaller differences.",
    each_scan("sharpness_trace", over=("learning_rate", "batch_size")),
    leads=0,
)
def flatness(subject: Subject) -> Figure:
    """Each measure of sharpness and the accuracy at the end against eta/B, a colour and marker for every batch size.

    Points are means over replicas, geometric for sharpness; bars are two standard errors of their scatter.
    """
    model = subject.model
    figure = canvas(7.4)
    panels = figure.subplots(2, 2, sharex=True)
    for axes, (name, label) in zip(panels.flat, _PANELS.items(), strict=False):
        _panel(axes, model, xr.apply_ufunc(np.log, model[name]), back=True)
        axes.set_ylabel(label)
    accuracy = panels[1, 1]
    for part, filled in (("test", True), ("train", False)):
        if f"{part}_accuracy" in model:
            _panel(accuracy, model, model[f"{part}_accuracy"].isel(time=-1), filled=filled)
    accuracy.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))
    accuracy.set_ylabel("accuracy (open: training)")
    for axes in panels[1]:
        axes.set_xlabel("η/B")
    panels[0, 0].set_xscale("log")
    title(panels[0, 0], "Flatness against noise", subject, "bars: two standard errors over replicas")
    for text in panels[0, 0].texts:
        text.set_in_layout(False)  # wider than its panel
    panels[0, 1].legend(loc="best", title="batch size")
    return figure


def _panel(axes: Axes, model: xr.Dataset, values: xr.DataArray, *, back: bool = False, filled: bool = True) -> None:
    """Means over replicas, of logarithms if they are to go `back`; one series a batch size."""
    ratio = (model["learning_rate"] / model["batch_size"]).broadcast_like(values.isel(replica=0, drop=True))
    mean = values.mean("replica")
    error = 2 * values.std("replica", ddof=1) / np.sqrt(values.sizes["replica"])
    batches = np.atleast_1d(model["batch_size"].values)
    for position, batch in enumerate(batches):
        x, y, bar = (
            np.atleast_1d((part.sel(batch_size=batch) if "batch_size" in part.dims else part).values.astype(np.float64))
            for part in (ratio, mean, error)
        )
        low, high = y - bar, y + bar
        if back:
            y, low, high = np.exp(y), np.exp(low), np.exp(high)
        colour, marker = _COLOURS[position % len(_COLOURS)], _MARKERS[position % len(_MARKERS)]
        bars: Array = np.stack([y - low, high - y])
        axes.errorbar(
            x, y, bars, color=colour, marker=marker, markersize=6, capsize=2.5, linewidth=1.0,
            linestyle="-" if filled else (0, (1.2, 1.4)), label=f"{batch:g}", alpha=1.0 if filled else 0.6,
            markerfacecolor=colour if filled else "white",
        )  # fmt: skip
