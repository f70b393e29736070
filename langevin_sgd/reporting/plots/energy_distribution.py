"""Distribution of the energy above the minimum, with the weighted chi-squared law that each theory gives it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langevin_sgd.laws.cache import title_of
from langevin_sgd.laws.quadratic import energy_law_weights, own_law
from langevin_sgd.reporting.plots.figure import Subject, each_model, figure
from langevin_sgd.reporting.plots.style import BAND, GREY, INK, Array, canvas, law_line, model_look, title
from langevin_sgd.theory.quadratic_form import mixture_cdf

_BINS = 60
_GRID = 400


@figure(
    "Energy above the minimum with the weighted chi-squared density of every law, and the difference of "
    "the cumulative distributions, whose largest size is the sup-distance of the table.",
    each_model("stationary_energy", "energy_law_weight"),
)
def energy_distribution(subject: Subject) -> Figure:
    """Histogram of the stationary energy with the density of every law, and the difference of the distributions below.

    The lower panel shows the measured cumulative distribution minus that of a law; its largest size is the sup-distance
    that the equilibrium check bounds.
    """
    name, model, bound = subject.name, subject.model, subject.criterion("equilibrium", "energy_bound")
    figure = canvas(6.8)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    energies = np.sort(model["stationary_energy"].values.ravel())
    energies = energies[np.isfinite(energies)]
    low, high = np.quantile(energies, [0.0005, 0.9995])
    bottom, top = max(0.0, low - 0.25 * (high - low)), high + 0.25 * (high - low)
    edges = np.linspace(bottom, top, _BINS + 1)
    density = _density(energies, edges)
    upper.stairs(density, edges, fill=True, color="#c9c9c9", label=f"{name}: {energies.size:,} energies")
    upper.stairs(density, edges, color=INK, linewidth=1.0)
    for position, (other_name, other) in enumerate(subject.others.items()):
        simulated = other["stationary_energy"].values.ravel()
        colour, _ = model_look(position)
        upper.stairs(
            _density(simulated[np.isfinite(simulated)], edges), edges, color=colour, linewidth=1.5,
            label=f"{other_name} (simulation)",
        )  # fmt: skip

    grid = np.linspace(bottom, top, _GRID)
    empirical = np.searchsorted(energies, grid, side="right") / energies.size
    lower.axhspan(-bound, bound, color=BAND, zorder=0, label=f"bound of the check, {bound:g}")
    lower.axhline(0.0, color=GREY, linewidth=0.8)
    own = own_law(model) or "discrete"
    peak = float(density.max())
    for law in model["law"].values[model["energy_law_weight"].notnull().any("mode").values]:
        cumulative = _cumulative(model, str(law), grid)
        mine = law == own
        look = law_line(str(law)) | {"linewidth": 2.2 if mine else 1.8}
        law_density = np.gradient(cumulative, grid)
        peak = max(peak, float(law_density.max()))
        upper.plot(grid, law_density, label=f"{title_of(str(law), model)} law", **look)
        difference = empirical - cumulative
        lower.plot(grid, difference, **look)
        if mine:
            _mark_largest(lower, grid, difference)
    handles, _ = upper.get_legend_handles_labels()
    headroom = 10.0 ** (0.35 * (1 + len(handles) // 2))  # for the legend, which would hide something elsewhere
    upper.set(yscale="log", ylim=(density.max() * 1e-4, peak * headroom), ylabel="probability density")
    title(upper, "Energy in equilibrium", subject)
    upper.legend(loc="upper center", ncols=2)
    lower.set(
        xlim=(bottom, top), ylim=(-4 * bound, 4 * bound), xlabel="energy above the minimum (loss)",
        ylabel="measured − law\n(cumulative)",
    )  # fmt: skip
    lower.legend(loc="best")
    return figure


def _density(energies: Array, edges: Array) -> Array:
    counts = np.histogram(energies, edges)[0]
    return np.asarray(counts / (energies.size * np.diff(edges)))


def _cumulative(model: xr.Dataset, law: str, grid: Array) -> Array:
    return mixture_cdf(energy_law_weights(model, law), grid)


def _mark_largest(axes: Axes, grid: Array, difference: Array) -> None:
    at = int(np.abs(difference).argmax())
    x, y = float(grid[at]), float(difference[at])
    axes.plot([x], [y], "o", color=INK, markersize=5)
    axes.annotate(
        f"sup-distance {abs(y):.3f}", (x, y), xytext=(8, 8 if y >= 0 else -14), textcoords="offset points", fontsize=10,
        color=INK, bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0},
    )  # fmt: skip
