"""Where in a scan a comparison stands: its scanned numbers and names, by the coordinate of the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import xarray as xr

from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.observables.scanned import SCAN, dimensions, points

Keys = Mapping[str, float | int | str]


def keys_at(point: xr.Dataset, names: Iterable[str]) -> Keys:
    """The coordinates `names` of one point: texts and whole numbers as they are, other numbers as floats."""
    values = {name: point[name].values.item() for name in names}
    return {name: value if type(value) in (str, int) else float(value) for name, value in values.items()}


def scan_keys(dataset: xr.Dataset) -> list[str]:
    """The coordinates along the dimensions of a scan: one a dimension, or one a key where several vary together."""
    along = {(name,) for name in dimensions(dataset)}
    return [str(name) for name in dataset.coords if dataset.variables[name].dims in along]


def placed(rows: Iterable[Comparison], dataset: xr.Dataset) -> list[Comparison]:
    """The rows of a scanned model with the keys of the point that each is about.

    What a row tells itself stays; one about several points of a scan tells what they have in common. Points are looked
    at by their coordinates alone, so that a scan of many costs little.
    """
    rows = list(rows)
    names = scan_keys(dataset)
    wanted = {row.point for row in rows if row.point and not row.at}
    if not (names and wanted):
        return rows
    bare = xr.Dataset(coords={name: dataset[name].variable for name in names}, attrs={SCAN: list(dimensions(dataset))})
    at = {label: keys_at(point, names) for label, point in points(bare) if label in wanted}
    return [replace(row, at=at[row.point]) if not row.at and row.point in at else row for row in rows]
