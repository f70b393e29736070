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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd import options
from langevin_sgd.observables.blocks import DONE, ERROR, ERROR_ATTRS, FAILED, PENDING, STATUS, STATUS_ATTRS
from langevin_sgd.storage.scan_arrays import Files, GroupArrays
from langevin_sgd.storage.scan_block import Block, region, texts
from langevin_sgd.storage.scan_files import GroupFiles, begin, writing
from langevin_sgd.storage.scan_made_over import make_over, stored_as_a_whole
from langevin_sgd.storage.scan_marks import Marks
from langevin_sgd.storage.scan_template import Common, Template
from langevin_sgd.storage.zarr_groups import StoreError, read_group

_COORDINATES = "coordinates"  # where xarray looks for the names of those that are no dimensions


class ScanGroup:
    """A group that a scan fills; used by the single process that holds the lock of the run. Made by `open`."""

    def __init__(self, files: GroupFiles, *, axes: Sequence[str], common: Common, attrs: Mapping[str, Any]) -> None:
        self._files, self._arrays, self._attrs = files, files.arrays, attrs
        self._template = Template(files.arrays, axes, common, files.counted)
        self.dims = self._template.dims
        self._sound = True
        stored = self._stored(STATUS)
        self._status = stored if files.finished else np.zeros_like(stored)
        for mark in files.blocks:
            where = region(mark.start, mark.stop)
            self._status[where] = stored[where]

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
        common: Common,
        attrs: Mapping[str, Any],
        scratch: Path,
    ) -> ScanGroup:
        """The group `name` of `store` for a grid of this shape: new, or what there is of it.

        `axes` are the coordinates along the scanned dimensions, which are theirs in the order of appearance; `block`
        is the shape of a whole block, which counts for a new group only (see the property). `common` names variables
        that vary along some of the scanned dimensions only, with these. A group of fewer points is extended; `axes`
        must begin with the values that it has. One that was stored as a whole is made over.
        A new one is made in `scratch`, a folder of the same file system. `attrs` are those of the unfinished group.
        Raises `StoreError` if the group or a mark is damaged, if the group is of another grid or the disk refuses.
        """
        dims = tuple(dict.fromkeys(str(dim) for axis in axes.values() for dim in axis.dims))
        sizes = {str(dim): size for axis in axes.values() for dim, size in axis.sizes.items()}
        if tuple(sizes[dim] for dim in dims) != shape or len(block) != len(shape):
            raise ValueError(f"{name}: axes of {sizes} and blocks of {block} are none of a grid of {shape}")
        kept = Marks(marks)

        def begin_over(place: Path, found: xr.Dataset) -> ScanGroup:
            stored = {label: found[label].variable for label in axes}
            size = tuple(found.sizes[dim] for dim in dims)
            over: dict[str, Any] = {"marks": place.with_suffix(".marks"), "axes": stored, "shape": size, "attrs": {}}
            return cls.open(place, name, block=block, common=common, scratch=scratch, **over)

        with writing(store / name):
            if stored_as_a_whole(store / name):
                make_over(store, name, dims, begin_over, scratch=scratch)
            if not (store / name).exists():
                _begin(store / name, axes, dims, shape, block, kept, attrs, scratch)
            group = cls(GroupFiles(store / name, kept), axes=list(axes), common=common, attrs=attrs)
            group._extend(axes, dims, shape)
        return group

    @property
    def block(self) -> tuple[int, ...]:
        """The shape of a block: one that starts at multiples of it is a chunk of every array, and touches no other.

        It stays what it was at first. A last block that was smaller shares its chunk with points that are added later:
        the files of that chunk alone are replaced when these are written.
        """
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
            self._files.unseal(self._status.shape, self._attrs)
            self._files.note(self._template.follow(points, self._status))
            self._files.order = self._template.order(self._files.order, points)
            self._files.put_metadata({**(attrs or {}), _COORDINATES: self._coordinates(map(str, block.coords))})
            self._files.write_block(points.start, points.stop, self._template.chunks(points, self._status))
            self._status[points.region] = points.status

    def read(self) -> xr.Dataset:
        """What is there, in memory. Raises `StoreError` if it is damaged."""
        return read_group(self._files.folder.parent, self._files.folder.name, load=True)

    def finalize(self, attrs: Mapping[str, Any]) -> None:
        """Put the index of all files into the attributes, with these, in one stroke, and remove the marks."""
        with self._changing():
            self._files.unseal(self._status.shape, self._attrs)
            self._files.seal(attrs)

    def _extend(self, axes: Mapping[str, xr.Variable], dims: tuple[str, ...], shape: tuple[int, ...]) -> None:
        """Let the group have the points of these axes, which begin with those that it has."""
        said = f"{self._files.folder}: holds a scan"
        if dims != self.dims or not all(name in self._arrays for name in axes):
            raise StoreError(
                f"{said} over {', '.join(self.dims)}, not {', '.join(dims)}; choose another {options.option('output')}"
            )
        longer = {name: texts(axis.values) for name, axis in axes.items()}
        for name, values in longer.items():
            stored = self._stored(name)
            if not np.array_equal(values[: stored.size], stored):
                raise StoreError(
                    f"{said} over {name} {_listed(stored)}, with which {_listed(values)} does not begin; add values at "
                    f"the end, or choose another {options.option('output')}"
                )
            if not np.can_cast(values.dtype, stored.dtype, "safe"):
                raise StoreError(
                    f"{said} over {name} {_listed(stored)}, of another type than {_listed(values)}; choose another "
                    f"{options.option('output')}"
                )
        if shape == self._status.shape:
            return
        self._files.unseal(self._status.shape, self._attrs)
        sizes = dict(zip(dims, shape, strict=True))
        for name in self._arrays:
            own, before = self._arrays.dims(name), self._arrays.shape(name)
            self._arrays.resize(name, [sizes.get(dim, size) for dim, size in zip(own, before, strict=True)])
        files: Files = {}
        for name, values in longer.items():
            files |= self._arrays.files(name, region((0,), values.shape), values, self._files.counted)
        self._files.note(files)
        self._files.put_metadata({})
        self._status = np.pad(
            self._status, [(0, new - old) for new, old in zip(shape, self._status.shape, strict=True)]
        )

    def _stored(self, name: str) -> NDArray[Any]:
        shape = self._arrays.shape(name)
        return self._arrays.values(name, region((0,) * len(shape), shape), self._files.counted)

    def _coordinates(self, names: Iterable[str]) -> str:
        known = dict.fromkeys([*str(self._arrays.attributes.get(_COORDINATES, "")).split(), *names])
        return " ".join(name for name in known if name in self._arrays and self._arrays.dims(name) != (name,))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        if not self._sound:
            raise StoreError(f"{self._files.folder}: was not written whole before; {options.resumed()} goes on")
        self._sound = False
        with writing(self._files.folder):
            yield
        self._sound = True


def _begin(
    group: Path,
    axes: Mapping[str, xr.Variable],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    block: tuple[int, ...],
    marks: Marks,
    attrs: Mapping[str, Any],
    scratch: Path,
) -> None:
    """Make a group with the axes and no point."""
    others = " ".join(name for name, axis in axes.items() if axis.dims != (name,))
    arrays = GroupArrays.new(group, {**attrs, _COORDINATES: others})
    files: Files = {}
    for name, axis in axes.items():
        values = texts(axis.values)
        arrays.make(name, [str(dim) for dim in axis.dims], values.shape, values.dtype, attrs=axis.attrs, chunk=None)
        files |= arrays.files(name, region((0,), values.shape), values, {})
    arrays.make(STATUS, dims, shape, np.dtype(np.int8), attrs=STATUS_ATTRS, chunk=block, fill=PENDING)
    arrays.make(ERROR, dims, shape, np.dtype(object), attrs=ERROR_ATTRS, chunk=block)
    begin(group, arrays, files, marks, scratch=scratch)


def _listed(values: NDArray[Any]) -> str:
    shown = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in values.tolist()]
    return f"[{', '.join(shown if len(shown) < 7 else [*shown[:3], '...', *shown[-2:]])}]"
