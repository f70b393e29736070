"""Where a law holds: its ratio over two keys of a scan, with the verdict in every cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter

from langevin_sgd.reporting.plots.figure import Results, Subject, figure
from langevin_sgd.reporting.plots.scan_panels import Key, Panel, heading, panels
from langevin_sgd.reporting.plots.style import BLUE, GREY, INK, VERMILLION, Array, canvas

SIGNS = {"agrees": "✓", "disagrees": "✗", "inconclusive": "?", "": ""}
_COLOURS = LinearSegmentedColormap.from_list("below_above", [BLUE, "#f7f7f7", VERMILLION])
_COLUMNS = 2
_LEAST, _MOST = np.log(1.2), np.log(2.0)  # of the logarithm of the ratio at which colours end
_DARK = 0.55  # part of the colour scale from which on text is white
_NUMBERS, _SIGNS = 12, 30  # most cells along an axis with room for a number, and for a sign alone; then colours


def _mapped(results: Results) -> dict[str, Subject]:
    if results.table is None or not panels(results.scanned, results.table, keys=2):
        return {}
    first, *others = results.scanned
    return {
        first: results.subject(first, results.scanned[first], {name: results.scanned[name] for name in others}),
    }


@figure(
    "Measured over predicted by the law, with the verdict, at every pair of values of two scanned keys, for each model "
    "with its own law and for laws that are not claimed (in brackets). A verdict in a cell is that of its point alone; "
    "the study disagrees only where Holm's rule over all points rejects. A frame marks what disagrees, hatching what "
    "failed, dots what is to come; both are grey where cells are too small for signs.",
    _mapped,
    together=True,
    leads=0,
)
def scan_map(subject: Subject) -> Figure:
    """Heat maps of the quantity that tells most, one panel a model and law, its colour blue below and red above it."""
    assert subject.table is not None
    every = panels(subject.all, subject.table, keys=2)
    columns = min(_COLUMNS, len(every))
    rows = -(-len(every) // columns)
    drawn = canvas(1.0 + rows * min(1.1 + 0.42 * max(len(panel.verdict[0]) for panel in every), 4.6))
    grid = np.atleast_2d(drawn.subplots(rows, columns, squeeze=False))
    for axes in grid.flat[len(every) :]:
        axes.set_axis_off()
    limits = {kind: _limit([panel for panel in every if panel.difference is kind]) for kind in (False, True)}
    for axes, panel in zip(grid.flat, every, strict=False):
        _draw(axes, panel, limits[panel.difference])
    for kind in dict.fromkeys(panel.difference for panel in every):
        of = [axes for axes, panel in zip(grid.flat, every, strict=False) if panel.difference is kind]
        _scale(drawn, of, limits[kind], rows=rows, difference=kind)
    legend = "✓ agrees   ✗ disagrees   ? inconclusive   (…) law not claimed   //// failed"
    drawn.supxlabel(legend, fontsize=10, color=GREY)
    return drawn


def _value(panel: Panel) -> Array:
    if panel.difference:
        return panel.ratio
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(panel.ratio > 0, np.log(panel.ratio), np.nan)


def _limit(every: list[Panel]) -> float:
    """Where colours end: what the laws that are claimed reach, within reason."""
    values = [np.abs(_value(panel)) for panel in every if panel.counts]
    reached = max((float(np.nanmax(v)) for v in values if np.isfinite(v).any()), default=0.0)
    if every and every[0].difference:
        return max(reached, 3 * max(panel.tolerance for panel in every))
    return float(np.clip(reached, _LEAST, _MOST))


def _draw(axes: Axes, panel: Panel, limit: float) -> None:
    assert panel.y is not None
    value, x, y = _value(panel), panel.x.edges(), panel.y.edges()
    line = 1.0 if max(panel.verdict.shape) <= _SIGNS else 0.0
    axes.pcolormesh(
        x, y, np.ma.masked_invalid(value).T, cmap=_COLOURS, vmin=-limit, vmax=limit, edgecolor="white", linewidth=line
    )
    panel.x.show(axes, "x")
    panel.y.show(axes, "y")
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    axes.grid(False)
    axes.tick_params(length=0)
    heading(axes, panel)
    lacking = panel.failed | panel.pending
    if max(panel.verdict.shape) > _SIGNS:
        blank = np.ma.masked_where(~lacking, np.ones(lacking.shape))
        axes.pcolormesh(x, y, blank.T, cmap="Greys", vmin=0, vmax=2)
        return
    for i, j in np.ndindex(*panel.verdict.shape):
        corner, width, height = (float(x[i]), float(y[j])), float(x[i + 1] - x[i]), float(y[j + 1] - y[j])
        if lacking[i, j]:
            hatch = "////" if panel.failed[i, j] else "..."
            nothing: Any = {"facecolor": "white", "edgecolor": GREY, "hatch": hatch, "linewidth": 0}
            axes.add_patch(Rectangle(corner, width, height, **nothing))
        elif panel.verdict[i, j]:
            centre = (_middle(x[i : i + 2], panel.x), _middle(y[j : j + 2], panel.y))
            _mark(axes, panel, (i, j), centre, float(value[i, j]) / limit)
            if panel.verdict[i, j] == "disagrees" and panel.counts:
                frame = Rectangle(corner, width, height, fill=False, edgecolor=INK, linewidth=1.6, zorder=5)
                axes.add_patch(frame)


def _middle(ends: Array, key: Key) -> float:
    return float(np.sqrt(ends.prod()) if key.logarithmic else ends.mean())


def _mark(axes: Axes, panel: Panel, at: tuple[int, int], centre: tuple[float, float], shade: float) -> None:
    """The number and the sign of a verdict in the middle of a cell."""
    sign, cells = SIGNS.get(str(panel.verdict[at]), ""), max(panel.verdict.shape)
    number = f"{panel.ratio[at]:+.2f}" if panel.difference else _short(float(panel.ratio[at]))
    text = f"{number}\n{sign}" if cells <= _NUMBERS else sign
    size = min(9.5, 60.0 / panel.verdict.shape[0]) if cells <= _NUMBERS else 150.0 / cells
    axes.text(
        *centre, text, ha="center", va="center", fontsize=size, linespacing=1.0, zorder=6,
        color="white" if abs(shade) > _DARK else INK, fontweight="bold" if sign == SIGNS["disagrees"] else "normal",
    )  # fmt: skip


def _short(ratio: float) -> str:
    if not np.isfinite(ratio):
        return "–"
    return f"{ratio:.2f}" if 0.1 <= ratio < 99.5 else f"{ratio:.1g}"


def _scale(drawn: Figure, of: list[Axes], limit: float, *, rows: int, difference: bool) -> None:
    mappable = ScalarMappable(Normalize(-limit, limit), _COLOURS)
    bar = drawn.colorbar(mappable, ax=of, extend="both", aspect=28, shrink=min(1.0, 1.6 / rows), anchor=(0, 1))
    bar.outline.set_visible(False)
    if difference:
        bar.set_label("measured − law")
        return
    ticks = [tick for tick in (0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0) if abs(np.log(tick)) <= limit * 1.001]
    bar.set_ticks([float(np.log(tick)) for tick in ticks])
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{np.exp(value):.3g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_label("measured / law")
