"""A scan as one launch: its parameter points and the numbers of their trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.real_array import real_array

Scan = Mapping[str, ArrayLike] | Sequence[Mapping[str, float]]
"""{parameter: values}, of which all combinations run, or a list of points, {parameter: value} each."""


@dataclass(frozen=True)
class Grid:
    """Parameter points in an array of `shape`, last dimension fastest, with `replicas` trajectories a point.

    `names` and `values` are the dimensions and their coordinates, `table` each scanned parameter at every point.
    `own_numbers` are those that tell the points apart in the random stream, 0, 1, ... if none are given.
    """

    names: tuple[str, ...]
    values: tuple[NDArray[np.float64], ...]
    table: Mapping[str, NDArray[np.float64]]
    replicas: int
    own_numbers: Sequence[int] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each dimension."""
        return tuple(v.size for v in self.values)

    @property
    def points(self) -> int:
        """Number of parameter points, 1 without a scan."""
        return int(np.prod(self.shape, dtype=np.int64))

    def per_trajectory(self) -> dict[str, NDArray[np.float64]]:
        """Each scanned parameter for every trajectory, point by point."""
        return {name: np.repeat(values, self.replicas) for name, values in self.table.items()}

    def numbers(self) -> NDArray[np.uint32]:
        """Trajectory numbers of the points with their replicas."""
        own = range(self.points) if self.own_numbers is None else self.own_numbers
        return trajectory_numbers(own, self.replicas)


def trajectory_numbers(points: Sequence[int], replicas: int) -> NDArray[np.uint32]:
    """Trajectory numbers, point by point: replica + the point's number with its 32 bits reversed.

    Replicas grow from the low bits and points from the high ones, so that adding either never changes the numbers,
    and so the noise, of those already there. Raises `IntegrationError` when they would meet.
    """
    count = int(max(points)) + 1
    room = 1 << (32 - (count - 1).bit_length())
    if replicas > room:
        raise IntegrationError(f"{count} points leave room for {room} replicas each, not {replicas}")
    point = np.array([int(f"{p:032b}"[::-1], 2) for p in points], np.uint32)
    return np.add.outer(point, np.arange(replicas, dtype=np.uint32)).astype(np.uint32).reshape(-1)


def grid(scan: Scan | None, replicas: int, own_numbers: Sequence[int] | None = None) -> Grid:
    """The points of a scan: the grid of {parameter: values}, or the listed points along a dimension `point`.

    Raises `IntegrationError` for what is no scan, and for `own_numbers` that are not one a point.
    """
    points = _grid(scan, replicas)
    if own_numbers is None:
        return points
    if len(own_numbers) != points.points:
        raise IntegrationError(f"there are {points.points} points and {len(own_numbers)} numbers of points; give each")
    return replace(points, own_numbers=own_numbers)


def _grid(scan: Scan | None, replicas: int) -> Grid:
    if scan is None or isinstance(scan, Mapping):
        names = tuple(scan or {})
        values = tuple(_numbers(name, (scan or {})[name]) for name in names)
        mesh = np.meshgrid(*values, indexing="ij") if names else []
        return Grid(names, values, {name: m.ravel() for name, m in zip(names, mesh, strict=True)}, replicas)
    if not scan or any(set(point) != set(scan[0]) for point in scan):
        raise IntegrationError("a scan given as a list needs points with the same parameters, at least one")
    table = {name: _numbers(name, [point[name] for point in scan]) for name in scan[0]}
    return Grid(("point",), (np.arange(len(scan), dtype=np.float64),), table, replicas)


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = real_array(values, f"the values of {name} to scan", IntegrationError)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise IntegrationError(f"the scan over {name} needs a list of finite numbers")
    return array


def first_of_each_run(columns: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    """Where an entry of columns (n,) differs from the one before it: one for each point of a scan, (n,)."""
    first = np.ones(columns[0].size, dtype=bool)
    first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return first
