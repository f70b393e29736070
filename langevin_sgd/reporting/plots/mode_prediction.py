"""Measured variance of every mode against what each law predicts for it, and the ratio to the own law below."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from langevin_sgd.laws.quadratic import own_law
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.modes import Modes, binned, law_label, laws, ratio_axis
from langevin_sgd.reporting.plots.style import GREY, INK, canvas, law_line, title

_DECADES = 1e-9  # of the largest prediction: modes below hold nothing that anybody could see


@figure(
    "Measured variance of every mode against what each law predicts for it. Many modes share an "
    "eigenvalue and differ only in their noise; here they stand apart.",
    each_model("mode_variance", "mode_variance_predicted"),
)
def mode_prediction(subject: Subject) -> Figure:
    """Measured against predicted variance, a marker a mode and law; a law that holds lies on the diagonal.

    Many modes share an eigenvalue and differ only in their noise, so this tells them apart where the eigenvalue cannot.
    """
    name, model = subject.name, subject.model
    modes = Modes.of(model)
    figure = canvas(7.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])
    seen = (modes.measured > 0) & (modes.own > _DECADES * modes.own.max())
    measured, stderr, own = modes.measured[seen], modes.stderr[seen], modes.own[seen]

    ends = np.array([min(own.min(), measured.min()) / 2, max(own.max(), measured.max()) * 2])
    upper.axline(
        (ends[0], ends[0]), (ends[1], ends[1]), color=GREY, linewidth=1.0, zorder=1, label="measured = predicted"
    )
    contrast, furthest = np.ones(1), float(ends[1])
    for law in laws(model):
        predicted = model["mode_variance_law"].sel(law=law).values[modes.shown][seen]
        mine = law == own_law(model)
        colour = law_line(law)["color"]
        furthest = max(furthest, 2 * float(predicted.max()))
        upper.errorbar(
            predicted, measured, stderr if mine else None, fmt="o", markersize=modes.marker_size + (0.8 if mine else 0),
            color=colour, alpha=0.9 if mine else 0.55, elinewidth=0.8, zorder=4 if mine else 2,
            label=law_label(law, model) + (", ± 1 s.e." if mine else ""),
        )  # fmt: skip
        if law == "continuum" and not mine:
            off = binned(own, predicted, np.zeros_like(own), own, 40)
            lower.plot(off.x, off.ratio, **law_line(law))
            contrast = off.ratio
    lower.errorbar(
        own, measured / own, stderr / own, fmt="o", markersize=modes.marker_size, color=INK, ecolor="#b5b5b5",
        elinewidth=0.6, alpha=0.3,
    )  # fmt: skip
    means = binned(own, measured, stderr, own)
    lower.errorbar(
        means.x, means.ratio, means.stderr, fmt="o", color=INK, markersize=6, elinewidth=1.6, capsize=2.5, zorder=5,
        label=f"{name}, mean over similar predictions",
    )  # fmt: skip

    upper.set(xscale="log", yscale="log", ylabel="measured variance (weights²)", xlim=(ends[0], furthest), ylim=ends)
    title(upper, "Measured against predicted variance", subject, modes.remark)
    upper.legend(loc="best", markerscale=1.8)
    ratio_axis(lower, subject, means.ratio, contrast)
    lower.set(xlabel="predicted variance of the mode (weights²)")
    lower.legend(loc="best", ncols=2)
    return figure
