"""What the basins model keeps of every segment: counts and sums over replicas and time, never whole trajectories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.estimators.hopping import Hopping, hopping_rates
from langevin_sgd.landscapes.basins import Basins
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.models.basins.moments import Halves

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Cores:
    """The core of every basin: the positions in it with an energy below `energies` (basin,)."""

    energies: Array


@dataclass(frozen=True)
class Observer:
    """What is looked at along the trajectories of one point.

    `recorded` are the places of the coordinates that are recorded; `groups` the starts of the replicas (replica,);
    `edges` the ends of the cells of the density, one array a coordinate, none without a density; `plane` whether the
    drift's torque and the current are measured. `well` sums the moments of one well, None where there are several.
    """

    landscape: Expression
    drift: Callable[[Array], Array]
    basins: Basins
    recorded: tuple[int, ...]
    groups: NDArray[np.int64]
    starts: int
    edges: tuple[Array, ...]
    cores: Cores | None
    well: Halves | None = None

    @property
    def whole(self) -> bool:
        """Whether positions are recorded in full."""
        return len(self.recorded) == self.landscape.dimension

    @property
    def plane(self) -> bool:
        """Whether the circulation is measured."""
        return len(self.edges) == 2

    @cached_property
    def _member(self) -> NDArray[np.int64]:
        return np.arange(self.groups.size)

    def empty(self) -> Arrays:
        """The sums before the first segment."""
        replicas, count = self.groups.size, len(self.basins.labels)
        out: Arrays = {"inside": np.zeros((count, replicas), np.int64), "seen": np.zeros((), np.int64)}
        if self.edges:
            shape = tuple(edge.size - 1 for edge in self.edges)
            out["cells"] = np.zeros(shape, np.int64)
            out["outside"] = np.zeros((), np.int64)
        if self.plane:
            out |= {"torque": np.zeros(replicas), "position": np.zeros((2, replicas)), "flow": np.zeros((2, replicas))}
            out["drift"] = np.zeros((2, *shape))
        if self.well is not None:
            out["moments"] = self.well.empty(replicas)
        if self.cores is not None:
            out |= {"core": np.full(replicas, -1, np.int64), "stay": np.zeros((count, replicas), np.int64)}
            out["moves"] = np.zeros((count, count, replicas), np.int64)
        return out

    def add(self, sums: Arrays, recorded: Array, window: NDArray[np.bool_]) -> tuple[Arrays, NDArray[np.int64]]:
        """The sums with a segment (recorded coordinate, replica, time), and occupancy counts (start, basin, time).

        Only times in `window` enter the sums.
        """
        points = np.zeros((self.landscape.dimension, *recorded.shape[1:]))
        points[list(self.recorded)] = recorded
        label = self.basins.membership(points.reshape(len(points), -1)).reshape(recorded.shape[1:])
        count = len(self.basins.labels)
        by_start = np.stack(
            [
                np.stack([(label[self.groups == start] == basin).sum(axis=0) for basin in range(count)])
                for start in range(self.starts)
            ]
        )
        new = dict(sums)
        if window.any():
            inside, points = label[:, window], points[:, :, window]
            new["inside"] = sums["inside"] + np.stack([(inside == basin).sum(axis=1) for basin in range(count)])
            new["seen"] = sums["seen"] + window.sum()
            if self.edges:
                self._cells(new, points)
            if self.well is not None:
                new["moments"] = self.well.add(sums["moments"], points, int(sums["seen"]))
            if self.cores is not None:
                self._moves(new, points, inside, self.cores)
        return new, by_start

    def _cells(self, sums: Arrays, points: Array) -> None:
        flat = _in_order(points)
        shape = tuple(edge.size - 1 for edge in self.edges)
        place = [
            np.floor((x - edge[0]) / (edge[-1] - edge[0]) * n).astype(np.int64)
            for x, edge, n in zip(flat, self.edges, shape, strict=True)
        ]
        kept = np.all([(i >= 0) & (i < n) for i, n in zip(place, shape, strict=True)], axis=0)
        cell = np.ravel_multi_index([i[kept] for i in place], shape)
        size = int(np.prod(shape))
        sums["cells"] = sums["cells"] + np.bincount(cell, minlength=size).reshape(shape)
        sums["outside"] = sums["outside"] + (~kept).sum()
        if not self.plane:
            return
        drift = self.drift(points)
        turn = points[0] * drift[1] - points[1] * drift[0]
        sums["torque"] = _continued(sums["torque"], turn)
        sums["position"] = _continued(sums["position"], points)
        sums["flow"] = _continued(sums["flow"], drift)
        moved = sums["drift"].reshape(2, -1).copy()
        for total, each in zip(moved, _in_order(drift)[:, kept], strict=True):
            np.add.at(total, cell, each)
        sums["drift"] = moved.reshape(2, *shape)

    def _moves(self, sums: Arrays, points: Array, label: NDArray[np.int64], cores: Cores) -> None:
        energy = self.landscape.energy_at(points)
        inside = (label >= 0) & (energy < cores.energies[label])
        core, stay, moves = sums["core"].copy(), sums["stay"].copy(), sums["moves"].copy()
        for t in range(label.shape[1]):
            here = np.where(inside[:, t], label[:, t], core)
            moved = (here != core) & (core >= 0)
            moves[core[moved], here[moved], self._member[moved]] += 1
            known = here >= 0
            stay[here[known], self._member[known]] += 1
            core = here
        sums |= {"core": core, "stay": stay, "moves": moves}


def _continued(total: Array, values: Array) -> Array:
    """A sum over time (..., time) gone on with, one time after the other.

    The bits then do not depend on where segments end, which hangs on how long they take.
    """
    return np.cumsum(np.concatenate([total[..., None], values], axis=-1), axis=-1)[..., -1]


def _in_order(values: Array) -> Array:
    """Values (coordinate, replica, time) as (coordinate, all), time after time."""
    return values.transpose(0, 2, 1).reshape(len(values), -1)


def mean_and_error(values: Array) -> tuple[Array, Array]:
    """Mean over the last axis, the replicas, and its standard error."""
    n = values.shape[-1]
    error = values.std(axis=-1, ddof=1) / np.sqrt(n) if n > 1 else np.full(values.shape[:-1], np.nan)
    return values.mean(axis=-1), np.asarray(error)


def occupancy(observer: Observer, sums: Mapping[str, NDArray[Any]]) -> tuple[Array, Array]:
    """Time average over the window (start, basin) and its standard error from the replicas' own time averages."""
    own = sums["inside"] / sums["seen"]
    pairs = [mean_and_error(own[:, observer.groups == start]) for start in range(observer.starts)]
    return np.stack([mean for mean, _ in pairs]), np.stack([error for _, error in pairs])


def hopping(sums: Mapping[str, NDArray[Any]], interval: float) -> Hopping:
    """Moves between cores and their rates; `interval` is the time between looks, a round trip in which is missed."""
    return hopping_rates(np.moveaxis(sums["moves"], -1, 0), interval * sums["stay"].T)


def density(observer: Observer, sums: Mapping[str, NDArray[Any]]) -> Array:
    """Counts over the cells as a density (cell, ...); what lies outside counts in the norm."""
    volume = np.prod(np.meshgrid(*(np.diff(edge) for edge in observer.edges), indexing="ij"), axis=0)
    return np.asarray(sums["cells"] / (sums["cells"].sum() + sums["outside"]) / volume)


def circulation(sums: Mapping[str, NDArray[Any]]) -> tuple[float, float]:
    """Mean of x f_y - y f_x about the mean position, f the drift, and its standard error over replicas.

    It is that of x dy - y dx in unit time, without a bias of the step: over one step of Euler-Maruyama the noise has
    mean zero, and the product taken at midpoints differs by dx dy - dy dx = 0.
    """
    seen = sums["seen"]
    x, y = (sums["position"] / seen).mean(axis=1)
    flow = sums["flow"] / seen
    mean, error = mean_and_error(sums["torque"] / seen - x * flow[1] + y * flow[0])
    return float(mean), float(error)


def current(observer: Observer, sums: Mapping[str, NDArray[Any]], diffusion: Array) -> Array:
    """J = f p - div(D p) on the cells (2, cell, cell), f averaged in the cell, differences of the counts for the rest.

    `diffusion` is D at the centres of the cells (2, 2, cell, cell).
    """
    p = density(observer, sums)
    total = sums["cells"].sum() + sums["outside"]
    sides = [np.diff(edge)[0] for edge in observer.edges]
    flow = sums["drift"] / total / (sides[0] * sides[1])
    spread = [sum(np.gradient(diffusion[i, j] * p, sides[j], axis=j) for j in range(2)) for i in range(2)]
    return np.asarray(flow - np.stack(spread))
