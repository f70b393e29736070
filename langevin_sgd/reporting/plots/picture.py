"""A drawn figure as a file, and in words for whoever does not see it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from PIL import Image

from langevin_sgd.reporting.plots.style import style

_WHITE = 252  # of 255: as good as white
_TOLD = 8  # names of axes or curves in words
_UNDATED: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


def render(figure: Figure, format: str) -> bytes:
    """The figure as a file of the given format, the same bytes for the same data."""
    buffer = io.BytesIO()
    with style():
        if format == "png":
            _png(figure).save(buffer, "png", dpi=(rcParams["savefig.dpi"],) * 2)
        else:
            figure.savefig(
                buffer, format=format, metadata={"pdf": {"CreationDate": None}, "svg": {"Date": None}}[format]
            )
    return buffer.getvalue()


def _png(figure: Figure) -> Image.Image:
    """The picture: of lines and letters in 256 colours, a third of the size, and drawn once where savefig draws twice.

    One with colours for numbers keeps them all.
    """
    figure.set_dpi(rcParams["savefig.dpi"])
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    coloured = any(axes.images or any(isinstance(each, QuadMesh) for each in axes.collections) for axes in figure.axes)
    if coloured:
        return drawn
    few = drawn.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # the colour that stands for the paper is a mean of all that are nearly white
    few.putpalette([255 if each >= _WHITE else each for each in few.getpalette() or []])
    return few


def described(figure: Figure) -> str:
    """Title, axes and labels of a figure in one text."""
    titles = [axes.get_title(loc) for axes in figure.axes for loc in ("left", "center") if axes.get_title(loc)]
    parts = [f"{titles[0]}." if titles else "Figure."]
    for words, names in (
        ("Horizontal", [axes.get_xlabel() for axes in figure.axes]),
        ("Vertical", [axes.get_ylabel() for axes in figure.axes]),
        ("Shown", [label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]]),
    ):
        told = [" ".join(name.split()) for name in dict.fromkeys(names) if name]
        if told:
            parts.append(f"{words}: {', '.join(told[:_TOLD])}{' and others' if len(told) > _TOLD else ''}.")
    return " ".join(parts)
