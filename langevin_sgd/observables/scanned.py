"""Scanned results: the points of a scan as leading dimensions of one Dataset, and one after the other again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.config.axis import Axis
from langevin_sgd.observables.blocks import DONE, STATUS, count_attrs, count_of, point_at

SCAN = "scan"
"""Attribute that names the leading dimensions of a scanned Dataset."""

POINT = "point"
"""The leading dimension of points that one launch has run."""

SCAN_KEY = "scan_key"
"""Attribute of the coordinates of a group of scanned keys: the key."""


def coordinates(axes: Sequence[Axis], like: xr.Dataset) -> dict[str, xr.Variable]:
    """The coordinates of axes with the names that they have in the results; units are those of the observables `like`.

    One key has its dimension's, a group one for each key.
    """
    found = {}
    for axis in axes:
        for key, name, column in zip(axis.keys, axis.labels, axis.columns, strict=True):
            attrs = dict(like[name].attrs) if name in like else {"units": "1", "long_name": key}
            mark = {SCAN_KEY: key} if axis.grouped else {}
            found[name] = xr.Variable((axis.name,), np.asarray(column), {**attrs, **mark})
    return found


def each_point(block: xr.Dataset) -> list[xr.Dataset]:
    """The points of one launch, which lie along `point`, one after the other."""
    return [one_point(block, index) for index in range(block.sizes[POINT])]


def with_counts(block: xr.Dataset, counts: Mapping[str, Sequence[int]]) -> xr.Dataset:
    """A block of points along `point` with how many entries along these dimensions are real, where points differ."""
    different = {dim: given for dim, given in counts.items() if len(set(given)) > 1}
    told = {count_of(dim): xr.Variable((POINT,), np.array(given), count_attrs(dim)) for dim, given in different.items()}
    return block.assign(told)


def one_point(block: xr.Dataset, index: int) -> xr.Dataset:
    """One point of a launch as it is alone: nothing fills it up."""
    sizes = _own_sizes(block, index)

    def at(name: Any) -> xr.Variable:
        variable = block.variables[name]
        if POINT not in variable.dims and not sizes:
            return variable
        dims = tuple(dim for dim in variable.dims if dim != POINT)
        return xr.Variable(dims, _of_one(variable, index, sizes), variable.attrs)

    names = names_of_points(block)
    variables = {name: at(name) for name in block.data_vars if name in names}
    return xr.Dataset(variables, coords={name: at(name) for name in block.coords}, attrs=block.attrs)


def one_array(block: xr.Dataset, index: int, name: str) -> NDArray[Any]:
    """One variable of `one_point`."""
    return _of_one(block.variables[name], index, _own_sizes(block, index))


def names_of_points(block: xr.Dataset) -> frozenset[str]:
    """The variables and coordinates that each point of a launch has."""
    return frozenset(map(str, block.variables)) - {count_of(str(dim)) for dim in block.dims}


def _own_sizes(block: xr.Dataset, index: int) -> dict[str, int]:
    """How much of the dimensions that are filled up at some points is a point's own."""
    counts = {str(dim): count_of(str(dim)) for dim in block.dims}
    return {dim: int(block.variables[name].values[index]) for dim, name in counts.items() if name in block.variables}


def _of_one(variable: xr.Variable, index: int, sizes: Mapping[str, int]) -> NDArray[Any]:
    values: NDArray[Any] = variable.values
    if POINT in variable.dims:  # it is the first
        values = values[index]
    return values[tuple(slice(sizes.get(str(dim))) for dim in variable.dims if dim != POINT)] if sizes else values


def points(dataset: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """Every point of a scanned Dataset that is done with a label such as "learning_rate=0.1"; see `at`.

    The Dataset itself, "", without a scan.
    """
    for entries in entries_done(dataset):
        yield label(dataset, entries), at(dataset, entries)


def entries_done(dataset: xr.Dataset) -> list[tuple[int, ...]]:
    """Which points of a scanned Dataset are done, by their entries on its leading dimensions; all without a status."""
    names = dimensions(dataset)
    if not names or STATUS not in dataset.variables:
        return list(np.ndindex(*(dataset.sizes[name] for name in names)))
    done = dataset[STATUS].transpose(*names).values == DONE
    return [tuple(entries) for entries in np.argwhere(done).tolist()]


def places_done(dataset: xr.Dataset) -> list[int]:
    """The same by their places in the grid, last dimension fastest."""
    shape = [dataset.sizes[name] for name in dimensions(dataset)]
    return [int(np.ravel_multi_index(entries, shape)) if shape else 0 for entries in entries_done(dataset)]


def at(dataset: xr.Dataset, entries: Sequence[int]) -> xr.Dataset:
    """The point of a scanned Dataset at these entries of its leading dimensions, as if it were the only one.

    Its own status, "done", "pending" or "failed" with the `error`, is among the attributes.
    """
    names = dimensions(dataset)
    if not names:
        return dataset
    point = point_at(dataset, dict(zip(names, entries, strict=True)))
    point.attrs = {key: value for key, value in point.attrs.items() if key != SCAN}
    return _without_lacking_laws(point)


def label(dataset: xr.Dataset, entries: Sequence[int]) -> str:
    """What a point of a scanned Dataset is called: "learning_rate=0.1, scheme=baoab", a group by each of its keys."""
    parts = []
    for name, entry in zip(dimensions(dataset), entries, strict=True):
        along = [each for each in map(str, dataset.coords) if dataset[each].dims == (name,)]
        group = sorted(each for each in along if SCAN_KEY in dataset[each].attrs)  # a store keeps no order
        parts += [f"{each}={said(dataset[each].values[entry])}" for each in group or [name]]
    return ", ".join(parts)


def said(value: Any) -> str:
    """A scanned value as labels of points have it."""
    return str(value) if isinstance(value, str) else f"{float(value):.6g}"


def _without_lacking_laws(point: xr.Dataset) -> xr.Dataset:
    if "mode_variance_law" not in point:
        return point
    lacking = point["mode_variance_law"].isnull().all("mode")
    if "law_note" in point:  # a law that was asked and has no answer says why
        lacking &= point["law_note"] == ""
    return point.sel(law=point["law"].values[~lacking.values]) if lacking.any() else point


def dimensions(dataset: xr.Dataset) -> tuple[str, ...]:
    """The scanned parameters of a Dataset, its leading dimensions; none without a scan."""
    names = dataset.attrs.get(SCAN, ())
    return (names,) if isinstance(names, str) else tuple(str(name) for name in names)


def numbers_along(dataset: xr.Dataset) -> list[str]:
    """The scanned dimensions along which numbers change, not names; the entries of a group of keys count as numbers."""
    return [name for name in dimensions(dataset) if dataset[name].dtype.kind in "iuf"]
