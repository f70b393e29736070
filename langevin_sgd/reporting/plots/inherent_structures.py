"""Inherent structures: which one every snapshot lies above, and how deep and how wide they are."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from langevin_sgd.checks.flatness.structures import groups
from langevin_sgd.laws import temperatures
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import GREY, INK, MODEL_MARKERS, Array, canvas, point_colour, title

_LARGEST = 1800.0  # area of the marker of a structure that all snapshots lie above, in square points
_SMALLEST = 28.0
_NAMED = 12  # structures with their number beside the marker
_LINES = 14
_ROWS_NAMED = 17


@figure(
    "Inherent structures: the minimum below each snapshot of every replica, numbered from the lowest, replicas between "
    "whose structures nobody moved apart; and how deep and how wide each structure is, its marker as large as its "
    "share of the snapshots, of one shape where replicas moved between them. Among structures of one shape, shares in "
    "equilibrium with isotropic noise would fall from each line to the next, up and to the right, by the factor named.",
    each_model("structure_occupancy"),
    leads=0,
)
def inherent_structures(subject: Subject) -> Figure:
    """Above the structure below every snapshot (replica, step), below energy in theta against (1/2) ln det H.

    In the lower panel ln p_i of the law is -x - y and a constant of each group, so that its lines go down at 45 degrees
    of the data. Points that are no minima have no determinant and stand in the upper panel alone.
    """
    model = subject.model
    labels = np.asarray(model["structure"].transpose("replica", "snapshot").values)
    count = model.sizes["basin"]
    colours = [point_colour(place, count) for place in range(count)]
    visits = (labels[:, :, None] == np.arange(count)).sum(axis=1)
    group = groups(visits.astype(np.float64))
    figure = canvas(7.4)
    above, below = figure.subplots(2, 1, height_ratios=(1.0, 1.35))
    _history(above, model, labels, group, colours)
    _map(below, model, group, colours)
    apart = int(group.max()) + 1
    told = f"{count} structures below {labels.size} snapshots" + (f", in {apart} groups" if apart > 1 else "")
    title(above, "Inherent structures", subject, told)
    return figure


def _history(
    axes: Axes, model: xr.Dataset, labels: NDArray[np.int64], group: NDArray[np.int64], colours: list[str]
) -> None:
    """A row of colours a replica, those of one group together."""
    home = group[labels[:, 0]]
    order = np.argsort(home, kind="stable")
    edges = np.arange(len(labels) + 1) - 0.5
    axes.pcolormesh(
        _edges(model["snapshot_step"].values.astype(np.float64)), edges, labels[order], cmap=ListedColormap(colours),
        vmin=-0.5, vmax=len(colours) - 0.5, rasterized=True,
    )  # fmt: skip
    for row in np.flatnonzero(np.diff(home[order])):
        axes.axhline(row + 0.5, color="white", linewidth=4.0)
    axes.grid(visible=False)
    axes.invert_yaxis()
    rows = np.arange(0, len(labels), 1 + len(labels) // _ROWS_NAMED)
    axes.set_yticks(rows, [f"{model['replica'].values[order[row]]}" for row in rows])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set(xlabel="step", ylabel="replica")


def _map(axes: Axes, model: xr.Dataset, group: NDArray[np.int64], colours: list[str]) -> None:
    """Markers of the structures that are minima, and lines of one share by the law."""
    log_det = model["structure_log_det"].values.astype(np.float64)
    energy = model["structure_energy"].values.astype(np.float64)
    share = model["structure_occupancy"].values
    minima = np.isfinite(log_det)
    axes.set(xlabel="½ ln det H above that of the widest", ylabel="energy above the lowest, in θ")
    if not minima.any():
        axes.text(0.5, 0.5, "none is a minimum", transform=axes.transAxes, ha="center", color=GREY)
        return
    width = 0.5 * (log_det - log_det[minima].min())
    height = (energy - energy[minima].min()) / temperatures.of_structures(model)
    for place in np.flatnonzero(minima)[::-1]:
        axes.scatter(
            width[place], height[place], s=_SMALLEST + _LARGEST * share[place], color=colours[place], zorder=3,
            marker=MODEL_MARKERS[group[place] % len(MODEL_MARKERS)], edgecolor="white", linewidth=1.2,
        )  # fmt: skip
    for place in sorted(np.flatnonzero(minima), key=lambda each: -share[each])[:_NAMED]:
        axes.annotate(
            f"{model['basin'].values[place]}: {_percent(float(share[place]))}", (width[place], height[place]),
            xytext=(6.0 + 0.5 * float(np.sqrt(_SMALLEST + _LARGEST * share[place])), 0.0), textcoords="offset points",
            va="center", fontsize=9.5, color=INK, zorder=4,
        )  # fmt: skip
    axes.margins(0.12)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    across = right - left + top - bottom
    decades = max(1, int(np.ceil(across / np.log(10.0) / _LINES)))
    spacing = decades * np.log(10.0)
    for level in np.arange(left + bottom, right + top, spacing)[1:]:
        axes.plot([left, right], [level - left, level - right], color=GREY, linewidth=0.7, linestyle="--", zorder=1)
    told = f"equal shares by exp(−E/θ)/√det H, from line to line a factor {10.0**decades:g}"
    axes.plot([], [], color=GREY, linewidth=0.7, linestyle="--", label=told)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.grid(visible=False)
    axes.legend(loc="best")


def _percent(share: float) -> str:
    return f"{100.0 * share:.2g}%" if share < 0.995 else "100%"


def _edges(steps: Array) -> Array:
    """Ends of the cells about the steps of snapshots, equally spaced; one cell about one."""
    if steps.size == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = 0.5 * (steps[1:] + steps[:-1])
    edges: Array = np.concatenate([[1.5 * steps[0] - 0.5 * steps[1]], middle, [1.5 * steps[-1] - 0.5 * steps[-2]]])
    return edges
