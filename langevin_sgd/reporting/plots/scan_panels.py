"""What the comparisons say along the keys of a scan: for each model and law one number and verdict a point."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from langevin_sgd.observables.blocks import DONE, FAILED, STATUS
from langevin_sgd.observables.declared import is_trained
from langevin_sgd.observables.points_done import partly
from langevin_sgd.observables.scanned import dimensions, said
from langevin_sgd.reporting.plots.style import GREY, INK, Array, plain_ticks

MOST = 8
"""Panels of one figure."""
_WIDE = 5.0  # a parameter that spans more than this factor has a logarithmic axis
_JOINT = ", "
_TICKS = 12  # most values of a key that are all named
_LONGEST_TITLE = 34  # letters of a panel that is one of two in a row


@dataclass(frozen=True)
class Key:
    """A scanned key as an axis: its values in ascending order, as positions where they are names.

    Keys that vary together are the first of them whose values differ at all entries; if there is none, the names are
    the values of all of them. `columns` are where a table has them.
    """

    dimension: str
    columns: tuple[str, ...]
    label: str
    names: tuple[str, ...]
    positions: Array
    order: NDArray[np.intp]

    @property
    def logarithmic(self) -> bool:
        """Whether it spans so much that equal ratios are to look equal."""
        return not self.names and self.positions[0] > 0 and self.positions[-1] / self.positions[0] > _WIDE

    def edges(self) -> Array:
        """The borders of cells about the positions: half-way between them, in the scale of the axis."""
        scaled = np.log(self.positions) if self.logarithmic else self.positions
        middle = 0.5 * (scaled[1:] + scaled[:-1])
        first, last = 2 * scaled[0] - middle[0], 2 * scaled[-1] - middle[-1]
        edges = np.concatenate([[first], middle, [last]])
        return np.exp(edges) if self.logarithmic else edges

    def show(self, axes: Axes, which: str) -> None:
        """Scale, ticks and label of the axis `which`, "x" or "y"."""
        axis = axes.xaxis if which == "x" else axes.yaxis
        axes.set(**{f"{which}label": self.label})
        if self.logarithmic:
            axes.set(**{f"{which}scale": "log"})
            plain_ticks(axis, float(self.positions[0]), float(self.positions[-1]))
            axis.set_minor_locator(NullLocator())
        if len(self.positions) <= _TICKS:
            texts = self.names or tuple(f"{value:.3g}" for value in self.positions)
            if which == "x" and len(self.columns) > 1:  # under one another, as in the label
                texts = tuple(text.replace(_JOINT, "\n") for text in texts)
            axis.set_ticks(self.positions, labels=texts)
            axis.set_ticks([], minor=True)


@dataclass(frozen=True)
class Panel:
    """One model against one law over its scan: (x, y) arrays, y of length one where only one key has several values.

    `ratio` is the quantity that tells most, over the law or, where `difference`, less it; `counts` if the law is
    claimed. `verdict` is "" where there is no comparison; `failed` and `pending` say why. `note` tells the values of
    all other scanned keys.
    """

    model: str
    law: str
    quantity: str
    counts: bool
    difference: bool
    tolerance: float
    note: str
    x: Key
    y: Key | None
    ratio: Array
    low: Array
    high: Array
    verdict: NDArray[np.str_]
    failed: NDArray[np.bool_]
    pending: NDArray[np.bool_]


def heading(axes: Axes, panel: Panel) -> None:
    """What a panel shows, above the law that it is held against, in brackets if that is not claimed."""
    law = panel.law if panel.counts else f"({panel.law})"
    below = f"{'less' if panel.difference else 'over'} the {law} law" + f", at {panel.note}" * bool(panel.note)
    between = "\n" if len(panel.model) + len(panel.quantity) > _LONGEST_TITLE else " "
    axes.set_title(f"{panel.model}:{between}{panel.quantity}", fontsize=11, fontweight="bold", color=INK, pad=21)
    at: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axes.annotate(below, (0, 1), (0, 5), color=GREY, fontsize=10, **at)


def panels(models: Mapping[str, xr.Dataset], table: xr.Dataset, *, keys: int) -> list[Panel]:
    """The panels of all models of which at least so many scanned keys have several values.

    First of every model its own law, then what is claimed for none; the contrasts of simulated models repeat those of
    a trained one, so they are left out beside it.
    """
    able = {name: model for name, model in models.items() if len(several(model)) >= keys}
    trained = [name for name, model in able.items() if is_trained(model)]
    own, contrasts = [], []
    for name, model in able.items():
        found = list(_of_model(name, model, table))
        own += [panel for panel in found if panel.counts][:1]
        contrasts += [panel for panel in found if not panel.counts and (not trained or name in trained)]
    return (own + contrasts)[:MOST]


def several(model: xr.Dataset) -> list[str]:
    """The scanned dimensions with several values."""
    return [name for name in dimensions(model) if model.sizes[name] > 1]


def key_of(model: xr.Dataset, dimension: str, taken: Collection[str] = ()) -> Key:
    """A dimension as an axis, by its own coordinate or by those of the keys that vary together along it.

    `taken` are columns of a table, among which a key that is called like one has another name.
    """
    along = [str(name) for name, coordinate in model.coords.items() if coordinate.dims == (dimension,)]
    chosen = [dimension] if dimension in along or not along else along
    if len(chosen) > 1:
        chosen = next(
            ([name] for name in chosen if len(np.unique(model[name].values)) == model.sizes[dimension]), chosen
        )
    columns = tuple(f"scan_{name}" if name in taken else name for name in chosen)
    text = _JOINT.join(
        str(model[name].attrs.get("long_name", name)) if name in model.coords else name for name in chosen
    )
    values = model[chosen[0]].values
    if len(chosen) > 1 or values.dtype.kind in "UOST":
        names = _names(model[name].values for name in chosen)
        return Key(dimension, columns, text, names, np.arange(len(names), dtype=float), np.arange(len(names)))
    order = np.argsort(values, kind="stable")
    return Key(dimension, columns, text, (), values[order].astype(np.float64), order)


def _names(columns: Iterable[NDArray[Any]]) -> tuple[str, ...]:
    """What the entries of one or more columns are called, one name a row."""
    return tuple(_JOINT.join(map(said, row)) for row in zip(*columns, strict=True))


def _of_model(name: str, model: xr.Dataset, table: xr.Dataset) -> Iterator[Panel]:
    rows = np.flatnonzero((table["model"].values == name) & (table["point"].values != ""))
    laws = rows[table["role"].values[rows] == "law"]
    if not laws.size:
        return
    first = laws[np.argmin(table["rank"].values[laws])]
    rows = rows[table["quantity"].values[rows] == table["quantity"].values[first]]
    keys = [key_of(model, dimension, list(map(str, table.data_vars))) for dimension in several(model)]
    if not keys or any(column not in table.coords for key in keys for column in key.columns):
        return
    shown, fixed = keys[:2], {key.dimension: int(key.order[0]) for key in keys[2:]}
    there = np.ones(len(rows), dtype=bool)
    for key in keys[2:]:
        there &= _positions(key, table, rows) == 0
    rows = rows[there]
    at = [_positions(key, table, rows) for key in shown]
    index = (at[0], at[1] if len(shown) > 1 else np.zeros(len(rows), dtype=np.intp))
    note = partly(model, fixed) if fixed else ""
    status = _status(model, shown, fixed)
    for law in dict.fromkeys(zip(table["law"].values[rows], table["role"].values[rows], strict=True)):
        if str(law[0]).startswith("simulation:"):
            continue  # the panel of that model says how it does
        of = (table["law"].values[rows] == law[0]) & (table["role"].values[rows] == law[1])
        chosen, where = rows[of], (index[0][of], index[1][of])
        numbers = {column: np.full(status.shape, np.nan) for column in ("ratio", "ratio_low", "ratio_high")}
        for column, array in numbers.items():
            array[where] = table[column].values[chosen]
        verdict = np.full(status.shape, "", dtype="<U16")
        verdict[where] = table["verdict"].values[chosen]
        yield Panel(
            name,
            str(table["law_title"].values[chosen[0]]),
            str(table["quantity_title"].values[chosen[0]]),
            law[1] == "law",
            table["scale"].values[chosen[0]] == "difference",
            float(table["tolerance"].values[chosen[0]]),
            note,
            shown[0],
            shown[1] if len(shown) > 1 else None,
            numbers["ratio"],
            numbers["ratio_low"],
            numbers["ratio_high"],
            verdict,
            status == FAILED,
            (status != FAILED) & (status != DONE),
        )


def _positions(key: Key, table: xr.Dataset, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where along a key each row stands."""
    if key.names:
        place = {name: position for position, name in enumerate(key.names)}
        called = _names(table[column].values[rows] for column in key.columns)
        return np.array([place[name] for name in called], dtype=np.intp)
    values = table[key.columns[0]].values[rows]
    found: NDArray[np.intp] = np.abs(values[:, None] - key.positions).argmin(axis=1)
    return found


def _status(model: xr.Dataset, shown: list[Key], fixed: Mapping[str, int]) -> NDArray[np.int8]:
    """The status of the points shown, (x, y)."""
    shape = tuple(len(key.positions) for key in shown)
    if STATUS not in model.variables:
        found = np.full(shape, DONE, dtype=np.int8)
    else:
        rest = {name: fixed.get(name, 0) for name in dimensions(model) if name not in [k.dimension for k in shown]}
        chosen = model[STATUS].isel(rest).transpose(*(key.dimension for key in shown))
        found = chosen.values[np.ix_(*(key.order for key in shown))]
    return found.reshape(*shape, *(1,) * (2 - len(shape)))
