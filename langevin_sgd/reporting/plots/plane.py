"""The loss on the plane through three replicas, or the minima below them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import INK, WIDTH, Array, canvas, title

_LEVELS = 9
_LOWEST = 3e-3  # of the range of values, at which the first contour lies above the least of them
_MARKERS = ("o", "s", "^")
_TITLES = {"energy": "training loss and weight decay", "test_loss": "test loss"}


@figure(
    "The loss on the plane through three replicas, whose coordinates are distances in the space of weights (Garipov et "
    "al. 2018). Contours are labelled with the loss, and lie closer to each other near the least of it. The legend "
    "gives the loss at the three.",
    each_model("plane_energy"),
    leads=1,
)
def plane(subject: Subject) -> Figure:
    """The energy, and the test loss beside it if there is a test set, over the plane, with contours and the three."""
    model = subject.model
    shown = [name for name in _TITLES if f"plane_{name}" in model]
    x, y = model["plane_x"].values, model["plane_y"].values
    height = (WIDTH / len(shown) - 0.6) * float(np.ptp(y) / np.ptp(x))
    drawn = canvas(float(np.clip(height, 2.6, 7.0)) + 2.4)
    panels: list[Axes] = list(drawn.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0])
    for axes, name in zip(panels, shown, strict=True):
        _contours(axes, x, y, model[f"plane_{name}"].transpose("plane_row", "plane_column").values)
        for marker, corner in zip(_MARKERS, model["plane_corner"].values, strict=True):
            at = model.sel(plane_corner=corner)
            axes.plot(
                float(at["plane_corner_x"]), float(at["plane_corner_y"]), marker, color=INK, markersize=7,
                markeredgecolor="white", label=f"replica {corner}: {float(at[f'plane_corner_{name}']):.4g}", zorder=4,
            )  # fmt: skip
        axes.set(aspect="equal", xlabel="distance between weights")
        axes.set_anchor("N")
        axes.grid(visible=False)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), title=_TITLES[name])
    panels[0].set_ylabel("distance between weights")
    title(panels[0], "Plane through three replicas", subject)
    for text in panels[0].texts:
        text.set_in_layout(False)  # wider than its panel
    return drawn


def _contours(axes: Axes, x: Array, y: Array, values: Array) -> None:
    """Colours and lines of levels whose heights above the least value grow geometrically."""
    finite = values[np.isfinite(values)]
    lowest, span = float(finite.min()), float(np.ptp(finite))
    if not span > 0.0:
        return
    above = np.geomspace(_LOWEST * span, span, _LEVELS)
    excess = np.maximum(np.where(np.isfinite(values), values, np.inf) - lowest, above[0])
    axes.pcolormesh(x, y, excess, cmap="Blues_r", norm=LogNorm(above[0], above[-1]), shading="gouraud", rasterized=True)
    levels = lowest + above[:-1]
    lines = axes.contour(x, y, values, levels=levels, colors=INK, linewidths=0.7)
    axes.clabel(lines, levels[::2], fmt=lambda level: f"{level:.3g}", fontsize=8.5)
