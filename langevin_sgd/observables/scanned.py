"""Scanned results: the points of a scan as leading dimensions of one Dataset, and one after the other again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.config.axis import Axis

SCAN = "scan"
"""Attribute that names the leading dimensions of a scanned Dataset."""

POINT = "point"
"""The leading dimension of points that one launch has run."""


def stack(datasets: Sequence[xr.Dataset], axes: Sequence[Axis]) -> xr.Dataset:
    """The datasets of a grid's points, last axis fastest, as one with the axes as leading dimensions.

    A dimension has the last part of the scanned key as its name, or the whole key where an observable is called so; an
    observable that is the scanned number itself, the same at every point, becomes the coordinate. A coordinate that
    differs between points, such as the time at another learning rate, gets the leading dimensions too; a single number
    that does not differ stays one. Without axes the only dataset itself.
    Raises `ValueError` if the datasets do not have the same variables in the same shapes, or if two axes, or an axis
    and an observable with dimensions, have one name.
    """
    if not axes:
        return datasets[0]
    first = datasets[0]
    shape = tuple(len(axis.values) for axis in axes)
    names = [_dimension(axis, place, shape, datasets) for place, axis in enumerate(axes)]
    _refuse_taken(names, first)
    whole = lay([dataset.drop_vars(names, errors="ignore") for dataset in datasets], names, shape)
    axis_coords = {
        name: xr.Variable(
            (name,),
            np.asarray(axis.values),
            first[name].attrs if name in first else {"units": "1", "long_name": axis.key},
        )
        for name, axis in zip(names, axes, strict=True)
    }
    return whole.assign_coords(axis_coords).assign_attrs({**first.attrs, SCAN: names})


def lay(datasets: Sequence[xr.Dataset], names: Sequence[str], shape: tuple[int, ...]) -> xr.Dataset:
    """The datasets of a grid's points of this shape as one with leading dimensions `names`, without attributes.

    Raises `ValueError` if they do not have the same variables in the same shapes.
    """
    if not names:
        return datasets[0].drop_attrs(deep=False)
    laws = _union([dataset["law"].values for dataset in datasets if "law" in dataset.coords])
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

    def at(name: Any, index: int) -> xr.Variable:
        variable: xr.Variable = block[name].variable
        if POINT not in variable.dims:
            return variable
        return xr.Variable(variable.dims[1:], variable.values[index], variable.attrs)

    return [
        xr.Dataset(
            {name: at(name, index) for name in block.data_vars},
            coords={name: at(name, index) for name in block.coords},
            attrs=block.attrs,
        )
        for index in range(block.sizes[POINT])
    ]


def points(dataset: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """Every point of a scanned Dataset with a label such as "learning_rate=0.1"; the Dataset itself, "", without."""
    names = dimensions(dataset)
    for index in np.ndindex(*(dataset.sizes[name] for name in names)):
        point = dataset.isel(dict(zip(names, index, strict=True)))
        point.attrs = {key: value for key, value in dataset.attrs.items() if key != SCAN}
        label = ", ".join(f"{name}={float(point[name]):.6g}" for name in names)
        yield label, _without_lacking_laws(point) if names else point


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


def _dimension(axis: Axis, place: int, shape: tuple[int, ...], datasets: Sequence[xr.Dataset]) -> str:
    name = axis.name
    taken = name in datasets[0].dims
    if name in datasets[0].variables:  # it may be the scanned number, or another that is called so
        scanned = np.asarray(axis.values, dtype=np.float64)[np.indices(shape)[place].ravel()]
        emitted = [dataset[name].values for dataset in datasets]
        taken = emitted[0].ndim > 0 or not np.allclose(
            np.asarray(emitted, dtype=np.float64), scanned, rtol=1e-9, atol=0
        )
    return axis.key.replace(".", "_") if taken else name


def _refuse_taken(names: Sequence[str], dataset: xr.Dataset) -> None:
    """An axis replaces the single number that it scans, and nothing else."""
    fields = [name for name in map(str, dataset.variables) if dataset[name].ndim > 0]
    for place, name in enumerate(names):
        if name in names[:place] or name in fields or name in dataset.dims:
            raise ValueError(f"{name}: emitted twice, by the scan and by the model or another scanned key")


def _union(lists: Sequence[NDArray[Any]]) -> list[Any]:
    longest = max(lists, key=len, default=np.array([]))
    return [*longest.tolist(), *sorted({item for each in lists for item in each.tolist()} - set(longest.tolist()))]


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and bool(np.array_equal(one, other))
