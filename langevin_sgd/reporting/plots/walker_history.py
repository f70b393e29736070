"""One disorder: the potential, and the history of a walker in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_sgd.reporting.plots.diffusion import disorder
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import BLUE, GREY, INK, VERMILLION, canvas, title


@figure(
    "The potential of one disorder where its walker went, the bottom of the valley that flooding reaches "
    "at each ln t, and positions drawn from the master equation.",
    each_model("example_position"),
    leads=0,
)
def walker_history(subject: Subject) -> Figure:
    """Above V(x) of the first disorder with the valleys that flooding visits; below ln t against position.

    The line is the bottom that flooding reaches at Gamma = theta ln t, with nothing fitted; dots are positions drawn
    from the thermal distribution at each time, independently.
    """
    model = subject.model
    x, potential = model["example_position"].values, model["example_potential"].values
    bottom, drawn, ln_time = (model[name].values for name in ("example_bottom", "example_draw", "ln_time"))
    theta = float(model["thermal_energy"])
    figure = canvas(6.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.1))
    assert isinstance(above, Axes)
    assert isinstance(below, Axes)
    above.plot(x, potential / theta, color=GREY, linewidth=0.9)
    begins = np.flatnonzero(np.diff(bottom, prepend=np.nan) != 0.0)
    # the bottom is a minimum: of the few points about it, the lowest
    depth = [potential[np.argsort(np.abs(x - at))[:3]].min() / theta for at in bottom[begins]]
    above.plot(bottom[begins], depth, color=BLUE, marker="o", markersize=6, linestyle="none", label="bottoms visited")
    above.plot(0.0, 0.0, color=INK, marker="*", markersize=11, linestyle="none", label="start")
    below.plot(bottom, ln_time, color=BLUE, drawstyle="steps-post", label="flooding at Γ = θ ln t")
    if np.isfinite(drawn).any():
        seen: dict[str, Any] = {"color": VERMILLION, "marker": "o", "markersize": 4, "linestyle": "none"}
        below.plot(drawn, ln_time, label="drawn from the master equation", **seen)
    above.set(ylabel="V(x) / θ")
    below.set(ylabel="ln t", xlabel="displacement from the start")
    title(above, "A potential and a walker in it", subject, f"{disorder(model)}, of which this is the first")
    for axes in (above, below):
        axes.legend(loc="best")
    return figure
