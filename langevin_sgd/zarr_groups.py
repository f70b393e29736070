"""Groups of a zarr store, written in one stroke and readable by xarray without warnings."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.errors import UserError

if TYPE_CHECKING:
    from zarr.storage import LocalStore

ZARR_FORMAT: Literal[3] = 3
# Attribute of the root: groups and their variables in the order in which they were written, which zarr does not keep.
_CONTENTS = "contents"
_METADATA = "zarr.json"


class StoreError(UserError):
    """A run directory or file that cannot be read or written as asked; one line, with the mend."""


def write_group(store: Path, name: str, dataset: xr.Dataset, *, scratch: Path) -> None:
    """Write a Dataset as a group of `store`, replacing the group of that name.

    It is written to `scratch`, on the same file system, and moved, so that a group is never half there.
    """
    import zarr

    shutil.rmtree(scratch, ignore_errors=True)
    _variable_width_strings(dataset).to_zarr(_local(scratch), mode="w", zarr_format=ZARR_FORMAT, consolidated=False)
    if (store / name).exists():
        shutil.rmtree(store / name)
    os.replace(scratch, store / name)
    root = zarr.open_group(_local(store), mode="a", zarr_format=ZARR_FORMAT)
    contents = _contents(root.attrs.get(_CONTENTS))
    root.attrs[_CONTENTS] = {**contents, name: [str(variable) for variable in dataset.variables]}
    _consolidate(store)


def write_root(store: Path, attributes: Mapping[str, Any]) -> None:
    """Set attributes of the root group, making the store if it is not there."""
    import zarr

    zarr.open_group(_local(store), mode="a", zarr_format=ZARR_FORMAT).attrs.update(attributes)
    _consolidate(store)


def _local(store: Path) -> LocalStore:
    """The store of a folder, told as such: in a path as text zarr takes `::` and `://` for addresses."""
    from zarr.storage import LocalStore

    return LocalStore(store)


def group_names(store: Path) -> list[str]:
    """The groups of a store; a damaged one is named too, so that reading it says so."""
    return sorted(child.name for child in store.iterdir() if child.is_dir() and not child.name.startswith("."))


def read_tree(store: Path, *, name: str, load: bool = False) -> xr.DataTree:
    """Open the store as a DataTree; arrays other than strings are read when first used, or at once with `load`.

    Raises `StoreError` that names the file or the group that is damaged; a damaged array is seen when it is read.
    """
    attributes = _read_root(store)
    contents = _contents(attributes.pop(_CONTENTS, None))
    nodes = {"/": xr.Dataset(attrs=attributes)}
    for group in sorted(group_names(store), key=lambda group: _position(group, contents)):
        dataset = read_group(store, group, load=load)
        variables = sorted(dataset.data_vars, key=lambda variable: _position(str(variable), contents.get(group, ())))
        # a selection leaves out coordinates along dimensions that no variable has, such as edges of cells
        nodes[group] = dataset[variables].assign_coords(dataset.coords)
    return xr.DataTree.from_dict(nodes, name=name)


def read_group(store: Path, name: str, *, load: bool) -> xr.Dataset:
    """One group of a store, its arrays in memory if `load`. Raises `StoreError` that names it if it is damaged."""
    try:
        _refuse_damaged_metadata(store / name)
        # Consolidated metadata may lag behind by one group if a run was killed, so it is not relied on here.
        dataset = _fixed_width_strings(xr.open_zarr(_local(store), group=name, consolidated=False, chunks=None))
    except Exception as error:  # zarr raises whatever the bytes lead to
        raise _damaged(store / name, error) from error
    for variable in dataset.variables if load else ():
        try:
            dataset.variables[variable].load()
        except Exception as error:
            raise _damaged(store / name, error, f"its {variable}: ") from error
    return dataset


def refuse_damaged(store: Path) -> None:
    """Read all of a store and raise `StoreError` for the first damaged group; a root that was removed is made anew."""
    if not store.is_dir():
        raise StoreError(f"{store}: is missing; put it back, or start the run anew with --overwrite")
    if (store / _METADATA).exists():
        _read_root(store)
    for name in group_names(store):
        read_group(store, name, load=True)


def _refuse_damaged_metadata(group: Path) -> None:
    """Look at the files of metadata one by one: zarr reads them all at once, and skips an array that has none."""
    arrays = [child for child in group.iterdir() if child.is_dir() and not child.name.startswith(".")]
    for holder in (group, *sorted(arrays)):
        file = holder / _METADATA
        try:
            sound = file.is_file() and isinstance(json.loads(file.read_text(encoding="utf-8")), dict)
        except ValueError:
            sound = False
        if not sound:
            raise ValueError(f"{file.relative_to(group)} holds no metadata")


def _read_root(store: Path) -> dict[str, Any]:
    """The attributes of the root group, which holds nothing else."""
    import zarr

    try:
        return dict(zarr.open_group(_local(store), mode="r", use_consolidated=False).attrs)
    except Exception as error:
        raise StoreError(
            f"{store / _METADATA}: is damaged ({_told(error)}); remove this file, and `simulate ... --resume` makes it "
            "anew and keeps the models"
        ) from error


def _damaged(group: Path, error: Exception, where: str = "") -> StoreError:
    return StoreError(
        f"{group}: is damaged ({where}{_told(error)}); put a copy back, or remove this folder, and "
        "`simulate ... --resume` makes it anew and keeps the rest"
    )


def _told(error: Exception) -> str:
    """The first sentence or so of an error of the libraries below, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:100]}{'...' if len(text) > 100 else ''}" if text else type(error).__name__


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
        zarr.consolidate_metadata(_local(store), zarr_format=ZARR_FORMAT)


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
