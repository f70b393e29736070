"""The table of `simulate --dry-run`: what a study would take."""

from __future__ import annotations

import math
import re
import sys
from typing import TextIO

import xarray as xr
from rich.console import Console
from rich.table import Table
from rich.text import Text

from langevin_sgd.models.memory import format_bytes
from langevin_sgd.progress import format_seconds

_WORD = re.compile(r"[^_.:-]*[_.:-]+|[^_.:-]+")
_SHORTEST = 8  # characters of a line of a name
_NUMBERS = ("points", "launches", "time", "memory", "disk")


def print_plan(table: xr.Dataset, *, width: int | None = None, stream: TextIO | None = None) -> None:
    """Print what `langevin_sgd.plan` found: a row a model, the whole study with what is free, what is not known.

    Names stay in one piece: where they leave too little room, columns move together, and then a kind stands below the
    name of its model. What is still too long goes on below after one of its words.
    """
    console = Console(file=stream or sys.stdout, width=width, highlight=False)
    for gap, below in ((2, False), (1, False), (2, True), (1, True)):
        shown = _table(table, gap=gap, below=below)
        if (over := _width(console, shown) - console.width) <= 0:
            break
    else:
        longest = max(len(name) for name in (*table["model"].values, *(f"  {kind}" for kind in table["kind"].values)))
        shown = _table(table, gap=1, below=True, room=max(longest - over, _SHORTEST))
    console.print(shown)
    for name, note in zip(table["model"].values, table["note"].values, strict=True):
        if note:
            console.print(Text(f"{name}: {note}", "dim"), soft_wrap=True)


def _table(table: xr.Dataset, *, gap: int, below: bool, room: int = sys.maxsize) -> Table:
    """The rows, with so much between columns and the kinds in one of their own, or each `below` its model.

    Names have lines of so many characters, as far as they have words to part.
    """
    shown = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="dim")
    for name in ("model",) if below else ("model", "kind"):
        shown.add_column(name, overflow="fold")
    for name in _NUMBERS:
        shown.add_column(name, justify="right", no_wrap=True)
    empty = [] if below else [""]
    for name in map(str, table["model"].values):
        row = {str(key): value.item() for key, value in table.sel(model=name).data_vars.items()}
        kind = _in_lines(row["kind"], room - 2, indent="  " * below)
        names = [Text.assemble(_in_lines(name, room), ("\n" + kind, "dim"))] if below else [Text(name), Text(kind)]
        counts = [f"{row[key]:,}" for key in ("points", "launches")]
        shown.add_row(*names, *counts, _time(row["seconds"]), _bytes(row["memory"]), _bytes(row["disk"]))
    all_of_it = [f"{int(table[key].sum()):,}" for key in ("points", "launches")]
    time = f"{'>' * bool(table['seconds'].isnull().any())}{_time(table.attrs['seconds'])}"
    size = [_bytes(table.attrs[key]) for key in ("memory", "disk")]
    shown.add_row("in all", *empty, *all_of_it, time, *size, style="bold")
    free = [_bytes(table.attrs[f"{key}_free"]) for key in ("memory", "disk")]
    shown.add_row("free", *empty, "", "", "", *free, style="dim")
    return shown


def _in_lines(name: str, room: int, *, indent: str = "") -> str:
    """A name on as many lines as it takes, parted after "_", ".", ":" and "-" alone."""
    lines = [""]
    for word in _WORD.findall(name):
        if lines[-1] and len(lines[-1]) + len(word) > room:
            lines.append("")
        lines[-1] += word
    return "\n".join(indent + line for line in lines)


def _width(console: Console, table: Table) -> int:
    """How wide it is with nothing folded."""
    return console.measure(table, options=console.options.update(width=10_000)).maximum


def _time(seconds: float) -> str:
    return "?" if math.isnan(seconds) else format_seconds(seconds)


def _bytes(size: float) -> str:
    return "?" if math.isnan(size) else format_bytes(size)
