"""The figures of the report: that which leads, the others side by side, and what is said of those not shown."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from html import escape

from langevin_sgd.errors import UserError
from langevin_sgd.reporting.plots.drawn import Picture

MOST_BYTES = 2_000_000
"""Of all pictures of a page, before they are written in base 64, which adds a third: a page is to stay under 3 MB."""
Named = tuple[str, Picture]


def chosen(pictures: Mapping[str, Picture]) -> tuple[list[Named], list[str]]:
    """The figures that a page has room for, in their order, and the names of the others."""
    shown: list[Named] = []
    others, room = [], MOST_BYTES
    for name, picture in pictures.items():
        if len(picture.png) > room:
            others.append(name)
            continue
        room -= len(picture.png)
        shown.append((name, picture))
    return shown, others


def figure(named: Named) -> str:
    """One figure with its caption, and its axes and labels for whoever does not see it."""
    name, picture = named
    data = base64.b64encode(picture.png).decode("ascii")
    return (
        f'<figure id="figure-{escape(name)}"><img src="data:image/png;base64,{data}" alt="{escape(picture.alt)}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def gallery(shown: Sequence[Named], left: Sequence[str], *, run: str, faults: Sequence[UserError]) -> str:
    """The figures that do not lead, those that could not be drawn, and how to draw those that are left."""
    told = "".join(f'<p class="failed">{escape(fault.render())}</p>' for fault in faults)
    if left:
        many = f"{len(left)} more figure{'s are' if len(left) > 1 else ' is'} drawn when asked for"
        command = f"<code>langevin-sgd plot {escape(shlex.quote(run))} NAME</code>"
        told += f"<p>{many}, by {command}: {escape(', '.join(left))}.</p>"
    every = "".join(map(figure, shown))
    return (f'<div class="figures">{every}</div>' if every else "") + told
