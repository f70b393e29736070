"""A scan as one launch: the grid of parameter points and the numbers of their trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.integrators.integration_error import IntegrationError


@dataclass(frozen=True)
class Grid:
    """The product of the scanned parameters' values, last one fastest, with `replicas` trajectories a point."""

    names: tuple[str, ...]
    values: tuple[NDArray[np.float64], ...]
    replicas: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each parameter."""
        return tuple(v.size for v in self.values)

    @property
    def points(self) -> int:
        """Number of parameter points, 1 without a scan."""
        return int(np.prod(self.shape, dtype=np.int64))

    def per_trajectory(self) -> dict[str, NDArray[np.float64]]:
        """Each scanned parameter for every trajectory, point by point."""
        mesh = np.meshgrid(*self.values, indexing="ij") if self.names else []
        return {name: np.repeat(m.ravel(), self.replicas) for name, m in zip(self.names, mesh, strict=True)}

    def numbers(self) -> NDArray[np.uint32]:
        """Trajectory numbers: replica + the point's number with its 32 bits reversed.

        Replicas grow from the low bits and points from the high ones, so that adding either never changes the numbers,
        and so the noise, of those already there. Raises `IntegrationError` when they would meet.
        """
        bits = max(self.points - 1, 0).bit_length()
        if self.replicas > 1 << (32 - bits):
            raise IntegrationError(
                f"{self.points} points leave room for {1 << (32 - bits)} replicas each, not {self.replicas}"
            )
        point = np.array([int(f"{p:032b}"[::-1], 2) for p in range(self.points)], np.uint32)
        return np.add.outer(point, np.arange(self.replicas, dtype=np.uint32)).astype(np.uint32).reshape(-1)


def grid(scan: Mapping[str, ArrayLike] | None, replicas: int) -> Grid:
    """The grid of a scan given as {parameter: values}."""
    names: Sequence[str] = tuple(scan or {})
    values = tuple(np.asarray((scan or {})[name], dtype=np.float64) for name in names)
    for name, value in zip(names, values, strict=True):
        if value.ndim != 1 or value.size == 0 or not np.isfinite(value).all():
            raise IntegrationError(f"the scan over {name} needs a list of finite numbers")
    return Grid(tuple(names), values, replicas)
