"""What a group that a scan fills consists of: it follows the blocks that come, the arrays growing with them.

A variable that is the same at all points that are done stands once, and is given the scanned dimensions at the first
block that has another value. An inner dimension grows with the longest that comes. All files are handed out, none is
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.observables.blocks import DONE, ERROR, STATUS, count_of
from langevin_sgd.storage.scan_arrays import Files, GroupArrays
from langevin_sgd.storage.scan_block import Block, Variable, is_index, region, same_bits
from langevin_sgd.storage.zarr_groups import StoreError

Common = Mapping[str, tuple[str, ...]]


class Template:
    """The arrays of a group, with the coordinates `axes` along its scanned dimensions.

    `there` are the files of chunks that count, which the owner keeps up to date.
    """

    def __init__(self, arrays: GroupArrays, axes: Sequence[str], common: Common, there: Mapping[str, Any]) -> None:
        self.arrays, self.axes, self._common, self._there = arrays, frozenset(axes), common, there
        self.dims = arrays.dims(STATUS)

    def follow(self, block: Block, status: NDArray[np.int8]) -> Files:
        """Make room for a block: the files of what stands once, and of what did so far, for the points before.

        `status` is that of the points before the block. Raises `StoreError` if the block does not go with them.
        """
        before = self.arrays.sizes()
        files, sizes = self._grow(block, before)
        for dim in block.counted():
            name, own, given = count_of(dim), block.sizes()[dim], block.count(dim)
            differs = before.get(dim, own) != own or bool((given[block.done] != own).any())
            if name not in self.arrays and differs:
                attrs = {"units": "1", "long_name": f"entries along {dim} that are a point's own"}
                self._make(name, self.dims, (), np.dtype(np.int64), attrs, sizes, fill=0)
                files |= self._before(name, np.asarray(before.get(dim, own)), status)
        for name in self._emitted(block):
            files |= self._room(name, block.variable(name), status, sizes)
        for name in [name for name in self.arrays if self._stands_once(name)]:
            if block.names() and name not in block.names():
                files |= self._along_points(name, status, sizes)
        return files

    def chunks(self, block: Block, status: NDArray[np.int8]) -> Iterator[Files]:
        """The files of the points of a block for which there is room, array by array, `status` last."""
        for dim in block.counted():
            if count_of(dim) in self.arrays:
                yield self._chunk(count_of(dim), (), block.count(dim), block)
        for name in self._emitted(block):
            if name in self._common:
                yield self._chunk_in_common(name, block, status)
            elif not self._stands_once(name):
                found = block.variable(name)
                yield self._chunk(name, found.inner, found.values, block)
        yield self.arrays.files(ERROR, block.region, block.error, self._there)
        yield self.arrays.files(STATUS, block.region, block.status, self._there)

    def order(self, before: Sequence[str], block: Block) -> list[str]:
        """The variables in the order in which they came, what is said of the points themselves last."""
        names = [name for name in dict.fromkeys([*before, *block.names(), *self.arrays]) if name in self.arrays]
        return [*(name for name in names if name not in (STATUS, ERROR)), STATUS, ERROR]

    def _emitted(self, block: Block) -> list[str]:
        counts = [count_of(dim) for dim in block.counted()]
        return [name for name in block.names() if name not in self.axes and name not in counts]

    def _stands_once(self, name: str) -> bool:
        own = name in self.axes or name in self._common
        own |= is_index(name, self.arrays.dims(name), self.arrays.dtype(name))
        return self.arrays.once(name) and not own

    def _grow(self, block: Block, before: Mapping[str, int]) -> tuple[Files, dict[str, int]]:
        """Let every array be as long as the block along its inner dimensions; coordinates of these, and their sizes."""
        files: Files = {}
        sizes = block.sizes()
        for dim, labels in block.labels().items():
            stored = self._value(dim) if dim in self.arrays else labels[:0]
            whole = self._united(dim, stored, labels)
            sizes[dim] = whole.size
            if dim not in self.arrays:
                attrs = block.dataset[dim].attrs
                self.arrays.make(dim, (dim,), whole.shape, whole.dtype, attrs=attrs, chunk=None)
            elif whole.size > stored.size:
                self.arrays.resize(dim, whole.shape)
            if whole.size > stored.size:
                files |= self.arrays.files(dim, (slice(stored.size, whole.size),), whole[stored.size :], self._there)
        for name in self.arrays:
            dims, shape = self.arrays.dims(name), self.arrays.shape(name)
            longer = tuple(max(sizes.get(dim, 0), size) for dim, size in zip(dims, shape, strict=True))
            if longer != shape and not self._stands_once(name):
                self.arrays.resize(name, longer)
        return files, {dim: max(sizes.get(dim, 0), before.get(dim, 0)) for dim in {**before, **sizes}}

    def _united(self, dim: str, stored: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
        """The coordinate of an inner dimension with that of a block: names of both, numbers of the longer."""
        if labels.dtype.kind == "O":
            return np.asarray([*stored, *(label for label in labels if label not in stored)], dtype=object)
        shorter, longer = sorted((stored, labels), key=len)
        if not np.array_equal(shorter, longer[: shorter.size]):
            raise self._refused(dim, "its values are others at other points, and they are the index of a dimension")
        return longer.astype(stored.dtype if stored.size else labels.dtype)

    def _room(self, name: str, found: Variable, status: NDArray[np.int8], sizes: Mapping[str, int]) -> Files:
        """Make the array of a variable, or let one that stands once have the scanned dimensions if it must."""
        if name not in self.arrays:
            dims = self._common.get(name, self.dims)
            once = name not in self._common and found.constant is not None and not (status == DONE).any()
            if not once:
                self._make(name, dims, found.inner, found.values.dtype, found.attrs, sizes)
                return {}
            value = found.constant if found.constant is not None else found.values
            self.arrays.make(name, found.inner, value.shape, value.dtype, attrs=found.attrs, chunk=None)
            return self.arrays.files(name, region((0,) * value.ndim, value.shape), value, {})
        inner = tuple(dim for dim in self.arrays.dims(name) if dim not in self.dims)
        if inner != found.inner:
            raise self._refused(name, f"it has the dimensions {inner} at some points and {found.inner} at others")
        if not np.can_cast(found.values.dtype, self.arrays.dtype(name), "safe"):
            types = f"{self.arrays.dtype(name)} at some points and {found.values.dtype} at others"
            raise self._refused(name, f"its type is {types}")
        if not self._stands_once(name):
            return {}
        stored = self._value(name)
        if found.constant is not None and same_bits(found.constant.astype(stored.dtype), stored):
            return {}
        return self._along_points(name, status, sizes)

    def _along_points(self, name: str, status: NDArray[np.int8], sizes: Mapping[str, int]) -> Files:
        """Give a variable that stood once the scanned dimensions, the points before having what it was."""
        value, attrs = self._value(name), self.arrays.attrs(name)
        self._make(name, self.dims, self.arrays.dims(name), value.dtype, attrs, sizes)
        return self._before(name, value, status)

    def _before(self, name: str, value: NDArray[Any], status: NDArray[np.int8]) -> Files:
        """The chunks of an array along the points in which all that are done have the same value."""
        files: Files = {}
        cut = self.arrays.chunk(STATUS)
        inner = region((0,) * value.ndim, value.shape)
        for cell in np.ndindex(*(-(-size // each) for size, each in zip(status.shape, cut, strict=True))):
            start = tuple(place * each for place, each in zip(cell, cut, strict=True))
            stop = tuple(min(first + each, size) for first, each, size in zip(start, cut, status.shape, strict=True))
            done = status[region(start, stop)] == DONE
            if done.any():
                values = np.full((*done.shape, *value.shape), self.arrays.fill(name), dtype=value.dtype)
                values[done] = value
                files |= self.arrays.files(name, (*region(start, stop), *inner), values, {})
        return files

    def _make(
        self,
        name: str,
        dims: Sequence[str],
        inner: Sequence[str],
        dtype: np.dtype[Any],
        attrs: Mapping[str, Any],
        sizes: Mapping[str, int],
        *,
        fill: Any = None,
    ) -> None:
        points = dict(
            zip(self.dims, zip(self.arrays.shape(STATUS), self.arrays.chunk(STATUS), strict=True), strict=True)
        )
        shape = (*(points[dim][0] for dim in dims), *(sizes[dim] for dim in inner))
        chunk = [points[dim][1] for dim in dims]
        self.arrays.make(name, (*dims, *inner), shape, dtype, attrs=attrs, chunk=chunk, fill=fill)

    def _chunk(self, name: str, inner: Sequence[str], values: NDArray[Any], block: Block) -> Files:
        fill = self.arrays.fill(name)
        if not block.done.all():
            values = values.copy()
            values[~block.done] = fill
        values, place = self._placed(inner, values, block, fill)
        return self.arrays.files(name, (*block.region, *place), values, self._there)

    def _chunk_in_common(self, name: str, block: Block, status: NDArray[np.int8]) -> Files:
        """The chunk of a variable that some scanned dimensions do not change: what no point before has told yet."""
        own = [place for place, dim in enumerate(self.dims) if dim in self._common[name]]
        rest = tuple(place for place in range(len(self.dims)) if place not in own)
        where = tuple(block.region[place] for place in own)
        told = np.asarray((status == DONE).any(axis=rest))[where]
        new = np.asarray(block.done.any(axis=rest)) & ~told
        if not new.any():
            return {}
        found = block.variable(name)
        values = found.values[self._first_done(block, own, rest)]
        values, place = self._placed(found.inner, values, block, self.arrays.fill(name))
        before = self.arrays.values(name, (*where, *place), self._there)
        new = np.reshape(new, (*new.shape, *(1,) * (values.ndim - new.ndim)))
        return self.arrays.files(name, (*where, *place), np.where(new, values, before), self._there)

    def _first_done(self, block: Block, own: Sequence[int], rest: Sequence[int]) -> tuple[NDArray[Any], ...]:
        """The index of a point that is done, for each place along the dimensions `own`."""
        done = block.done.transpose(*own, *rest)
        across = done.shape[len(own) :]
        places = [*np.indices(done.shape[: len(own)])]
        if rest:
            places += np.unravel_index(done.reshape(*done.shape[: len(own)], -1).argmax(axis=-1), across)
        return tuple(places[[*own, *rest].index(place)] for place in range(len(self.dims)))

    def _placed(
        self, inner: Sequence[str], values: NDArray[Any], block: Block, fill: Any
    ) -> tuple[NDArray[Any], tuple[slice, ...]]:
        """Values of a block where their inner coordinates stand in the group, and where that is."""
        labels = block.labels()
        lead = values.ndim - len(inner)
        for axis, dim in enumerate(inner, start=lead):
            if dim in labels and labels[dim].dtype.kind == "O":
                stored = self._value(dim).tolist()
                shape = (*values.shape[:axis], len(stored), *values.shape[axis + 1 :])
                spread = np.full(shape, fill, dtype=values.dtype)
                np.moveaxis(spread, axis, 0)[[stored.index(label) for label in labels[dim]]] = np.moveaxis(
                    values, axis, 0
                )
                values = spread
        return values, region((0,) * len(inner), values.shape[lead:])

    def _value(self, name: str) -> NDArray[Any]:
        shape = self.arrays.shape(name)
        return self.arrays.values(name, region((0,) * len(shape), shape), self._there)

    def _refused(self, name: str, why: str) -> StoreError:
        return StoreError(f"{self.arrays.folder}: {name} cannot be stored for all points of a scan: {why}")
