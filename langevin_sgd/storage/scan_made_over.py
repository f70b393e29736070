"""A scanned group that was stored as a whole, made one that a scan fills: so that it can be gone on with."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray as xr

from langevin_sgd import options
from langevin_sgd.observables.blocks import DONE, ERROR, PENDING, STATUS
from langevin_sgd.storage.zarr_groups import StoreError, read_group, take_away, write_root
from langevin_sgd.storage.zarr_index import own_metadata


class Fills(Protocol):
    """What fills a group."""

    @property
    def block(self) -> tuple[int, ...]:
        """The shape of a block."""

    def write(self, start: Sequence[int], stop: Sequence[int], block: xr.Dataset) -> None:
        """Store a block of points."""

    def finalize(self, attrs: Mapping[str, Any]) -> None:
        """Finish the group."""


def stored_as_a_whole(group: Path) -> bool:
    """Whether a group is there that no scan filled; a damaged one is not said to be so."""
    try:
        return group.exists() and not own_metadata(group)
    except (ValueError, FileNotFoundError):
        return False


def make_over(
    store: Path, name: str, dims: Sequence[str], begin: Callable[[Path, xr.Dataset], Fills], *, scratch: Path
) -> None:
    """Put a group that a scan fills in the place of one that was stored as a whole, with the same in it.

    `begin` makes an empty one of that name in another store, for points along `dims`. A group that holds nothing, of a
    model that failed, is taken away. Raises `StoreError` if the group is damaged or its points lie along other
    dimensions.
    """
    found = read_group(store, name, load=False)
    if not found.variables:
        take_away(store, name, scratch=scratch)
        return
    if not set(dims) <= set(found.dims):
        raise StoreError(
            f"{store / name}: holds no scan over {', '.join(dims)}; choose another {options.option('output')}"
        )
    made = scratch / "made_over.zarr"
    write_root(made, {})
    group = begin(made, found)
    shape = tuple(found.sizes[dim] for dim in dims)
    for start, stop in _blocks(shape, group.block):
        block = _told(found.isel(dict(zip(dims, map(slice, start, stop), strict=True))).load(), dims)
        if (block[STATUS] != PENDING).all():
            group.write(start, stop, block)
            continue
        for place in np.argwhere(block[STATUS].transpose(*dims).values != PENDING):
            first = [int(each) for each in np.add(start, place)]
            one = block.isel({dim: slice(each, each + 1) for dim, each in zip(dims, place, strict=True)})
            group.write(first, [each + 1 for each in first], one)
    group.finalize({str(key): value for key, value in found.attrs.items()})
    take_away(store, name, scratch=scratch)
    os.replace(made / name, store / name)
    write_root(store, {})


def _told(block: xr.Dataset, dims: Sequence[str]) -> xr.Dataset:
    """A block with what became of its points: a scan of an older version has all, and does not say so."""
    if STATUS in block.variables:
        return block
    shape = [block.sizes[dim] for dim in dims]
    return block.assign(
        {STATUS: (dims, np.full(shape, DONE, np.int8)), ERROR: (dims, np.full(shape, "", dtype=object))}
    )


def _blocks(shape: Sequence[int], block: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for start in itertools.product(*(range(0, size, each) for size, each in zip(shape, block, strict=True))):
        yield start, tuple(min(a + b, size) for a, b, size in zip(start, block, shape, strict=True))
