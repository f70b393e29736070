"""A block of the points of a scan as it comes to be stored: what each variable holds at the points that are done."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.observables.blocks import DONE, ERROR, FAILED, STATUS, count_of


@dataclass(frozen=True)
class Variable:
    """One variable of a block, the scanned dimensions leading in `values` whether or not it varies along them."""

    inner: tuple[str, ...]
    values: NDArray[Any]
    constant: NDArray[Any] | None
    """What it is at every point that is done, None if they differ."""
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """Points `start` to `stop` of a grid with the dimensions `dims`."""

    dataset: xr.Dataset
    dims: tuple[str, ...]
    start: tuple[int, ...]
    stop: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = tuple(self.dataset.sizes.get(dim, -1) for dim in self.dims)
        if sizes != tuple(np.subtract(self.stop, self.start).tolist()):
            raise ValueError(f"a block from {self.start} to {self.stop} of {self.dims} has sizes {sizes}")
        if not np.isin(self.status, (DONE, FAILED)).all():
            raise ValueError(f"a block has points whose {STATUS} is neither {DONE} nor {FAILED}")

    @property
    def region(self) -> tuple[slice, ...]:
        """The block as an index of the grid."""
        return region(self.start, self.stop)

    @property
    def status(self) -> NDArray[np.int8]:
        """Of each point."""
        return self.dataset[STATUS].transpose(*self.dims).values.astype(np.int8)

    @property
    def error(self) -> NDArray[Any]:
        """Why a point failed, of each point."""
        return self.dataset[ERROR].transpose(*self.dims).values.astype(object)

    @property
    def done(self) -> NDArray[np.bool_]:
        """Where a point is done."""
        return np.asarray(self.status == DONE)

    def names(self) -> list[str]:
        """The variables that the points emit, none if all failed; labels of inner dimensions are not among them."""
        empty = [str(dim) for dim, size in self.sizes().items() if not size]
        known = {*self.dims, STATUS, ERROR, *self.labels(), *empty}
        emitted = [str(name) for name in self.dataset.variables if name not in known]
        return emitted if self.done.any() else []

    def labels(self) -> dict[str, NDArray[Any]]:
        """The names or numbers of the entries of inner dimensions that have some.

        Measured values along a dimension of that name, such as times, are none: they may be others at other points.
        Of a dimension without entries nobody knows what they would be.
        """
        named = {dim: self.dataset[dim] for dim, size in self.sizes().items() if dim in self.dataset.variables and size}
        return {dim: texts(each.values) for dim, each in named.items() if is_index(dim, each.dims, each.dtype)}

    def counted(self) -> list[str]:
        """The inner dimensions whose entries have no names by which they could be told from padding."""
        named = [dim for dim, labels in self.labels().items() if labels.dtype.kind == "O"]
        empty = [dim for dim, size in self.sizes().items() if not size and dim in self.dataset.variables]
        return [dim for dim in self.sizes() if dim not in (*named, *empty)]

    def sizes(self) -> dict[str, int]:
        """The inner dimensions."""
        inner = {str(dim): size for dim, size in self.dataset.sizes.items() if dim not in self.dims}
        return inner if self.done.any() else {}

    def count(self, dim: str) -> NDArray[np.int64]:
        """How many entries along an inner dimension are each point's own: as the block says, or else all."""
        name = count_of(dim)
        if name in self.dataset.variables:
            return self.variable(name).values.astype(np.int64)
        return np.full(self.status.shape, self.dataset.sizes[dim], dtype=np.int64)

    def variable(self, name: str) -> Variable:
        """A variable that the points emit."""
        found = self.dataset.variables[name]
        own = [dim for dim in self.dims if dim in found.dims]
        inner = tuple(str(dim) for dim in found.dims if dim not in self.dims)
        found = found.transpose(*own, *inner)
        values = texts(found.values)
        constant = None
        if name in self.dataset.coords or not inner:
            rows = np.broadcast_to(values, (*[self.dataset.sizes[dim] for dim in own], *values.shape[len(own) :]))
            done = self.done.any(axis=tuple(place for place, dim in enumerate(self.dims) if dim not in own))
            rows = rows[done] if own else rows[np.newaxis]
            constant = rows[0, ...] if all(same_bits(row, rows[0]) for row in rows[1:]) else None
        shape = [self.dataset.sizes[dim] if dim in own else 1 for dim in self.dims]
        grid = [stop - start for start, stop in zip(self.start, self.stop, strict=True)]
        values = np.broadcast_to(values.reshape(*shape, *values.shape[len(own) :]), (*grid, *values.shape[len(own) :]))
        return Variable(inner, values, constant, found.attrs)


def is_index(name: str, dims: Sequence[Hashable], dtype: np.dtype[Any]) -> bool:
    """Whether a coordinate names the entries of a dimension, in texts or whole numbers."""
    return tuple(dims) == (name,) and dtype.kind != "f"


def region(start: Sequence[int], stop: Sequence[int]) -> tuple[slice, ...]:
    """The block from `start` to `stop` as an index."""
    return tuple(slice(int(first), int(last)) for first, last in zip(start, stop, strict=True))


def texts(values: NDArray[Any]) -> NDArray[Any]:
    """The same values, texts as objects: zarr format 3 has no stable type for texts of fixed width."""
    return values.astype(object) if values.dtype.kind in "UT" else values


def same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays hold the same, NaN being the same as itself."""
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(np.array_equal(one, other)) if one.dtype.kind in "OUT" else one.tobytes() == other.tobytes()
