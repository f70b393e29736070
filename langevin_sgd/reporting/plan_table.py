"""The table of `simulate --dry-run`: what a study would take."""

from __future__ import annotations

import math
import sys
from typing import TextIO

import xarray as xr
from rich.console import Console
from rich.table import Table
from rich.text import Text

from langevin_sgd.models.memory import format_bytes
from langevin_sgd.progress import format_seconds


def print_plan(table: xr.Dataset, *, width: int | None = None, stream: TextIO | None = None) -> None:
    """Print what `langevin_sgd.plan` found: a row a model, the whole study with what is free, what is not known."""
    console = Console(file=stream or sys.stdout, width=width, highlight=False)
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    shown.add_column("model", overflow="fold")
    shown.add_column("kind", overflow="fold")
    for name in ("points", "launches", "time", "memory", "disk"):
        shown.add_column(name, justify="right")
    for name in map(str, table["model"].values):
        row = {str(key): value.item() for key, value in table.sel(model=name).data_vars.items()}
        counts = [f"{row[key]:,}" for key in ("points", "launches")]
        shown.add_row(
            Text(name), Text(row["kind"]), *counts, _time(row["seconds"]), _bytes(row["memory"]), _bytes(row["disk"])
        )
    all_of_it = [f"{int(table[key].sum()):,}" for key in ("points", "launches")]
    time = f"{'>' * bool(table['seconds'].isnull().any())}{_time(table.attrs['seconds'])}"
    shown.add_row(
        "in all", "", *all_of_it, time, _bytes(table.attrs["memory"]), _bytes(table.attrs["disk"]), style="bold"
    )
    free = [_bytes(table.attrs[f"{key}_free"]) for key in ("memory", "disk")]
    shown.add_row("free", "", "", "", "", *free, style="dim")
    console.print(shown)
    for name, note in zip(table["model"].values, table["note"].values, strict=True):
        if note:
            console.print(Text(f"{name}: {note}", "dim"), soft_wrap=True)


def _time(seconds: float) -> str:
    return "?" if math.isnan(seconds) else format_seconds(seconds)


def _bytes(size: float) -> str:
    return "?" if math.isnan(size) else format_bytes(size)
