"""Groups of a zarr store, written in one stroke and readable by xarray without warnings."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import xarray as xr
from numpy.typing import NDArray

ZARR_FORMAT: Literal[3] = 3
# Attribute of the root: groups and their variables in the order in which they were written, which zarr does not keep.
_CONTENTS = "contents"


def write_group(store: Path, name: str, dataset: xr.Dataset, *, scratch: Path) -> None:
    """Write a Dataset as a group of `store`, replacing the group of that name.

    It is written to `scratch`, on the same file system, and moved, so that a group is never half there.
    """
    import zarr

    shutil.rmtree(scratch, ignore_errors=True)
    _variable_width_strings(dataset).to_zarr(scratch, mode="w", zarr_format=ZARR_FORMAT, consolidated=False)
    if (store / name).exists():
        shutil.rmtree(store / name)
    os.replace(scratch, store / name)
    root = zarr.open_group(str(store), mode="a", zarr_format=ZARR_FORMAT)
    contents = _contents(root.attrs.get(_CONTENTS))
    root.attrs[_CONTENTS] = {**contents, name: [str(variable) for variable in dataset.variables]}
    _consolidate(store)


def write_root(store: Path, attributes: Mapping[str, Any]) -> None:
    """Set attributes of the root group, making the store if it is not there."""
    import zarr

    zarr.open_group(str(store), mode="a", zarr_format=ZARR_FORMAT).attrs.update(attributes)
    _consolidate(store)


def read_tree(store: Path, *, name: str) -> xr.DataTree:
    """Open the store as a DataTree; arrays other than strings are read when first used."""
    # Consolidated metadata may lag behind by one group if a run was killed, so it is not relied on here.
    stored = xr.open_datatree(str(store), engine="zarr", consolidated=False)
    root = stored.to_dataset(inherit=False)
    contents = _contents(root.attrs.pop(_CONTENTS, None))
    nodes = {"/": root}
    for group in sorted(stored.children, key=lambda group: _position(group, contents)):
        dataset = _fixed_width_strings(stored.children[group].to_dataset(inherit=False))
        variables = sorted(dataset.data_vars, key=lambda variable: _position(str(variable), contents.get(group, ())))
        nodes[group] = dataset[variables]
    return xr.DataTree.from_dict(nodes, name=name)


def _contents(attribute: object) -> dict[str, list[str]]:
    return attribute if isinstance(attribute, dict) else {}


def _position(name: str, ordered: Iterable[str]) -> tuple[int, str]:
    names = list(ordered)
    return (names.index(name) if name in names else len(names), name)


def _consolidate(store: Path) -> None:
    """Write consolidated metadata, without which xarray warns whenever somebody opens the store by hand."""
    import zarr

    with warnings.catch_warnings():
        # Consolidated metadata is an extension of zarr format 3: others may ignore it, and `read_tree` does.
        warnings.filterwarnings("ignore", message="Consolidated metadata", category=UserWarning)
        zarr.consolidate_metadata(str(store), zarr_format=ZARR_FORMAT)


def _variable_width_strings(dataset: xr.Dataset) -> xr.Dataset:
    """Strings as objects: zarr format 3 has no stable type for strings of fixed width."""
    return _convert(dataset, "U", lambda values: values.astype(object))


def _fixed_width_strings(dataset: xr.Dataset) -> xr.Dataset:
    """Strings as numpy's own type, as they were before they were stored."""
    return _convert(dataset, "TO", lambda values: values.astype(object).astype(str))


def _convert(dataset: xr.Dataset, kinds: str, convert: Callable[[NDArray[Any]], NDArray[Any]]) -> xr.Dataset:
    changed = {
        name: variable.copy(data=convert(variable.values))
        for name, variable in dataset.variables.items()
        if variable.dtype.kind in kinds
    }
    coordinates = {name: variable for name, variable in changed.items() if name in dataset.coords}
    return dataset.assign_coords(coordinates).assign(
        {name: variable for name, variable in changed.items() if name not in coordinates}
    )
