"""How every figure looks: sizes, and colours that stay apart for all kinds of colour vision (Okabe and Ito 2008)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, NullFormatter
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.laws.cache import line_by_name
from langevin_sgd.reporting.plots.figure import Subject
from langevin_sgd.reporting.run_parameters import parameters

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

INK = "#1a1a1a"
GREY = "#767676"
BAND = "#e6e6e6"
BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#aa4499"
ORANGE, SKY, YELLOW = "#e69f00", "#56b4e9", "#c9b400"

COLOURS = {
    "blue": BLUE, "vermillion": VERMILLION, "green": GREEN, "purple": PURPLE, "orange": ORANGE, "sky": SKY,
    "yellow": YELLOW, "grey": GREY, "ink": INK,
}  # fmt: skip
DASHES: dict[str, Any] = {
    "solid": "-",
    "dashed": (0, (6, 2)),
    "dotted": (0, (1.2, 1.4)),
    "dash-dot": (0, (5, 2, 1, 2)),
    "short dashes": (0, (3, 3)),
}
"""What a law says its curve is drawn with: it has one colour and one dash pattern in all figures."""
MODEL_COLOURS = (ORANGE, SKY, GREEN, PURPLE, YELLOW, VERMILLION)
MODEL_MARKERS = ("s", "^", "D", "v", "P", "X")

WIDTH = 8.0
_SETTINGS: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 192,
    "figure.facecolor": "white",
    "font.size": 11,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ececec",
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": True,
    "legend.facecolor": "white",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "legend.fancybox": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "langevin-sgd",
}


@contextmanager
def style() -> Iterator[None]:
    """The settings of all figures, for drawing and for saving; matplotlib's global state is left as it was."""
    # not rcdefaults, which reads all of matplotlib's style sheets to leave out what is no matter of looks
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)  # of settings that nobody made here
        settings: Any = mpl.rcParams
        settings.update({name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"})
        settings.update(_SETTINGS)
        yield


def canvas(height: float) -> Figure:
    """An empty figure of the common width, in inches; made without pyplot, so nothing is kept in global state."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def title(axes: Axes, what: str, subject: Subject, remark: str = "") -> None:
    """What is shown and of which model, above what the model was run with and a remark."""
    below = " · ".join(text for text in (parameters(subject.model), remark) if text)
    axes.set_title(f"{what} · {subject.name}", fontweight="bold", color=INK, pad=22)
    axes.text(0, 1.02, below, transform=axes.transAxes, color=GREY, fontsize=10.5, va="bottom")


def law_line(law: str) -> dict[str, Any]:
    """Colour and dashes of a law's curve; one that says nothing of them has a colour of its name."""
    told = line_by_name(law)
    if told is None:
        own = MODEL_COLOURS[sum(map(ord, law)) % len(MODEL_COLOURS)]
        return {"color": own, "linestyle": (0, (4, 1.5, 1, 1.5, 1, 1.5))}
    colour, dashes = told
    if colour not in COLOURS or dashes not in DASHES:
        raise UserError(
            f"law {law}: its line is {told!r}; a colour of {', '.join(COLOURS)} and dashes of {', '.join(DASHES)} "
            "are needed"
        )
    return {"color": COLOURS[colour], "linestyle": DASHES[dashes]}


def model_look(position: int) -> tuple[str, str]:
    """Colour and marker of the model at a position among those shown beside a network."""
    return MODEL_COLOURS[position % len(MODEL_COLOURS)], MODEL_MARKERS[position % len(MODEL_MARKERS)]


def point_colour(place: int, count: int) -> str:
    """Colour of one of so many points of a scan: from dark to bright in their order where the palette has too few."""
    if count <= len(MODEL_COLOURS):
        return MODEL_COLOURS[place]
    colour: str = mpl.colors.to_hex(mpl.colormaps["viridis"](0.9 * place / (count - 1)))
    return colour


def band(axes: Axes, x: Array, values: Array, colour: str, label: str, quantiles: Sequence[float] = (0.1, 0.9)) -> None:
    """Median over replicas of values of shape (replica, x), with the band between two quantiles."""
    low, middle, high = np.quantile(values, [quantiles[0], 0.5, quantiles[1]], axis=0)
    axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
    axes.plot(x, middle, color=colour, label=label)


def plain_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks at 1, 2 and 5 with plain numbers where a logarithmic axis spans two decades or less."""
    if high / low <= 100:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


_FORMULA = re.compile(r"\$\\mathdefault\{(.*)\}\$")
_POWER = re.compile(r"\^\{(.*)\}")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Decades(LogFormatterSciNotation):
    """10⁻³ as text: the formulas that matplotlib makes of such labels take longer to typeset than all else to draw."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = _FORMULA.sub(r"\1", super().__call__(x, pos)).replace(r"\times", "×")
        return _POWER.sub(lambda power: power[1].translate(_RAISED), text).replace("-", "−")


def decades_as_text(figure: Figure) -> None:
    """Label the logarithmic axes of a figure without formulas, where matplotlib's own labels are still there.

    Their base is 10, as that of all axes that a figure here makes logarithmic.
    """
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        for formatter, replace in (
            (axis.get_major_formatter(), axis.set_major_formatter),
            (axis.get_minor_formatter(), axis.set_minor_formatter),
        ):
            if type(formatter) is LogFormatterSciNotation:
                replace(_Decades(labelOnlyBase=formatter.labelOnlyBase))
