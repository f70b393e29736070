"""Scanned results: the points of a scan as leading dimensions of one Dataset, and one after the other again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.config.axis import Axis, Value, whole
from langevin_sgd.observables.blocks import point_at

SCAN = "scan"
"""Attribute that names the leading dimensions of a scanned Dataset."""

POINT = "point"
"""The leading dimension of points that one launch has run."""

SCAN_KEY = "scan_key"
"""Attribute of the coordinates of a group of scanned keys: the key."""


def stack(datasets: Sequence[xr.Dataset], axes: Sequence[Axis]) -> xr.Dataset:
    """The datasets of a grid's points, last axis fastest, as one with the axes as leading dimensions.

    A dimension has the last part of the scanned key as its name, or the whole key where an observable is called so; an
    observable that is the scanned number itself, the same at every point, becomes the coordinate. A group of keys is a
    dimension of its own name with a coordinate for each key. A coordinate that differs between points, such as the time
    at another learning rate, gets the leading dimensions too; a single number that does not differ stays one. Without
    axes the only dataset itself.
    Raises `ValueError` if the datasets do not have the same variables in the same shapes, or if two axes, or an axis
    and an observable with dimensions, have one name.
    """
    if not axes:
        return datasets[0]
    first = datasets[0]
    shape = tuple(len(axis) for axis in axes)
    called = called_as(axes, datasets, list(np.ndindex(*shape)))
    names = [each.name for each in called]
    labels = [label for each in called for label in each.labels]
    _refuse_taken(names, labels, first)
    laid = lay([dataset.drop_vars(labels, errors="ignore") for dataset in datasets], names, shape)
    return laid.assign_coords(coordinates(called, first)).assign_attrs({**first.attrs, SCAN: names})


def called_as(
    axes: Sequence[Axis], datasets: Sequence[xr.Dataset], entries: Sequence[Sequence[int]]
) -> tuple[Axis, ...]:
    """The axes with the names that dimensions and coordinates have in the results.

    `datasets` are the results at some points, `entries` those of each on the axes. A name that an observable has which
    is not the scanned number gives way to the whole key.
    """
    found = []
    for place, axis in enumerate(axes):
        own = [entry[place] for entry in entries]
        labels = tuple(
            whole(key) if _taken(name, [column[i] for i in own], datasets) else name
            for key, name, column in zip(axis.keys, axis.labels, axis.columns, strict=True)
        )
        found.append(replace(axis, name=axis.name if axis.grouped else labels[0], labels=labels))
    return tuple(found)


def coordinates(axes: Sequence[Axis], like: xr.Dataset) -> dict[str, xr.Variable]:
    """The coordinates of axes as `called_as` has them; units and names are those of the observables in `like`."""
    found = {}
    for axis in axes:
        for key, name, column in zip(axis.keys, axis.labels, axis.columns, strict=True):
            attrs = dict(like[name].attrs) if name in like else {"units": "1", "long_name": key}
            mark = {SCAN_KEY: key} if axis.grouped else {}
            found[name] = xr.Variable((axis.name,), np.asarray(column), {**attrs, **mark})
    return found


def lay(datasets: Sequence[xr.Dataset], names: Sequence[str], shape: tuple[int, ...]) -> xr.Dataset:
    """The datasets of a grid's points of this shape as one with leading dimensions `names`, without attributes.

    Raises `ValueError` if they do not have the same variables in the same shapes.
    """
    if not names:
        return datasets[0].drop_attrs(deep=False)
    laws = union([dataset["law"].values for dataset in datasets if "law" in dataset.coords])
    if laws and any(dataset.sizes["law"] != len(laws) for dataset in datasets):
        # a point at which a law has no stationary state lacks it
        datasets = [_with_all_laws(dataset, laws) for dataset in datasets]
    first = datasets[0]

    def stacked(name: str) -> xr.Variable:
        values = np.stack([dataset[name].values for dataset in datasets])
        return xr.Variable((*names, *first[name].dims), values.reshape(*shape, *values.shape[1:]), first[name].attrs)

    coords: dict[str, xr.Variable] = {}
    for name in map(str, first.coords):
        same = all(_equal(dataset[name].values, first[name].values) for dataset in datasets)
        coords[name] = first[name].variable if same else stacked(name)
    variables = {name: stacked(name) for name in map(str, first.data_vars)}
    for name, variable in variables.items():
        if first[name].ndim == 0 and bool((variable == variable.values.flat[0]).all()):
            variables[name] = first[name].variable
    return xr.Dataset(variables, coords=coords)


def each_point(block: xr.Dataset) -> list[xr.Dataset]:
    """The points of one launch, which lie along `point`, one after the other."""
    return [one_point(block, index) for index in range(block.sizes[POINT])]


def one_point(block: xr.Dataset, index: int) -> xr.Dataset:
    """One point of a launch as it is alone."""

    def at(name: Any) -> xr.Variable:
        variable: xr.Variable = block[name].variable
        if POINT not in variable.dims:
            return variable
        return xr.Variable(variable.dims[1:], variable.values[index], variable.attrs)

    variables, coords = ({name: at(name) for name in names} for names in (block.data_vars, block.coords))
    return xr.Dataset(variables, coords=coords, attrs=block.attrs)


def points(dataset: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """Every point of a scanned Dataset that is done with a label such as "learning_rate=0.1".

    The Dataset itself, "", without a scan.
    """
    names = dimensions(dataset)
    for entries in np.ndindex(*(dataset.sizes[name] for name in names)):
        point = at(dataset, entries)
        if point.attrs.get("status", "done") == "done":
            yield label(dataset, entries), point


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
        group = [each for each in along if SCAN_KEY in dataset[each].attrs]
        parts += [f"{each}={_said(dataset[each].values[entry])}" for each in group or [name]]
    return ", ".join(parts)


def _said(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{float(value):.6g}"


def _without_lacking_laws(point: xr.Dataset) -> xr.Dataset:
    if "mode_variance_law" not in point:
        return point
    lacking = point["mode_variance_law"].isnull().all("mode")
    if "law_note" in point:  # a law that was asked and has no answer says why
        lacking &= point["law_note"] == ""
    return point.sel(law=point["law"].values[~lacking.values]) if lacking.any() else point


def _with_all_laws(dataset: xr.Dataset, laws: Sequence[Any]) -> xr.Dataset:
    silent = dict.fromkeys(dataset.variables, np.nan) | {"law_is_exact": False, "law_note": ""}
    whole = dataset.reindex(law=laws, fill_value=silent)
    return whole.assign(law_note=whole["law_note"].astype(str)) if "law_note" in whole else whole


def dimensions(dataset: xr.Dataset) -> tuple[str, ...]:
    """The scanned parameters of a Dataset, its leading dimensions; none without a scan."""
    names = dataset.attrs.get(SCAN, ())
    return (names,) if isinstance(names, str) else tuple(str(name) for name in names)


def _taken(name: str, scanned: Sequence[Value], datasets: Sequence[xr.Dataset]) -> bool:
    """Whether the results have something else of this name than the scanned value itself."""
    if name not in datasets[0].variables:
        return name in datasets[0].dims
    emitted = [dataset[name].values for dataset in datasets]
    if emitted[0].ndim > 0:
        return True
    if any(isinstance(value, str) for value in scanned) or emitted[0].dtype.kind not in "biuf":
        return [str(value) for value in emitted] != [str(value) for value in scanned]
    numbers = np.asarray(emitted, dtype=np.float64)
    return not np.allclose(numbers, np.asarray(scanned, dtype=np.float64), rtol=1e-9, atol=0)


def _refuse_taken(names: Sequence[str], labels: Sequence[str], dataset: xr.Dataset) -> None:
    """An axis replaces the single numbers that it scans, and nothing else."""
    fields = [name for name in map(str, dataset.variables) if dataset[name].ndim > 0]
    for place, name in enumerate(names):
        if name in names[:place] or name in fields or name in dataset.dims:
            raise ValueError(f"{name}: emitted twice, by the scan and by the model or another scanned key")
    for place, name in enumerate(labels):
        if name in labels[:place] or name in fields:
            raise ValueError(f"{name}: emitted twice, by the scan and by the model or another scanned key")


def union(lists: Sequence[NDArray[Any]]) -> list[Any]:
    """The entries of all lists, those of the longest first."""
    longest = max(lists, key=len, default=np.array([]))
    return [*longest.tolist(), *sorted({item for each in lists for item in each.tolist()} - set(longest.tolist()))]


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and bool(np.array_equal(one, other))
