"""How well a law holds along one key of a scan, one curve a value of a second key."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from langevin_sgd.reporting.plots.figure import Results, Subject, figure
from langevin_sgd.reporting.plots.scan_panels import Panel, heading, panels
from langevin_sgd.reporting.plots.style import BAND, GREY, INK, Array, canvas, model_look

_CURVES = 6
_COLUMNS = 2
_TICKS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (1.25, (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15)),
    (1.8, (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)),
    (4.0, (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)),
    (25.0, (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)),
    (np.inf, tuple(10.0**power for power in range(-9, 10))),
)
"""Numbers on an axis that spans less than a factor."""
_APART = 0.08  # of the distance between two values by which curves are moved apart


def _with_ratios(results: Results) -> dict[str, Subject]:
    if results.table is None or not panels(results.scanned, results.table, keys=1):
        return {}
    first, *others = results.scanned
    return {first: results.subject(first, results.scanned[first], {name: results.scanned[name] for name in others})}


@figure(
    "Measured over predicted by the law against a scanned key, with the confidence interval and the tolerance, for "
    "each model with its own law and for laws that are not claimed (in brackets); one curve a value of the second key. "
    "Filled: agrees; hollow: inconclusive; crossed: disagrees.",
    _with_ratios,
    together=True,
    leads=1,
)
def scan_ratio(subject: Subject) -> Figure:
    """The ratio of the quantity that tells most, one panel a model and law, six curves at most."""
    assert subject.table is not None
    every = panels(subject.all, subject.table, keys=1)
    columns = min(_COLUMNS, len(every))
    rows = -(-len(every) // columns)
    drawn = canvas(1.0 + 2.9 * rows)
    grid = drawn.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(every) :]:
        axes.set_axis_off()
    for axes, panel in zip(grid.flat, every, strict=False):
        _draw(axes, panel)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    left = 0 if every[0].y is None else len(every[0].y.positions) - _CURVES
    name = "" if every[0].y is None else every[0].y.label
    if handles:
        more = f" ({left} more not shown)" if left > 0 else ""
        drawn.legend(handles, labels, loc="outside lower center", ncols=len(labels), title=f"{name}{more}")
    return drawn


def _draw(axes: Axes, panel: Panel) -> None:
    _band(axes, panel)
    chosen = range(panel.ratio.shape[1])[:_CURVES]
    spread = np.arange(len(chosen)) - 0.5 * (len(chosen) - 1)
    for number, j in enumerate(chosen):
        colour, marker = model_look(number)
        x = _moved(panel, float(spread[number]) * _APART)
        measured = panel.ratio[:, j]
        bars = np.abs(np.stack([measured - panel.low[:, j], panel.high[:, j] - measured]))
        name = None if panel.y is None else _value(panel, j)
        axes.errorbar(x, measured, bars, color=colour, linestyle="none", linewidth=1.0, capsize=0, zorder=3)
        axes.plot(x, measured, color=colour, linewidth=0.9, alpha=0.6, zorder=3)
        axes.plot([], [], color=colour, marker=marker, markersize=6, linewidth=0.9, label=name)
        for verdict, face in (("agrees", colour), ("inconclusive", "white"), ("disagrees", colour)):
            of = panel.verdict[:, j] == verdict
            axes.plot(
                x[of], measured[of], color=colour, marker=marker, markerfacecolor=face, markersize=6,
                linestyle="none", zorder=4,
            )  # fmt: skip
            if verdict == "disagrees":
                axes.plot(x[of], measured[of], color=INK, marker="x", markersize=8, linestyle="none", zorder=5)
        for i in np.flatnonzero(panel.failed[:, j]):
            axes.plot(
                x[i], 0.03 + 0.05 * number, color=colour, marker="x", markersize=6, zorder=5,
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
    panel.x.show(axes, "x")
    heading(axes, panel)
    axes.set_ylabel("measured − law" if panel.difference else "measured / law")
    if not panel.difference:
        _logarithmic(axes, panel)


def _band(axes: Axes, panel: Panel) -> None:
    middle = 0.0 if panel.difference else 1.0
    axes.axhspan(middle - panel.tolerance, middle + panel.tolerance, color=BAND, zorder=0)
    axes.axhline(middle, color=GREY, linewidth=0.8, zorder=1)


def _value(panel: Panel, position: int) -> str:
    assert panel.y is not None
    return panel.y.names[position] if panel.y.names else f"{panel.y.positions[position]:.4g}"


def _moved(panel: Panel, part: float) -> Array:
    """The positions along x, moved by a part of the distance between two, so that bars do not hide each other."""
    x = panel.x.positions
    if len(x) < 2:
        return x
    if panel.x.logarithmic:
        return np.asarray(x * np.exp(part * np.min(np.diff(np.log(x)))))
    return np.asarray(x + part * np.min(np.diff(x)))


def _logarithmic(axes: Axes, panel: Panel) -> None:
    """An axis on which a ratio and its inverse lie alike, with plain numbers, from a little beyond the tolerance on."""
    finite = panel.ratio[np.isfinite(panel.ratio) & (panel.ratio > 0)]
    if not finite.size:
        return
    margin = 1.6 * panel.tolerance
    low, high = min(1 - margin, float(finite.min()) / 1.06), max(1 + margin, 1.06 * float(finite.max()))
    axes.set(yscale="log", ylim=(low, high))
    ticks = next(values for reach, values in _TICKS if high / low < reach)
    axes.yaxis.set_ticks([tick for tick in ticks if low <= tick <= high])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.yaxis.set_minor_locator(NullLocator())
