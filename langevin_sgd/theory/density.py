"""Probability densities on the cells of a grid, and Boltzmann weights integrated over every cell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.theory.callables import evaluated

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Box = Sequence[tuple[float, float]]
Field = Callable[[Array], ArrayLike]
Membership = Callable[[Array], ArrayLike]

# Gauss-Legendre nodes a cell and axis, by dimension.
ORDER = {1: 10, 2: 4, 3: 3}
_POINTS_AT_ONCE = 1 << 20
_MOST_NODES = 1 << 22


@dataclass(frozen=True)
class Density:
    """A probability density averaged over the cells of a grid: `edges` d arrays, `values` (cell, ...), integral one."""

    edges: tuple[Array, ...]
    values: Array

    @property
    def centres(self) -> tuple[Array, ...]:
        """Midpoints of the cells along every axis."""
        return tuple((edge[:-1] + edge[1:]) / 2.0 for edge in self.edges)

    @property
    def points(self) -> Array:
        """Midpoints of the cells, (d, cell, ...)."""
        return np.stack(np.meshgrid(*self.centres, indexing="ij"))

    @property
    def probabilities(self) -> Array:
        """Probability of every cell, (cell, ...)."""
        return self.values * volumes(self.edges)

    @property
    def boundary_probability(self) -> float:
        """Probability of the outermost cells: what it misses beyond the box is about as much."""
        mass = self.probabilities
        return float(mass.sum() - mass[(slice(1, -1),) * mass.ndim].sum())


def cell_edges(box: Box, cells: int | Sequence[int], breaks: Sequence[ArrayLike] = ()) -> tuple[Array, ...]:
    """Edges of uniform cells in `box` ((low, high), ...); at `breaks`, one list an axis, further edges are put in."""
    number = [cells] * len(box) if isinstance(cells, int) else list(cells)
    uniform = [np.linspace(low, high, n + 1) for (low, high), n in zip(box, number, strict=True)]
    wanted = list(breaks) or [[]] * len(box)
    return tuple(_with_breaks(edge, np.asarray(at, float)) for edge, at in zip(uniform, wanted, strict=True))


def cell_means(energy: Field, thermal_energy: float, edges: tuple[Array, ...]) -> Array:
    """Mean of exp(-(E - E_min)/theta) over every cell, (cell, ...)."""
    cells = _Cells.of(edges)
    weigh = _Weight(energy, thermal_energy, cells)
    means = np.concatenate([weigh.at_nodes(part).sum(axis=1) for part in cells.parts(weigh.nodes)])
    shaped: Array = means.reshape([len(edge) - 1 for edge in edges])
    refuse_unbounded(shaped)
    return shaped


def basin_shares(
    energy: Field,
    thermal_energy: float,
    edges: tuple[Array, ...],
    membership: Membership,
    basins: int,
    tolerance: float,
) -> tuple[Array, float]:
    """Share of every basin (basin,) in exp(-E/theta), and that of the cells which basins still divide in the end."""
    cells = _Cells.of(edges)
    weigh = _Weight(energy, thermal_energy, cells)
    refuse_unbounded(cell_means(energy, thermal_energy, edges))
    total, evaluations = np.zeros(basins + 1), 0
    while True:
        held, labels, divided = _surveyed(cells, weigh, membership)
        open_mass, evaluations = held[divided].sum(), evaluations + held.size
        settled = ~divided
        total += _by_label(held[settled], labels[settled], basins)
        everything = total.sum() + open_mass
        small = divided & (held.sum(axis=1) < 0.1 * tolerance * everything / max(1, divided.sum()))
        total += _by_label(held[small], labels[small], basins)
        split = divided & ~small
        growth = held.shape[1] * 2 ** len(edges)
        if open_mass <= tolerance * everything or evaluations + split.sum() * growth > _MOST_NODES:
            total += _by_label(held[split], labels[split], basins)
            shares: Array = total[:-1] / total.sum()
            return shares, float(open_mass / total.sum())
        cells = cells.halved(split)


@dataclass(frozen=True)
class _Cells:
    """Boxes by `centre` and `half` width, (cell, d)."""

    centre: Array
    half: Array

    @classmethod
    def of(cls, edges: tuple[Array, ...]) -> _Cells:
        centre = np.stack(np.meshgrid(*[(e[:-1] + e[1:]) / 2.0 for e in edges], indexing="ij"), axis=-1)
        half = np.stack(np.meshgrid(*[np.diff(e) / 2.0 for e in edges], indexing="ij"), axis=-1)
        return cls(centre.reshape(-1, len(edges)), half.reshape(-1, len(edges)))

    def parts(self, nodes: int) -> list[_Cells]:
        """In pieces of a million nodes."""
        step = max(1, _POINTS_AT_ONCE // nodes)
        rows = [slice(begin, begin + step) for begin in range(0, len(self.centre), step)]
        return [_Cells(self.centre[row], self.half[row]) for row in rows]

    def at(self, place: Array) -> Array:
        """Points (d, cell n) at `place` (n, d) within [-1, 1]^d."""
        points = self.centre[:, None] + self.half[:, None] * place
        return points.reshape(-1, points.shape[2]).T

    def halved(self, chosen: NDArray[np.bool_]) -> _Cells:
        """The children of the `chosen` cells, 2^d each."""
        half = self.half[chosen] / 2.0
        corners = _corners(half.shape[1])
        centre = self.centre[chosen][:, None] + half[:, None] * corners
        return _Cells(centre.reshape(-1, half.shape[1]), np.repeat(half, len(corners), axis=0))


class _Weight:
    """exp(-(E - E_min)/theta) at the Gauss-Legendre nodes of cells, `place` (n, d) with the weights `share` (n,)."""

    def __init__(self, energy: Field, thermal_energy: float, cells: _Cells) -> None:
        dimension = cells.centre.shape[1]
        if dimension not in ORDER:
            raise UserError(f"quadrature reaches 3 dimensions, not {dimension}; use Laplace's law")
        point, weight = np.polynomial.legendre.leggauss(ORDER[dimension])
        self.place = np.stack(np.meshgrid(*[point] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
        self.share = np.prod(np.meshgrid(*[weight / 2.0] * dimension, indexing="ij"), axis=0).ravel()
        self.nodes = len(self.share)
        self._energy = energy
        self._theta = checked_thermal_energy(thermal_energy)
        self._lowest = np.nanmin(evaluated(energy, cells.centre.T, "the energy"))

    def at_nodes(self, cells: _Cells) -> Array:
        """Each node's part of the cell's mean, (cell, node)."""
        value = evaluated(self._energy, cells.at(self.place), "the energy")
        if np.any(np.isnan(value) | (value == -np.inf)):
            raise UserError("the energy is not a number somewhere in the box of the quadrature; take a smaller box")
        with np.errstate(over="ignore"):
            weight: Array = np.exp(-(value - self._lowest) / self._theta).reshape(-1, self.nodes) * self.share
        return weight


def _surveyed(cells: _Cells, weigh: _Weight, membership: Membership) -> tuple[Array, Labels, NDArray[np.bool_]]:
    """Probability (unnormalised) and label of every node (cell, node), and the cells that hold more than one label."""
    # just within the corners: the edge itself may belong to the neighbour
    probe = np.concatenate([weigh.place, (1.0 - 1e-9) * _corners(cells.centre.shape[1])])
    held, labels, divided = [], [], []
    for part in cells.parts(len(probe)):
        held.append(weigh.at_nodes(part) * np.prod(2.0 * part.half, axis=1)[:, None])
        at = part.at(probe)
        label = evaluated(membership, at, "the membership").astype(np.int64).reshape(-1, len(probe))
        labels.append(label[:, : weigh.nodes])
        divided.append(np.any(label != label[:, :1], axis=1))
    return np.concatenate(held), np.concatenate(labels), np.concatenate(divided)


def _by_label(held: Array, labels: Labels, basins: int) -> Array:
    """Sums (basin + 1,), the last for what belongs to none."""
    index = np.where(labels < 0, basins, labels).ravel()
    return np.asarray(np.bincount(index, held.ravel(), minlength=basins + 1), dtype=np.float64)


def _corners(dimension: int) -> Array:
    return np.array(list(itertools.product((-1.0, 1.0), repeat=dimension)))


def refuse_unbounded(mass: Array) -> None:
    """Raise `UserError` unless `mass` (cell, ...) is finite and has its maximum inside the box."""
    if not np.all(np.isfinite(mass)):
        raise UserError("the cells of the quadrature do not resolve the law; take more cells or a smaller box")
    place = np.unravel_index(mass.argmax(), mass.shape)
    if any(n > 2 and i in (0, n - 1) for i, n in zip(place, mass.shape, strict=True)):
        raise UserError("the law is largest at an end of the box of the quadrature; move the box")


def volumes(edges: tuple[Array, ...]) -> Array:
    """Volume of every cell, (cell, ...)."""
    product: Array = np.prod(np.meshgrid(*[np.diff(edge) for edge in edges], indexing="ij"), axis=0)
    return product


def checked_thermal_energy(thermal_energy: float) -> float:
    """theta, or a `UserError` unless it is positive and finite."""
    if not (thermal_energy > 0.0 and math.isfinite(thermal_energy)):
        raise UserError(f"thermal_energy: {thermal_energy:g} must be positive and finite (it is T/2)")
    return thermal_energy


def _with_breaks(edge: Array, at: Array) -> Array:
    inside = at[(at > edge[0]) & (at < edge[-1])]
    return np.union1d(edge, inside)
