"""Groups of a zarr store, written in one stroke and readable by xarray without warnings."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr
from numpy.typing import NDArray

from langevin_sgd import options
from langevin_sgd.errors import UserError
from langevin_sgd.storage import zarr_index
from langevin_sgd.storage.replacing import replace_file
from langevin_sgd.storage.zarr_index import METADATA

if TYPE_CHECKING:
    from zarr.storage import LocalStore

ZARR_FORMAT: Literal[3] = 3
# Attribute of the root: groups and their variables in the order in which they were written, which zarr does not keep.
_CONTENTS = "contents"


class StoreError(UserError):
    """A run directory or file that cannot be read or written as asked; one line, with the mend."""


def write_group(store: Path, name: str, dataset: xr.Dataset, *, scratch: Path) -> None:
    """Write a Dataset as a group of `store`, replacing the group of that name.

    It is written to the folder `scratch`, on the same file system, and moved with its index, so that a group is never
    half there; one that it replaces is left in `scratch`.
    """
    import zarr

    made = scratch / name
    _variable_width_strings(dataset).to_zarr(_local(made), mode="w", zarr_format=ZARR_FORMAT, consolidated=False)
    index = zarr_index.index(made, [str(variable) for variable in dataset.variables])
    zarr.open_group(_local(made), mode="r+", zarr_format=ZARR_FORMAT).attrs[zarr_index.ATTRIBUTE] = index.text()
    take_away(store, name, scratch=scratch)
    os.replace(made, store / name)
    write_root(store, {})


def take_away(store: Path, name: str, *, scratch: Path) -> None:
    """Move a group of `store`, if it is there, to `scratch` in one stroke."""
    if (store / name).exists():
        os.replace(store / name, scratch / f"{name}.replaced")


def write_root(store: Path, attributes: Mapping[str, Any], *, order: Iterable[str] = ()) -> None:
    """Set attributes of the root group in one stroke, making the store if it is not there.

    What the root says of its groups is made anew from them, `order` first, then as it was before.
    """
    store.mkdir(exist_ok=True)
    kept = _read_root(store) if (store / METADATA).exists() else {}
    listed = _contents(kept.pop(_CONTENTS, None))
    names = group_names(store)
    order = [name for name in dict.fromkeys([*order, *listed, *names]) if name in names]
    contents = {name: _variables(store / name, listed.get(name, ())) for name in order}
    document = _consolidated(store, {**kept, **attributes, _CONTENTS: contents})
    if not (store / METADATA).exists() or (store / METADATA).read_bytes() != document:
        replace_file(store / METADATA, document)


def mend_root(store: Path) -> None:
    """Make anew what the root says of its groups, if it is there. Raises `StoreError` if a file of a group is lost."""
    if (store / METADATA).exists():
        for name in group_names(store):
            _variables(store / name, ())
            _refuse_other_files(store / name, checksums=False)
        write_root(store, {})


def _local(store: Path) -> LocalStore:
    """The store of a folder, told as such: in a path as text zarr takes `::` and `://` for addresses."""
    from zarr.storage import LocalStore

    return LocalStore(store)


def group_names(store: Path) -> list[str]:
    """The groups of a store; a damaged one is named too, so that reading it says so."""
    return sorted(child.name for child in store.iterdir() if child.is_dir() and not child.name.startswith("."))


def contents(store: Path) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The attributes of the root of a store, and its groups in order with their variables as far as it lists them.

    Raises `StoreError` if the root is damaged.
    """
    attributes = _read_root(store)
    listed = _contents(attributes.pop(_CONTENTS, None))
    order = sorted(group_names(store), key=lambda group: _position(group, listed))
    return attributes, {group: listed.get(group, []) for group in order}


def read_group(store: Path, name: str, *, load: bool, listed: Iterable[str] = ()) -> xr.Dataset:
    """One group of a store, its arrays in memory if `load`. Raises `StoreError` that names it if it is damaged.

    `listed` is the order of its variables where it does not say so itself.
    """
    try:
        order = _variables(store / name, listed)
        _refuse_other_files(store / name, checksums=load)
        # The root's consolidated metadata may lag behind by one group if a run was killed: it is not relied on here. A
        # group that a scan fills has its own, which change in one stroke where those of its arrays do not.
        whole = bool(zarr_index.own_metadata(store / name))
        dataset = _fixed_width_strings(xr.open_zarr(_local(store / name), consolidated=whole, chunks=None))
    except StoreError:
        raise
    except Exception as error:  # zarr raises whatever the bytes lead to
        raise _damaged(store / name, _told(error)) from error
    dataset.attrs.pop(zarr_index.ATTRIBUTE, None)
    for variable in dataset.variables if load else ():
        try:
            dataset.variables[variable].load()
        except Exception as error:
            raise _damaged(store / name, f"its {variable}: {_told(error)}") from error
    variables = sorted(dataset.data_vars, key=lambda variable: _position(str(variable), order))
    # a selection leaves out coordinates along dimensions that no variable has, such as edges of cells
    return dataset[variables].assign_coords(dataset.coords)


def refuse_damaged(store: Path) -> None:
    """Read all of a store and raise `StoreError` for the first damaged group; a root that was removed is made anew.

    The files of a group with an index are held against that, one after the other. Those of a scan that is not finished
    are held against its marks when it is gone on with.
    """
    if not store.is_dir():
        raise StoreError(f"{store}: is missing; put it back, or start the run anew with {options.flag('overwrite')}")
    if (store / METADATA).exists():
        _read_root(store)
    for name in group_names(store):
        read_group(store, name, load=False)
        _refuse_other_files(store / name, checksums=True)
        if zarr_index.ATTRIBUTE not in attributes_of(store / name):
            read_group(store, name, load=True)


def group_attributes(store: Path) -> dict[str, dict[str, Any]]:
    """The attributes of every group of a store that is not damaged."""
    return {name: attributes_of(store / name) for name in group_names(store)}


def _refuse_other_files(group: Path, *, checksums: bool) -> None:
    """Compare the files of a group with its index; groups of older versions have none."""
    text = attributes_of(group).get(zarr_index.ATTRIBUTE)
    if text is None:
        return
    try:
        found = list(zarr_index.faults(group, zarr_index.parse(text), checksums=checksums))
    except ValueError as error:
        raise _damaged(group, str(error)) from error
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise _damaged(group, f"{found[0]}{more}")


def attributes_of(group: Path) -> dict[str, Any]:
    """The attributes of a group. Raises `OSError` or `ValueError` if its file of metadata is lost or damaged."""
    attributes = json.loads((group / METADATA).read_text(encoding="utf-8")).get("attributes")
    return attributes if isinstance(attributes, dict) else {}


def _variables(group: Path, listed: Iterable[str]) -> list[str]:
    """The variables of a group in order: by its index, or as `listed` for groups of older versions."""
    try:
        _refuse_damaged_metadata(group)
        text = attributes_of(group).get(zarr_index.ATTRIBUTE)
        if text is not None:
            return list(zarr_index.parse(text).variables)
    except (OSError, ValueError) as error:
        raise _damaged(group, str(error)) from error
    return sorted((array.name for array in _arrays(group)), key=lambda name: _position(name, listed))


def _arrays(group: Path) -> list[Path]:
    own = zarr_index.own_metadata(group)
    folders = [child for child in sorted(group.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    return [group / name for name in sorted(own)] if own else folders


def _refuse_damaged_metadata(group: Path) -> None:
    """Look at the files of metadata one by one: zarr reads them all at once, and skips an array that has none."""
    for holder in (group, *_arrays(group)):
        file = holder / METADATA
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
            f"{store / METADATA}: is damaged ({_told(error)}); remove this file, and {options.resumed()} makes it "
            "anew and keeps the models"
        ) from error


def _damaged(group: Path, fault: str) -> StoreError:
    return StoreError(
        f"{group}: is damaged ({fault}); put a copy back, or remove this folder, and "
        f"{options.resumed()} makes it anew and keeps the rest"
    )


def _told(error: Exception) -> str:
    """The first sentence or so of an error of the libraries below, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:100]}{'...' if len(text) > 100 else ''}" if text else type(error).__name__


def _contents(attribute: object) -> dict[str, list[str]]:
    listed = attribute if isinstance(attribute, dict) else {}
    return {str(name): variables for name, variables in listed.items() if isinstance(variables, list)}


def _position(name: str, ordered: Iterable[str]) -> tuple[int, str]:
    names = list(ordered)
    return (names.index(name) if name in names else len(names), name)


def _consolidated(store: Path, attributes: Mapping[str, Any]) -> bytes:
    """The root's file with these attributes and consolidated metadata of the groups that it lists.

    Without those xarray warns whenever somebody opens the store by hand. zarr makes them in memory, from copies of the
    groups' files of metadata, so that the file can be replaced in one stroke.
    """
    import zarr
    from zarr.buffer.cpu import Buffer
    from zarr.storage import MemoryStore

    memory: dict[str, Any] = {}
    for name in attributes[_CONTENTS]:
        own = zarr_index.own_metadata(store / name)
        memory[f"{name}/{METADATA}"] = Buffer.from_bytes((store / name / METADATA).read_bytes())
        for array in _arrays(store / name):
            document = json.dumps(own[array.name]).encode() if own else (array / METADATA).read_bytes()
            memory[f"{name}/{array.name}/{METADATA}"] = Buffer.from_bytes(document)
    root = MemoryStore(memory)
    with warnings.catch_warnings():
        # Consolidated metadata is an extension of zarr format 3: others may ignore it, and `read_tree` does.
        warnings.filterwarnings("ignore", message="Consolidated metadata", category=UserWarning)
        try:
            zarr.create_group(root, zarr_format=ZARR_FORMAT, attributes=dict(attributes))
            zarr.consolidate_metadata(root, zarr_format=ZARR_FORMAT)
        except Exception as error:  # zarr raises whatever the metadata of a damaged group lead to
            raise StoreError(f"{store}: the metadata of a group are damaged ({_told(error)})") from error
    return bytes(memory[METADATA].to_bytes())


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
