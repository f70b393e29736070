"""Text of users as matplotlib shows it letter by letter: names of models and labels of basins are not typeset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import xarray as xr
from matplotlib import font_manager
from numpy.typing import NDArray

from langevin_sgd.observables.blocks import ATTRIBUTES

LONGEST = 32
"""Characters of a name that a figure has room for."""

_MISSING = "\ufffd"


def literals(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts as matplotlib is to be given them: a dollar sign begins no formula and an underscore hides nothing.

    Long ones are cut, with a number where the cut makes two alike; characters that the font lacks are replaced.
    """
    shown: list[str] = []
    for text in texts:
        plain = "".join(character if character in _characters() else _MISSING for character in " ".join(text.split()))
        cut = plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"
        alike = sum(other == cut for other in shown)
        shown.append(f"{cut} ({alike + 1})" if alike else cut)
    return tuple(_escaped(text) for text in shown)


def literal(model: xr.Dataset) -> xr.Dataset:
    """A model with all its texts as figures show them."""
    # attributes of points are JSON, which is read again and must not be cut off
    texts = {name: v for name, v in model.variables.items() if v.dtype.kind in "UTO" and name != ATTRIBUTES}
    own = list(dict.fromkeys(str(text) for variable in texts.values() for text in variable.values.flat))
    shown = dict(zip(own, literals(own), strict=True))
    if list(shown.values()) == own:
        return model
    changed = {name: variable.copy(data=_replaced(variable, shown)) for name, variable in texts.items()}
    return model.assign_coords({name: v for name, v in changed.items() if name in model.coords}).assign(
        {name: v for name, v in changed.items() if name not in model.coords}
    )


def _replaced(variable: xr.Variable, shown: Mapping[str, str]) -> NDArray[np.str_]:
    values = np.array([shown[str(text)] for text in variable.values.flat])
    return values.reshape(variable.shape)


def _escaped(text: str) -> str:
    # matplotlib leaves out of a legend what begins with an underscore
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


@cache
def _characters() -> frozenset[str]:
    """What both weights of the font of the figures can show."""
    fonts = [font_manager.FontProperties(family="DejaVu Sans", weight=weight) for weight in ("normal", "bold")]
    maps = [font_manager.get_font(font_manager.findfont(font)).get_charmap() for font in fonts]
    return frozenset(map(chr, set(maps[0]) & set(maps[1])))
