"""Reading all of a store, also while somebody writes to it, or after a scan has been stopped in it.

What counts of a scan that is not finished are its marks: files are held against them as those of a finished group are
against its index, and points that no mark names are pending, whatever a killed writer has left of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from langevin_sgd.observables.blocks import PENDING, STATUS
from langevin_sgd.storage import zarr_index
from langevin_sgd.storage.scan_marks import Mark, verified
from langevin_sgd.storage.zarr_groups import StoreError, attributes_of, contents, read_group
from langevin_sgd.storage.zarr_index import METADATA

_ATTEMPTS = 20
_PAUSE = 0.01  # seconds, for a writer to put a group where it has just taken one away


def read_tree(store: Path, *, name: str, marks: Callable[[str], Path], load: bool = False) -> xr.DataTree:
    """Open the store as a DataTree; arrays other than strings are read when first used, or at once with `load`.

    `marks(group)` is the folder of marks of a group that a scan fills. Raises `StoreError` that names the file or the
    group that is damaged: a file of a group that is missing or has another size is always seen, an altered one with
    `load`.
    """
    attributes, listed = contents(store)
    nodes = {"/": xr.Dataset(attrs=attributes)}
    for group, variables in listed.items():
        dataset = _read_beside_a_writer(store, group, marks(group), load=load, listed=variables)
        if dataset is not None:
            nodes[group] = dataset
    return xr.DataTree.from_dict(nodes, name=name)


def _read_beside_a_writer(
    store: Path, name: str, marks: Path, *, load: bool, listed: Iterable[str]
) -> xr.Dataset | None:
    """A group that another process may replace while it is read; None if it was taken away."""
    for attempt in range(_ATTEMPTS):
        before = _identity(store / name, marks)
        try:
            if not _unfinished(store / name):
                return read_group(store, name, load=load, listed=listed)
            blocks = verified(marks, store / name, checksums=load)
            return _as_marked(read_group(store, name, load=load, listed=listed), blocks)
        except (StoreError, FileNotFoundError):  # of a mark that went while it was read
            if before is not None and before == _identity(store / name, marks):
                raise
        if attempt:
            time.sleep(_PAUSE)
    return None


def _unfinished(group: Path) -> bool:
    """Whether a scan fills the group, whose index has no files until then; a damaged one is for its reader to name."""
    try:
        text = attributes_of(group).get(zarr_index.ATTRIBUTE)
        return bool(text is not None and zarr_index.own_metadata(group) and not zarr_index.parse(text).files)
    except (OSError, ValueError):
        return False


def _as_marked(found: xr.Dataset, blocks: Sequence[Mark]) -> xr.Dataset:
    status = found[STATUS]
    counted = np.zeros(status.shape, bool)
    for mark in blocks:
        counted[mark.region] = True
    return found.assign({STATUS: status.copy(data=np.where(counted, status.values, np.int8(PENDING)))})


def _identity(group: Path, marks: Path) -> list[int] | None:
    """What is another one once a group was replaced, its metadata or its marks; None if there is no group."""
    if not group.exists():
        return None
    try:
        found = [file.stat() for file in (group, group / METADATA, *sorted(marks.glob("*.json"))) if file.exists()]
    except FileNotFoundError:  # a mark that went while we looked
        return None
    return [number for each in found for number in (each.st_dev, each.st_ino)]
