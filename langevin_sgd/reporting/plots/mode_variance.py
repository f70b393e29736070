"""Stationary variance along every Hessian eigenvector against its eigenvalue, and the ratio to the law below."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_sgd.laws.quadratic import own_law
from langevin_sgd.observables.declared import is_trained
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.modes import Modes, binned, law_label, laws, ratio_axis
from langevin_sgd.reporting.plots.style import INK, canvas, law_line, model_look, plain_ticks, title

_CURVE_BINS = 40


@figure(
    "Stationary variance along every Hessian eigenvector, and its ratio to the process's own law. Curves "
    "and large markers are means over modes of similar eigenvalue, dots are single modes ± one standard "
    "error.",
    each_model("mode_variance", "mode_variance_predicted"),
    leads=2,
)
def mode_variance(subject: Subject) -> Figure:
    """Per-mode variance of a model against the Hessian eigenvalue, with the curve of every law.

    Laws and the simulated models beside it, which share the Hessian, are averaged over modes of similar eigenvalue: the
    noise differs from mode to mode, and a marker a mode would hide the measurement. The lower panel divides mode by
    mode first. Noise-free modes, whose variance is zero, are left out and counted.
    """
    name, model = subject.name, subject.model
    modes = Modes.of(model)
    k, own = modes.eigenvalue, modes.own
    figure = canvas(7.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])

    kind = "training" if is_trained(model) else "simulation"
    positive = modes.measured > 0
    look: dict[str, Any] = {"fmt": "o", "markersize": modes.marker_size, "color": INK, "ecolor": "#b5b5b5"}
    upper.errorbar(
        k[positive], modes.measured[positive], modes.stderr[positive], elinewidth=0.8, zorder=3, **look,
        label=f"{name} ({kind}), ± 1 s.e.",
    )  # fmt: skip
    lower.errorbar(k, modes.measured / own, modes.stderr / own, elinewidth=0.6, alpha=0.3, **look)
    continuum = np.ones(1)
    for law in laws(model):
        predicted = model["mode_variance_law"].sel(law=law).values[modes.shown]
        curve = binned(k, predicted, np.zeros_like(k), own, _CURVE_BINS)
        mine = law == own_law(model)
        width = 2.4 if mine else 1.9
        upper.plot(
            curve.x, curve.mean, label=law_label(law, model), linewidth=width, zorder=4 - 2 * mine, **law_line(law)
        )
        lower.plot(curve.x, curve.ratio, linewidth=width, zorder=2, **law_line(law))
        continuum = curve.ratio if law == "continuum" else continuum
    for position, (other_name, other) in enumerate(subject.others.items()):
        _simulated(upper, lower, other_name, other, position, modes)
    means = binned(k, modes.measured, modes.stderr, own)
    lower.errorbar(
        means.x, means.ratio, means.stderr, fmt="o", color=INK, markersize=6, elinewidth=1.6, capsize=2.5, zorder=5,
        label=f"{name}, mean over similar modes",
    )  # fmt: skip

    upper.set(xscale="log", yscale="log", ylabel="stationary variance of the mode (weights²)")
    title(upper, "Variance of every mode", subject, modes.remark)
    handles, labels = upper.get_legend_handles_labels()
    upper.legend([handles[-1], *handles[:-1]], [labels[-1], *labels[:-1]], loc="best")
    plain_ticks(lower.xaxis, float(k.min()), float(k.max()))
    ratio_axis(lower, subject, means.ratio, continuum)
    lower.set_xlabel("eigenvalue of the Hessian (1/time)")
    lower.legend(loc="best", ncols=2)
    return figure


def _simulated(upper: Axes, lower: Axes, name: str, model: xr.Dataset, position: int, beside: Modes) -> None:
    variance, stderr = (model[v].values[beside.shown] for v in ("mode_variance", "mode_variance_stderr"))
    means = binned(beside.eigenvalue, variance, stderr, beside.own)
    colour, marker = model_look(position)
    look: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.6, "color": colour, "linestyle": "none"}
    upper.plot(means.x, means.mean, marker=marker, markersize=7, label=f"{name} (simulation)", zorder=6, **look)
    lower.errorbar(means.x, means.ratio, means.stderr, fmt=marker, markersize=6, elinewidth=1.2, zorder=4, **look)
