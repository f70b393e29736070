"""Stored variables of a scan, point by point, without a Dataset for each point."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.observables.blocks import ATTRIBUTES, ERROR, STATUS, count_of
from langevin_sgd.observables.scanned import dimensions, entries_done


class Columns:
    """What a scanned Dataset holds of each variable at each of its points that are done, in order."""

    def __init__(self, data: xr.Dataset) -> None:
        self._data, self._axes, self._entries = data, dimensions(data), entries_done(data)
        self._column = cache(self._taken)

    def __contains__(self, name: str) -> bool:
        return name in self._data.variables

    def at(self, name: str, point: int) -> NDArray[Any]:
        """One variable at one point, without what fills it up."""
        lead, inner, values = self._column(name)
        entries = dict(zip(self._axes, self._entries[point], strict=True))
        own: NDArray[Any] = np.asarray(values[tuple(entries[axis] for axis in lead)])
        counted = [int(self.at(count_of(dim), point)) if count_of(dim) in self else None for dim in inner]
        return own[tuple(slice(count) for count in counted)]

    def _taken(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...], NDArray[Any]]:
        """The scanned dimensions of a variable, its other ones, and its values along both."""
        variable = self._data[name].variable
        lead = tuple(axis for axis in self._axes if axis in variable.dims)
        inner = tuple(str(dim) for dim in variable.dims if dim not in lead)
        return lead, inner, variable.transpose(*lead, *inner).values


def only(data: xr.Dataset, names: tuple[str, ...]) -> xr.Dataset:
    """A scanned Dataset with these variables alone, and what tells its points apart."""
    kept = {*names, *dimensions(data), STATUS, ERROR, ATTRIBUTES, *(count_of(str(dim)) for dim in data.dims)}
    return data.drop_vars([name for name in data.variables if name not in kept])
