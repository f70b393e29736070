"""Points of a scan put together: one Dataset with the scanned dimensions first, of points that need not have one size.

Every point has a `status`, and if it failed an `error`; its numbers are then nothing. Where points differ in the length
of a dimension, such as samples of a window, the shorter are filled up, and `DIMENSION_count` says how many are real.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

STATUS, ERROR = "status", "error"
"""What became of every point, and what went wrong with it."""

PENDING, DONE, FAILED = 0, 1, 2

ATTRIBUTES = "attributes"
"""The attributes of every point as JSON, in which they may differ; those of the whole are what they share."""

_STATUSES = ("pending", "done", "failed")

_COUNT = "_count"
STATUS_ATTRS = {"units": "1", "long_name": "0: not run yet, 1: done, 2: failed"}
_ATTRIBUTES_ATTRS = {"units": "1", "long_name": "attributes of the point, as JSON"}
ERROR_ATTRS = {"units": "1", "long_name": "what went wrong, empty if nothing did"}


def nothing(dtype: np.dtype[Any]) -> Any:
    """What stands where there is no number: NaN, -1 among whole numbers (0 if they have no sign), False, or no text."""
    if dtype.kind in "fc":
        return np.nan
    return {"i": -1, "u": 0, "b": False}.get(dtype.kind, "")


def count_of(dimension: str) -> str:
    """The variable that says how many entries of a dimension are real at each point."""
    return f"{dimension}{_COUNT}"


def block(
    datasets: Sequence[xr.Dataset | None],
    errors: Sequence[str],
    names: Sequence[str],
    shape: tuple[int, ...],
    *,
    common: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> xr.Dataset:
    """The points of a block of this shape, last dimension fastest, as one Dataset with leading dimensions `names`.

    None stands for a point that failed, with its error. Coordinates that are a dimension's own and the same at all
    points stay without the leading dimensions. The `common` variables have those dimensions only that stand there, and
    the values of the first point that is done of those that differ in others.
    """
    status = np.array([FAILED if each is None else DONE for each in datasets], np.int8).reshape(shape)
    told = np.array(list(errors), dtype=object).astype(str).reshape(shape)
    whole = {
        STATUS: xr.Variable(tuple(names), status, STATUS_ATTRS),
        ERROR: xr.Variable(tuple(names), told, ERROR_ATTRS),
    }
    given = _aligned([each for each in datasets if each is not None])
    if not given:
        return xr.Dataset(whole)
    first = given[0]
    where = [place for place, each in enumerate(datasets) if each is not None]

    def laid(name: str) -> xr.Variable:
        one = next(each[name].variable for each in given if name in each.variables)
        if one.dtype.kind == "U":
            dtype: Any = np.result_type(*(each[name].dtype for each in given if name in each.variables))
        else:
            dtype = one.dtype
        values: NDArray[Any] = np.full((len(datasets), *one.shape), nothing(one.dtype), dtype)
        for place, each in zip(where, given, strict=True):
            if name in each.variables:
                values[place] = each[name].values
        along = tuple(names)
        values = values.reshape(*shape, *one.shape)
        if name in common:
            along = common[name]
            values = _first_done(values, status == DONE, [dim in along for dim in names])
        return xr.Variable((*along, *one.dims), values, one.attrs)

    coords: dict[str, xr.Variable] = {}
    for name in dict.fromkeys(str(name) for each in given for name in each.coords):
        own = name in first.dims and all(
            name in each.coords and np.array_equal(each[name].values, first[name].values) for each in given
        )
        coords[name] = first[name].variable if own else laid(name)
    for name in dict.fromkeys(str(name) for each in given for name in each.data_vars):
        whole[name] = laid(name)
    return xr.Dataset(whole, coords=coords, attrs=first.attrs)


def _first_done(values: NDArray[Any], done: NDArray[np.bool_], kept: Sequence[bool]) -> NDArray[Any]:
    """Of values along all scanned dimensions those along the `kept` ones: of the first point that is done of each."""
    order = [*np.flatnonzero(kept), *np.flatnonzero(~np.array(kept, dtype=bool))]
    inner = range(len(kept), values.ndim)
    sizes = [done.shape[axis] for axis in order[: sum(kept)]]
    first = done.transpose(order).reshape(*sizes, -1).argmax(axis=-1)
    rows = values.transpose(*order, *inner).reshape(*sizes, -1, *values.shape[len(kept) :])
    index = first.reshape(*first.shape, 1, *(1 for _ in inner))
    return np.take_along_axis(rows, index, axis=len(sizes)).squeeze(axis=len(sizes))


def of_points(data: xr.Dataset, names: Sequence[str], shape: tuple[int, ...], dimension: str) -> xr.Dataset:
    """A block of finished points that lie along one `dimension`, as those are that are made together."""

    def laid(variable: xr.Variable) -> xr.Variable:
        if dimension not in variable.dims:
            return variable
        inner = variable.transpose(dimension, ...)
        return xr.Variable((*names, *inner.dims[1:]), inner.values.reshape(*shape, *inner.shape[1:]), inner.attrs)

    whole = {
        STATUS: xr.Variable(tuple(names), np.full(shape, DONE, np.int8), STATUS_ATTRS),
        ERROR: xr.Variable(tuple(names), np.full(shape, "", "U1"), ERROR_ATTRS),
    }
    whole |= {name: laid(data[name].variable) for name in map(str, data.data_vars)}
    coords = {name: laid(data[name].variable) for name in map(str, data.coords)}
    return xr.Dataset(whole, coords=coords, attrs=data.attrs)


def collapsed(data: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """A whole scan with what is the same at all points that are done once: its coordinates, and single numbers."""
    if STATUS not in data or not names:
        return data
    done = np.flatnonzero(data[STATUS].values.reshape(-1) == DONE)
    if not done.size:
        return data
    once: dict[str, xr.Variable] = {}
    for name in map(str, data.variables):
        variable = data[name].variable
        inner = variable.dims[len(names) :]
        if variable.dims[: len(names)] != tuple(names) or name in (STATUS, ERROR, ATTRIBUTES, *names):
            continue
        if (inner and name not in data.coords) or name.endswith(_COUNT):
            continue
        flat = variable.values.reshape(-1, *variable.shape[len(names) :])
        if _same(flat, done):
            once[name] = xr.Variable(inner, flat[done[0]], variable.attrs)
    coords = {name: variable for name, variable in once.items() if name in data.coords}
    bare = data.drop_vars(list(coords))
    return bare.assign_coords(coords).assign({name: each for name, each in once.items() if name not in coords})


def with_attributes(block: xr.Dataset, left_out: Collection[str]) -> xr.Dataset:
    """A block with its attributes, but for those `left_out`, as those of its points."""
    own = {key: value for key, value in block.attrs.items() if key not in left_out}
    return block.assign({ATTRIBUTES: ((), json.dumps(own), _ATTRIBUTES_ATTRS)}) if own else block


def shared_attributes(data: xr.Dataset) -> dict[str, Any]:
    """The attributes in which all points agree."""
    if ATTRIBUTES not in data:
        return {}
    told = [json.loads(text) for text in np.unique(data[ATTRIBUTES].values) if text]
    first = told[0] if told else {}
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in told)}


def point_at(data: xr.Dataset, at: Mapping[str, int]) -> xr.Dataset:
    """One point of a scan as a Dataset of its own: its attributes are its own too, and nothing fills it up.

    Its `status` is an attribute, "done", "pending" or "failed" with the `error`, where the scan has one.
    """
    point = data.isel({name: position for name, position in at.items() if name in data.dims})
    counts = {dim: int(point[count_of(str(dim))]) for dim in point.dims if count_of(str(dim)) in point.variables}
    point = point.isel({dim: slice(count) for dim, count in counts.items()})
    point.attrs = dict(point.attrs)  # a selection may share them with the whole
    if STATUS in point.variables:
        status = int(point[STATUS])
        point.attrs |= {"status": _STATUSES[status]} | ({"error": str(point[ERROR].values)} if status == FAILED else {})
    if ATTRIBUTES in point.variables:
        point.attrs |= json.loads(str(point[ATTRIBUTES].values) or "{}")
    bookkeeping = [STATUS, ERROR, ATTRIBUTES, *(count_of(str(dim)) for dim in counts)]
    return point.drop_vars(bookkeeping, errors="ignore")


def count_attrs(dimension: str) -> dict[str, str]:
    """What the variable `count_of` a dimension is."""
    return {"units": "1", "long_name": f"entries of {dimension} that are real"}


def _aligned(datasets: Sequence[xr.Dataset]) -> list[xr.Dataset]:
    """The same with one size of every dimension: all laws that any has, and the rest filled up and counted."""
    laws = union([each["law"].values for each in datasets if "law" in each.coords])
    same = [_with_all_laws(each, laws) if "law" in each.coords else each for each in datasets]
    sizes: dict[str, int] = {}
    for each in same:
        for dim, size in each.sizes.items():
            sizes[str(dim)] = max(sizes.get(str(dim), 0), size)
    ragged = [dim for dim, size in sizes.items() if any(each.sizes.get(dim, size) != size for each in same)]
    return [_filled(each, {dim: sizes[dim] for dim in ragged}) for each in same] if ragged else same


def _filled(data: xr.Dataset, sizes: Mapping[str, int]) -> xr.Dataset:
    changed = {
        name: filled(data[name].variable, sizes)
        for name in map(str, data.variables)
        if set(sizes) & set(data[name].dims)
    }
    counts = {count_of(dim): xr.Variable((), data.sizes[dim], count_attrs(dim)) for dim in sizes if dim in data.dims}
    coords = {name: changed.get(str(name), data[name].variable) for name in map(str, data.coords)}
    variables = {name: changed.get(str(name), data[name].variable) for name in map(str, data.data_vars)}
    return xr.Dataset(variables | counts, coords=coords, attrs=data.attrs)


def filled(variable: xr.Variable, sizes: Mapping[str, int]) -> xr.Variable:
    """A variable with dimensions of at least these sizes, filled up with `nothing`."""
    shape = tuple(max(size, sizes.get(str(dim), 0)) for dim, size in zip(variable.dims, variable.shape, strict=True))
    values: NDArray[Any] = np.full(shape, nothing(variable.dtype), variable.dtype)
    values[tuple(map(slice, variable.shape))] = variable.values
    return xr.Variable(variable.dims, values, variable.attrs)


def union(lists: Sequence[NDArray[Any]]) -> list[Any]:
    """The entries of all lists, those of the longest first."""
    longest = max(lists, key=len, default=np.array([]))
    return [*longest.tolist(), *sorted({item for each in lists for item in each.tolist()} - set(longest.tolist()))]


def _with_all_laws(data: xr.Dataset, laws: Sequence[Any]) -> xr.Dataset:
    if len(laws) == data.sizes["law"]:
        return data
    silent = dict.fromkeys(data.variables, np.nan) | {"law_is_exact": False, "law_note": ""}
    whole = data.reindex(law=list(laws), fill_value=silent)
    return whole.assign(law_note=whole["law_note"].astype(str)) if "law_note" in whole else whole


def _same(flat: NDArray[Any], done: NDArray[np.int64]) -> bool:
    first = flat[done[0]]
    equal = flat[done] == first
    if flat.dtype.kind == "f":
        equal |= np.isnan(flat[done]) & np.isnan(first)
    return bool(equal.all())
