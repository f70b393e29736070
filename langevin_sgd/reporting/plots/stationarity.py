"""Whether weights stand still: the balance of |w|^2 of every layer in windows that double."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

from langevin_sgd.observables.declared import is_trained
from langevin_sgd.reporting.plots.figure import Results, Subject, figure
from langevin_sgd.reporting.plots.style import BAND, GREY, INK, MODEL_COLOURS, MODEL_MARKERS, Array, canvas, title

_LINEAR = 2.0  # tolerances about 1 in which the axis is linear


def _watched(results: Results) -> dict[str, Subject]:
    """Of every network that the probe watched."""
    return {
        name: results.subject(name, model)
        for name, model in results.single.items()
        if is_trained(model) and "norm_balance" in model
    }


@figure(
    "Balance of |w|² of every layer: 1 less its growth in a window over that by noise alone, so 1 where the weights "
    "rest. Each window is twice as long as the one before. Bars are two standard errors over replicas; the band is the "
    "tolerance, about which the axis is linear. That all layers rest is necessary for equilibrium, not sufficient.",
    _watched,
    leads=1,
)
def stationarity(subject: Subject) -> Figure:
    """Y - 1 of every layer, and of all together, against the step that a window ends with."""
    model, tolerance = subject.model, subject.criterion("stationarity", "tolerance")
    drawn = canvas(4.8)
    axes = drawn.subplots()
    axes.axhspan(-tolerance, tolerance, color=BAND, zorder=0, label=f"within {tolerance:.3g}")
    axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    ends = model["window_last"].values
    balance = np.asarray(model["norm_balance"].transpose("layer", "replica", "window").values, dtype=np.float64)
    names = model["layer"].values.tolist()
    for place, (name, values) in enumerate(zip(names, balance, strict=True)):
        look: dict[str, Any] = {
            "color": MODEL_COLOURS[place % len(MODEL_COLOURS)],
            "marker": MODEL_MARKERS[place % len(MODEL_MARKERS)],
        }
        shifted = ends * 1.04 ** (place - (len(names) - 1) / 2)  # bars beside each other
        axes.errorbar(
            shifted,
            *_mean(values),
            label=f"layer {name}",
            markersize=6,
            linewidth=1.6,
            capsize=2.5,
            **look,
        )
    if len(names) > 1:
        total = np.asarray(model["norm_balance_total"].transpose("replica", "window").values, dtype=np.float64)
        axes.errorbar(ends, *_mean(total), label="all together", color=INK, linestyle="--", marker="o", markersize=4)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_yscale("symlog", linthresh=_LINEAR * tolerance)
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=_LINEAR * tolerance))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1.0 + value:.4g}"))
    axes.set(xlabel="step that the window ends with", ylabel="balance of |w|²")
    title(axes, "Do the weights rest?", subject)
    axes.legend(loc="best")
    return drawn


def _mean(values: Array) -> tuple[Array, Array]:
    """Mean over replicas less 1, and two standard errors, of values (replica, window)."""
    replicas = len(values)
    spread = values.std(axis=0, ddof=1) if replicas > 1 else np.full(values.shape[1], np.nan)
    return values.mean(axis=0) - 1.0, 2.0 * spread / np.sqrt(replicas)
