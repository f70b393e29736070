"""One model's group in the store while a scan fills it, block of points by block, and whenever it is gone on with.

The group holds, along the scanned dimensions, `status` (0 pending, 1 done, 2 failed) and `error` of every point from
the start, and what the points emit as soon as one is done. Every block is a chunk of each array, and of every array
the file of metadata is in the group's own, which is replaced in one stroke: at every instant the group can be read,
and a point whose status is 1 is whole, for `status` is written last. What counts when the scan is gone on with is the
marks (`scan_marks`), and of a finished group the index in its attributes.

What is the same at all points that are done (coordinates, and numbers without dimensions) is stored once. At the
first block that has others it is given the scanned dimensions. Of points with a longer inner dimension than others
`DIM_count` says how much is theirs; behind that, and where no answer is, stand NaN, -1 in whole numbers, False or "".
Where a dimension has names (`law`) each point has NaN for those that it lacks, without a count.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.errors import refusal
from langevin_sgd.observables.blocks import DONE, ERROR, FAILED, PENDING, STATUS
from langevin_sgd.storage import zarr_index
from langevin_sgd.storage.replacing import replace_file
from langevin_sgd.storage.scan_arrays import Files, GroupArrays
from langevin_sgd.storage.scan_block import Block, region, texts
from langevin_sgd.storage.scan_marks import Mark, Marks, Record, record
from langevin_sgd.storage.scan_template import Template
from langevin_sgd.storage.zarr_groups import StoreError, read_group, write_root
from langevin_sgd.storage.zarr_index import METADATA, Index

_COORDINATES = "coordinates"  # where xarray looks for the names of those that are no dimensions
_STATUS_ATTRS = {"units": "1", "long_name": "0 pending, 1 done, 2 failed"}
_ERROR_ATTRS = {"units": "1", "long_name": "why the point failed"}


class ScanGroup:
    """A group that a scan fills; used by the single process that holds the lock of the run. Made by `open`."""

    def __init__(
        self,
        group: Path,
        *,
        marks: Marks,
        axes: Mapping[str, xr.Variable],
        common: Mapping[str, tuple[str, ...]],
        attrs: Mapping[str, Any],
    ) -> None:
        self._group, self._marks, self._attrs = group, marks, attrs
        self._arrays = _stored(group)
        index = zarr_index.parse(self._arrays.attributes.get(zarr_index.ATTRIBUTE))
        self._order = list(index.variables)
        self._finished = bool(index.files)
        self._files: dict[str, Record] = {}  # that count, with their sizes and checksums
        self._intent: dict[str, Record] = {}
        self._sound = True
        self._template = Template(self._arrays, list(axes), common, self._files)
        self.dims = self._template.dims
        self._status = np.zeros(self._arrays.shape(STATUS), dtype=np.int8)
        self._take_up(index.files)

    @classmethod
    def open(
        cls,
        store: Path,
        name: str,
        *,
        marks: Path,
        axes: Mapping[str, xr.Variable],
        shape: tuple[int, ...],
        block: tuple[int, ...],
        common: Mapping[str, tuple[str, ...]],
        attrs: Mapping[str, Any],
        scratch: Path,
    ) -> ScanGroup:
        """The group `name` of `store` for a grid of this shape: new, or what there is of it.

        `axes` are the coordinates along the scanned dimensions, which are theirs in the order of appearance; `block`
        is the shape of a whole block, which counts for a new group only (see the property). `common` names variables
        that vary along some of the scanned dimensions only, with these. A group of fewer points is extended; `axes`
        must begin with the values that it has. A new one is made in `scratch`, a folder of the same file system.
        `attrs` are those of the unfinished group.
        Raises `StoreError` if the group or a mark is damaged, or if the group is of another grid.
        """
        dims = tuple(dict.fromkeys(str(dim) for axis in axes.values() for dim in axis.dims))
        sizes = {str(dim): size for axis in axes.values() for dim, size in axis.sizes.items()}
        if tuple(sizes[dim] for dim in dims) != shape or len(block) != len(shape):
            raise ValueError(f"{name}: axes of {sizes} and blocks of {block} are none of a grid of {shape}")
        kept = Marks(marks)
        with _writing(store / name):
            if not (store / name).exists():
                _make(store, name, axes, dims, block, kept, attrs, scratch)
            group = cls(store / name, marks=kept, axes=axes, common=common, attrs=attrs)
            group._extend(axes, dims)
        return group

    @property
    def block(self) -> tuple[int, ...]:
        """The shape of a block: one that starts at multiples of it is a chunk of every array, and touches no other."""
        return self._arrays.chunk(STATUS)

    def done(self, start: Sequence[int], stop: Sequence[int]) -> bool:
        """Whether every point of a block is written, be it done or failed."""
        return bool((self._status[region(start, stop)] != PENDING).all())

    def counts(self) -> dict[str, int]:
        """How many points are pending, done and failed."""
        states = {"pending": PENDING, "done": DONE, "failed": FAILED}
        return {name: int((self._status == state).sum()) for name, state in states.items()}

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the group."""
        return self._arrays.attributes

    def write(
        self, start: Sequence[int], stop: Sequence[int], block: xr.Dataset, *, attrs: Mapping[str, Any] | None = None
    ) -> None:
        """Store a block of points: `status`, 1 or 2, and `error` of each, and what those that are done emit.

        The scanned dimensions lead in what varies along them. Raises `StoreError` if the disk refuses, or if what the
        points emit does not go with what those before did; then nothing more is taken until the group is opened anew.
        `attrs` are set in the group in the same stroke.
        """
        points = Block(block, self.dims, tuple(start), tuple(stop))
        with self._changing():
            self._unseal()
            room = self._template.follow(points, self._status)
            last = (STATUS, ERROR)
            known = [*self._order, *points.names(), *self._arrays]
            self._order = [n for n in dict.fromkeys(known) if n in self._arrays and n not in last] + [*last]
            self._note(room)
            self._put_metadata({**(attrs or {}), _COORDINATES: self._coordinates(block)})
            written: dict[str, Record] = {}
            for files in self._template.chunks(points, self._status):
                written |= self._put(files)
            self._marks.add(Mark(written, points.start, points.stop))
            self._status[points.region] = points.status

    def read(self) -> xr.Dataset:
        """What is there, in memory. Raises `StoreError` if it is damaged."""
        return read_group(self._group.parent, self._group.name, load=True)

    def finalize(self, attrs: Mapping[str, Any]) -> None:
        """Put the index of all files into the attributes, with these, in one stroke, and remove the marks."""
        with self._changing():
            self._unseal()
            counted = {path: known for path, known in self._files.items() if not self._template.superseded(path)}
            metadata = self._arrays.documents()
            counted |= {path: record(text) for path, text in metadata.items() if path != METADATA}
            index = Index(self._order, dict(sorted(counted.items())))
            self._put_metadata({**attrs, zarr_index.ATTRIBUTE: index.text()})
            self._finished = True
            self._marks.clear()
            self._remove_others(counted)

    def _take_up(self, indexed: Mapping[str, Record]) -> None:
        """Find what is there of the points; what counts is the index of a finished group, or else the marks."""
        every = region((0,) * self._status.ndim, self._status.shape)
        if self._finished:
            self._marks.clear()  # of when it was finished
            self._files.update(indexed)
            self._status = self._arrays.values(STATUS, every, self._files)
            self._remove_others(indexed)
            return
        self._marks.read(self._group)
        self._files.update(self._marks.records)
        self._remove_others(self._files)
        self._put_metadata({})
        write_root(self._group.parent, {})  # which may not have this group yet
        stored = self._arrays.values(STATUS, every, self._files)
        for mark in self._marks.blocks:
            where = region(mark.start, mark.stop)
            self._status[where] = stored[where]

    def _extend(self, axes: Mapping[str, xr.Variable], dims: tuple[str, ...]) -> None:
        """Let the group have the points of these axes, which begin with those that it has."""
        said = f"{self._group}: holds a scan"
        if dims != self.dims or not all(name in self._arrays for name in axes):
            raise StoreError(f"{said} over {', '.join(self.dims)}, not {', '.join(dims)}; choose another --output")
        longer = {}
        for name, axis in axes.items():
            stored = self._arrays.values(name, region((0,), self._arrays.shape(name)), self._files)
            values = texts(axis.values)
            if not np.array_equal(values[: stored.size], stored):
                raise StoreError(
                    f"{said} over the {name} {_listed(stored)}, which the values now asked for do not begin with; add "
                    "values at the end, or choose another --output"
                )
            if not np.can_cast(values.dtype, self._arrays.dtype(name), "safe"):
                raise StoreError(
                    f"{said} over whole numbers as {name}, to which {_listed(values)} cannot be added; choose another "
                    "--output"
                )
            if values.size > stored.size:
                longer[name] = values
        if not longer:
            return
        self._unseal()
        sizes = {str(dim): size for axis in axes.values() for dim, size in axis.sizes.items()}
        for name in self._arrays:
            own, shape = self._arrays.dims(name), self._arrays.shape(name)
            self._arrays.resize(name, [sizes.get(dim, size) for dim, size in zip(own, shape, strict=True)])
        files: Files = {}
        for name, values in longer.items():
            files |= self._arrays.files(name, region((0,), values.shape), values, self._files)
        self._note(files)
        self._put_metadata({})
        grown = [(0, sizes[dim] - size) for dim, size in zip(dims, self._status.shape, strict=True)]
        self._status = np.pad(self._status, grown)

    def _unseal(self) -> None:
        """Let the marks count, not the index, so that the group can be written to."""
        if not self._finished:
            return
        files = {path: known for path, known in self._files.items() if not path.endswith(METADATA)}
        self._files.clear()
        self._files.update(files)
        self._marks.clear()
        self._marks.add(Mark(files, (0,) * self._status.ndim, self._status.shape))
        self._put_metadata({**self._attrs, zarr_index.ATTRIBUTE: Index(self._order, {}).text()})
        self._finished = False

    def _note(self, files: Files) -> None:
        """Write files that belong to no block, and mark them."""
        if files:
            self._marks.add(Mark(self._put(files)))

    def _put(self, files: Files) -> dict[str, Record]:
        """Write files that are not there yet with this content; what each is now."""
        known = {path: record(content) for path, content in files.items()}
        changed = {path: files[path] for path in files if self._files.get(path) != known[path]}
        replaced = {path: known[path] for path in changed if path in self._files}
        if replaced:
            self._intent |= replaced
            self._marks.intend(self._intent)
        for path, content in changed.items():
            _put_file(self._group / path, content)
        self._files.update(known)
        return known

    def _put_metadata(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes of the group, and let the disk have what changed of the metadata, in one stroke."""
        if not self._finished and zarr_index.ATTRIBUTE not in attributes:
            attributes = {**attributes, zarr_index.ATTRIBUTE: Index(self._order, {}).text()}
        self._arrays.describe(attributes)
        changed = False
        for path, text in self._arrays.documents().items():
            file = self._group / path
            if not file.exists() or file.read_bytes() != text:
                _put_file(file, text)
                changed = True
        if changed:
            write_root(self._group.parent, {})

    def _coordinates(self, block: xr.Dataset) -> str:
        before = str(self._arrays.attributes.get(_COORDINATES, "")).split()
        names = [*before, *(str(name) for name in block.coords)]
        return " ".join(dict.fromkeys(n for n in names if n in self._arrays and self._arrays.dims(n) != (n,)))

    def _remove_others(self, counted: Mapping[str, Record]) -> None:
        """Remove what a killed writer left, which counts for nothing."""
        for file in self._group.rglob("*"):
            path = file.relative_to(self._group).as_posix()
            metadata = file.name == METADATA and (file.parent == self._group or file.parent.name in self._arrays)
            if not (file.is_dir() or metadata or path in counted):
                file.unlink()
        kept = {*self._arrays, *(path.partition("/")[0] for path in counted)}
        for folder in self._group.iterdir():
            if folder.is_dir() and folder.name not in kept:
                shutil.rmtree(folder)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        if not self._sound:
            raise StoreError(f"{self._group}: was not written whole before; open it anew")
        self._sound = False
        with _writing(self._group):
            yield
        self._sound = True


def stored_block(store: Path, name: str) -> tuple[int, ...] | None:
    """The shape of a block of a group that is there; None if none is. Raises `StoreError` as `ScanGroup.open` does."""
    return _stored(store / name).chunk(STATUS) if (store / name).exists() else None


def _make(
    store: Path,
    name: str,
    axes: Mapping[str, xr.Variable],
    dims: tuple[str, ...],
    block: tuple[int, ...],
    marks: Marks,
    attrs: Mapping[str, Any],
    scratch: Path,
) -> None:
    """A group with the axes and no point."""
    marks.clear()
    made = scratch / name
    arrays = GroupArrays.new(made, attrs)
    files: Files = {}
    for label, axis in axes.items():
        values = texts(axis.values)
        arrays.make(label, [str(dim) for dim in axis.dims], values.shape, values.dtype, attrs=axis.attrs, chunk=None)
        files |= arrays.files(label, region((0,), values.shape), values, {})
    sizes = {str(dim): size for axis in axes.values() for dim, size in axis.sizes.items()}
    shape = [sizes[dim] for dim in dims]
    arrays.make(STATUS, dims, shape, np.dtype(np.int8), attrs=_STATUS_ATTRS, chunk=block, fill=PENDING)
    arrays.make(ERROR, dims, shape, np.dtype(object), attrs=_ERROR_ATTRS, chunk=block)
    others = " ".join(label for label, axis in axes.items() if axis.dims != (label,))
    arrays.describe({_COORDINATES: others, zarr_index.ATTRIBUTE: Index(list(arrays), {}).text()})
    shutil.rmtree(made, ignore_errors=True)
    for path, content in {**files, **arrays.documents()}.items():
        _put_file(made / path, content)
    marks.add(Mark({path: record(content) for path, content in files.items()}))
    os.replace(made, store / name)
    write_root(store, {})


def _put_file(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, content)


def _stored(group: Path) -> GroupArrays:
    try:
        arrays = GroupArrays.stored(group)
        if STATUS not in arrays:
            raise ValueError("it was not written by a scan")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{group}: cannot be gone on with ({error}); put a copy back, or remove this folder, and "
            "`simulate ... --resume` makes it anew and keeps the rest"
        ) from error
    return arrays


def _listed(values: NDArray[Any]) -> str:
    shown = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in values.tolist()]
    return ", ".join(shown if len(shown) < 7 else [*shown[:3], "...", *shown[-2:]])


@contextmanager
def _writing(group: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one line that names the file."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or group}: {refusal(error)}") from error
