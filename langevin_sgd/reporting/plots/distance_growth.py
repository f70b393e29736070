"""Distance from the start against the logarithm of the steps and of learning rate x steps, at all points of a scan."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from langevin_sgd.observables.scanned import dimensions, entries_done, label
from langevin_sgd.reporting.plots.figure import Subject, each_scan, figure
from langevin_sgd.reporting.plots.style import GREY, INK, canvas, point_colour, title

_MOST = 8  # points of a scan that a figure has room for


@figure(
    "Distance of the weights from the start at the points of a scan, and of descent without noise from the same start "
    "(grey). Left against steps, as it is often shown; right against learning rate x steps, on which curves that the "
    "gradient drives fall together.",
    each_scan("squared_displacement", "control_squared_displacement"),
)
def distance_growth(subject: Subject) -> Figure:
    """sqrt<|w - w_0|^2> on a linear scale against two times on logarithmic ones."""
    model = subject.model
    figure = canvas(4.6)
    axes = figure.subplots(1, 2, sharey=True)
    several = entries_done(model)
    shown = several[:_MOST]
    for place, entries in enumerate(shown):
        point = model.isel(dict(zip(dimensions(model), entries, strict=True)))
        later = point["time"].values > 0.0
        own = np.sqrt(point["squared_displacement"].mean("replica").values)
        control = np.sqrt(point["control_squared_displacement"].values)
        for one, time in zip(axes, ("step", "effective_time"), strict=True):
            x = point[time].values[later]
            one.plot(x, control[later], color=GREY, linewidth=3.0, alpha=0.5, zorder=1)
            one.plot(x, own[later], color=point_colour(place, len(shown)), label=label(model, entries))
    for one, text in zip(axes, ("step n", "effective time, η·n/(1 − μ)"), strict=True):
        one.set(xscale="log", xlabel=text)
    axes[0].set_ylabel("distance from the start (weights)", color=INK)
    left_out = f"{len(shown)} of {len(several)} points" if len(several) > len(shown) else ""
    title(axes[0], "Distance from the start", subject, left_out)
    axes[1].legend(loc="best", fontsize=8)
    return figure
