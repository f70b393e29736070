"""All random potentials of a study on one plot: growth as (ln t)^(4/alpha), whatever alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_sgd.observables.points_done import partly
from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.reporting.plots.diffusion import censored_times, fit, rescaled
from langevin_sgd.reporting.plots.figure import Results, Subject, all_together, figure
from langevin_sgd.reporting.plots.style import GREY, INK, canvas, model_look

_EVERY = 4  # times between markers


def _walkers(results: Results) -> dict[str, xr.Dataset]:
    """The models in random potentials and the points of those that are scanned, by name."""
    found = {}
    for name, model in results.models.items():
        if "valid_range" not in model:
            continue
        names = dimensions(model)
        for index in np.ndindex(*(model.sizes[dim] for dim in names)):
            chosen = dict(zip(names, index, strict=True))
            point = partly(model, chosen).replace("=", " ")
            found[f"{name}: {point}" if point else name] = model.isel(chosen)
    return found


@figure(
    "All random potentials together. Left the growth, straight in ln t where the law holds, right over "
    "its fitted amplitude K and against the fitted shift: the dashed diagonal.",
    all_together(_walkers),
    together=True,
    leads=1,
)
def diffusion_collapse(subject: Subject) -> Figure:
    """Left <x^2>^(alpha/4) sqrt(A)/theta against ln t, straight for each; right over K^(alpha/4), against ln t + c.

    K and c are those of the fit at p = 4/alpha over the window, which leaves nothing free on the right: the diagonal.
    """
    figure = canvas(4.8)
    window = subject.criterion("diffusion", "window")
    left, right = figure.subplots(1, 2)
    assert isinstance(left, Axes)
    assert isinstance(right, Axes)
    largest = 1.0
    for position, (name, model) in enumerate(subject.all.items()):
        colour, marker = model_look(position)
        ln_time, alpha = model["ln_time"].values, float(model["alpha"])
        look: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "markersize": 4.5,
            "markevery": _EVERY,
            "linewidth": 1.2,
        }
        values = np.array(rescaled(model)) * np.sqrt(float(model["amplitude"])) / float(model["thermal_energy"])
        lost = censored_times(model)
        seen = (ln_time > 0) & ~lost
        end = f"\ncensored from ln t = {ln_time[lost][0]:.3g}" if lost.any() else ""
        left.plot(ln_time[seen], values[0, seen], label=f"{name}: α = {alpha:.3g}{end}", **look)
        fitted = fit(model, window)
        if fitted is None:
            continue
        unit = fitted.amplitude ** (alpha / 4.0) * np.sqrt(float(model["amplitude"])) / float(model["thermal_energy"])
        shifted = ln_time + fitted.shift
        on = seen & (shifted > 0)
        largest = max(largest, float(shifted[on].max(initial=1.0)))
        label = f"α = {alpha:.3g}, c = {fitted.shift:.2g}"
        right.fill_between(shifted[on], *(values[1:, on] / unit), color=colour, alpha=0.2, linewidth=0)
        right.plot(shifted[on], values[0, on] / unit, label=label, **look)
        right.plot([window + fitted.shift] * 2, [0.0, 0.04], color=colour, transform=right.get_xaxis_transform())
    left.set(xlabel="ln t", ylabel=r"$\langle x^2\rangle^{\alpha/4}\,\sqrt{A}/\theta$", ylim=(0.0, None))
    right.set(xlabel="ln t + c", ylabel=r"$(\langle x^2\rangle/K)^{\alpha/4}$", ylim=(0.0, None), xlim=(0.0, None))
    left.set_title("Straight in ln t for every α", fontweight="bold", color=INK)
    right.set_title("Collapse", fontweight="bold", color=INK)
    right.text(0.98, 0.06, "ticks: start of the fit", transform=right.transAxes, color=GREY, ha="right")
    left.legend(loc="best")
    if right.get_legend_handles_labels()[1]:
        right.plot([0.0, largest], [0.0, largest], color=INK, linewidth=1.0, linestyle=(0, (5, 2)), zorder=1)
        right.legend(loc="upper left")
    else:
        right.text(
            0.5, 0.5, "no run has an uncensored window\nlong enough for a fit", transform=right.transAxes, ha="center"
        )
    return figure
