"""Which modes about a minimum still diffuse: the growth of every mode's variance over that of a free walk."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from langevin_sgd.checks.flat_modes.rows import Growth
from langevin_sgd.checks.modes import eigenvalue_bins
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.modes import BINS
from langevin_sgd.reporting.plots.style import BAND, GREY, INK, MODEL_COLOURS, canvas, plain_ticks, title


@figure(
    "Growth of the variance along every Hessian eigenvector in the last half of the training, over that of a walk that "
    "nothing holds back: 1 where a mode still diffuses freely, 0 where it rests. Dots are single modes, large markers "
    "the sums over modes of similar eigenvalue with two standard errors over replicas; the band is the tolerance.",
    each_model("mode_position", "mode_growth_free"),
    leads=1,
)
def mode_growth(subject: Subject) -> Figure:
    """s of single modes and of bins against the eigenvalue, with that of the linear process."""
    growth, tolerance = Growth.of(subject.model), subject.criterion("flat_modes", "tolerance")
    drawn = canvas(4.8)
    axes = drawn.subplots()
    axes.axhspan(-tolerance, tolerance, color=BAND, zorder=0, label=f"at rest: within {tolerance:.3g}")
    axes.axhline(1.0, color=GREY, linewidth=1.2, linestyle="--", zorder=1, label="free diffusion")
    masks = eigenvalue_bins(growth.eigenvalue, growth.noisy, BINS)
    shown = np.flatnonzero(growth.noisy & (growth.eigenvalue > 0))
    k = growth.eigenvalue[shown]
    alone = [growth.over_free(np.arange(growth.noisy.size) == mode)[0] for mode in shown]
    axes.plot(k, alone, linestyle="none", marker="o", markersize=2.6, color=GREY, alpha=0.35, label="one mode")
    centre = [float(np.exp(np.log(growth.eigenvalue[modes]).mean())) for modes in masks]
    linear = [growth.linear_over_free(modes) for modes in masks]
    axes.plot(centre, linear, color=MODEL_COLOURS[0], linewidth=2.2, zorder=2, label="linear process")
    values, stderr = np.array([growth.over_free(modes) for modes in masks]).reshape(-1, 2).T
    axes.errorbar(
        centre, values, 2.0 * stderr, fmt="o", color=INK, markersize=6, capsize=2.5, zorder=3,
        label="modes of similar eigenvalue",
    )  # fmt: skip
    axes.set_xscale("log")
    if k.size:
        plain_ticks(axes.xaxis, float(k.min()), float(k.max()))
    axes.set(xlabel="Hessian eigenvalue", ylabel="growth of the variance over free growth")
    title(axes, "Which modes still diffuse?", subject)
    axes.legend(loc="best")
    return drawn
