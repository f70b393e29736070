"""Basins of a landscape: its minima, the saddles between them, and which basin a position belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.condition import parse_condition
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import symbol
from langevin_sgd.landscapes.stationary import descended, local_length, stationary_points

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

_GRID = 300  # points along a coordinate on which basins in the plane are drawn; even, so that none lies on a centre
_HIGH = 6.0  # barriers above the lowest minimum up to which they are
_WIDENED = 8  # times that the plane is looked at farther out, where the energy is still low at the sides
_RESOLVED = 0.1  # width of the low part over the grid's, below which it is looked at more closely
_FLOW_STEPS = 1500


class NoBasins(UserError, ValueError):
    """A landscape without the basins that were asked for."""


@dataclass(frozen=True)
class Saddle:
    """The lowest way between basins number `first` and `second`: a stationary point with one falling direction."""

    position: Array
    energy: float
    hessian: Array
    first: int
    second: int


@dataclass(frozen=True)
class Basins:
    """Minima (basin, d) of a landscape from left to right, with saddles, and conditions where those are given.

    `membership(points)` with points (d, n) returns basin numbers (n,), -1 for none.
    """

    labels: tuple[str, ...]
    minima: Array
    energies: Array
    hessians: Array
    saddles: tuple[Saddle, ...]
    membership: Callable[[Array], Labels]

    def number(self, label: str) -> int:
        """Place of a basin. Raises `NoBasins` for an unknown label."""
        if label not in self.labels:
            raise NoBasins(f'no basin named "{label}"; the landscape has {", ".join(self.labels)}')
        return self.labels.index(label)

    def lowest_saddle(self, first: int, second: int) -> Saddle | None:
        """The saddle between two basins, None if there is none between just those."""
        return next((s for s in self.saddles if {s.first, s.second} == {first, second}), None)


def find(
    landscape: Expression,
    *,
    regions: Mapping[str, str],
    labels: Sequence[str] = (),
    box: Sequence[tuple[float, float]],
) -> Basins:
    """The basins of `landscape` at its own parameters within `box`: conditions if given, gradient flow otherwise.

    Without `regions` every minimum has a basin, which gradient flow draws: between the barrier tops on a line, on a
    grid in the plane. With `regions`, the minimum of a basin is the lowest inside it, NaN if there is none. A single
    well is a basin if it is named so, by one region or one label. Raises `NoBasins` for less than two basins without
    that, for labels that are too few or too many, and in d > 2 without regions.
    """
    with np.errstate(all="ignore"):  # where a formula is not finite there is no stationary point
        minima, saddles = stationary_points(landscape, box)
    if regions:
        membership = _by_condition(landscape, tuple(regions.values()))
        names = tuple(regions)
        minima = _lowest_inside(landscape, minima, membership(minima.T), len(names))
    else:
        names = _named(labels, len(minima))
        if landscape.dimension > 2:
            raise NoBasins("basins are found by themselves in up to 2 dimensions; give basins: {LABEL: CONDITION}")
        membership = (
            _line_membership(saddles)
            if landscape.dimension == 1
            else _everywhere
            if len(names) == 1
            else _Watershed(landscape, minima, _low_part(landscape, minima, saddles, box))
        )
    if not names or (len(names) == 1 and not (regions or labels)):
        known = "1 minimum" if len(names) == 1 else f"{len(names)} isolated minima"
        raise NoBasins(
            f"the landscape has {known} in the box; two basins are needed: widen box, or give basins: "
            "{LABEL: CONDITION}" + ("; a study of the one well names it, labels: [NAME]" if len(names) == 1 else "")
        )
    hessians = np.moveaxis(landscape.hessian_at(minima.T), -1, 0)
    return Basins(
        names,
        minima,
        landscape.energy_at(minima.T),
        hessians,
        _joined(landscape, saddles, membership, box),
        membership,
    )


def _named(labels: Sequence[str], count: int) -> tuple[str, ...]:
    if labels and len(labels) != count:
        raise NoBasins(
            f"the landscape has {_counted(count, 'minimum', 'minima')} and {_counted(len(labels), 'label', 'labels')}; "
            "give one for each, from left to right"
        )
    if labels:
        return tuple(labels)
    return ("left", "right") if count == 2 else tuple(f"basin_{i}" for i in range(1, count + 1))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _lowest_inside(landscape: Expression, minima: Array, inside: Labels, count: int) -> Array:
    out = np.full((count, landscape.dimension), np.nan)
    energy = landscape.energy_at(minima.T)
    for basin in range(count):
        own = np.nonzero(inside == basin)[0]
        if own.size:
            out[basin] = minima[own[energy[own].argmin()]]
    return out


def _joined(
    landscape: Expression, saddles: Array, membership: Callable[[Array], Labels], box: Sequence[tuple[float, float]]
) -> tuple[Saddle, ...]:
    """The lowest saddle of every pair of basins, told by descending on both of its sides."""
    lowest: dict[tuple[int, int], Saddle] = {}
    lengths = local_length(landscape, saddles.T, box) if len(saddles) else np.empty(0)
    for position, length in zip(saddles, lengths, strict=True):
        hessian = landscape.hessian_at(position[:, None])[..., 0]
        direction = np.linalg.eigh(hessian)[1][:, 0]
        sides = position[:, None] + 0.1 * length * np.stack([-direction, direction], axis=1)
        first, second = sorted(int(label) for label in membership(descended(landscape, sides, length)))
        energy = float(landscape.energy_at(position[:, None])[0])
        if first < 0 or first == second:
            continue
        if (first, second) not in lowest or energy < lowest[first, second].energy:
            lowest[first, second] = Saddle(position, energy, hessian, first, second)
    return tuple(lowest.values())


def _by_condition(landscape: Expression, conditions: Sequence[str]) -> Callable[[Array], Labels]:
    """Number of the first condition that holds, -1 if none does."""
    names = [*landscape.variables, *landscape.parameters]
    read = [parse_condition(text, names) for text in conditions]
    tests = [sympy.lambdify([symbol(name) for name in names], each, "numpy", dummify=True) for each in read]
    values: list[Any] = list(landscape.parameters.values())

    def membership(points: Array) -> Labels:
        out = np.full(points.shape[1:], -1, np.int64)
        for number in reversed(range(len(tests))):
            with np.errstate(all="ignore"):  # sqrt(abs(x)) takes roots on both sides, and is compared on one
                out = np.where(tests[number](*points, *values), number, out)
        return out

    return membership


def _low_part(
    landscape: Expression, minima: Array, saddles: Array, box: Sequence[tuple[float, float]]
) -> Sequence[tuple[float, float]]:
    """The part of the plane in which walkers are found: not far above the barriers, in the box or beyond it."""
    if not (minima.size and saddles.size):
        return box
    lowest, top = landscape.energy_at(minima.T).min(), landscape.energy_at(saddles.T).max()
    known = np.concatenate([minima, saddles]).T
    for _ in range(_WIDENED):
        axes = [np.linspace(low, high, _GRID) for low, high in box]
        points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(2, -1)
        inside = np.append(points[:, landscape.energy_at(points) < lowest + _HIGH * (top - lowest)], known, axis=1)
        sides = [axis[1] - axis[0] for axis in axes]
        part = [(float(x.min() - side), float(x.max() + side)) for x, side in zip(inside, sides, strict=True)]
        around = [
            _farther(whole, own)
            if all(_RESOLVED * (b - a) < d - c for (a, b), (c, d) in zip(box, part, strict=True))
            else own
            for whole, own in zip(box, part, strict=True)
        ]
        if around == list(box):
            break
        box = around
    return part


def _farther(whole: tuple[float, float], part: tuple[float, float]) -> tuple[float, float]:
    """The range, by half its width longer on the sides that its part overlaps."""
    reach = 0.5 * (whole[1] - whole[0])
    return whole[0] - reach * (part[0] < whole[0]), whole[1] + reach * (part[1] > whole[1])


def _everywhere(points: Array) -> Labels:
    """Membership of the only basin."""
    return np.zeros(points.shape[1:], np.int64)


def _line_membership(tops: Array) -> Callable[[Array], Labels]:
    ends = np.sort(tops[:, 0])
    return lambda points: np.searchsorted(ends, points[0], side="right").astype(np.int64)


@dataclass(frozen=True)
class _Watershed:
    """Basins in the plane: the minimum that gradient flow reaches from the nearest point of a grid over the box."""

    landscape: Expression
    minima: Array
    box: Sequence[tuple[float, float]]

    @cached_property
    def table(self) -> Labels:
        """Basin of every grid point."""
        axes = [np.linspace(low, high, _GRID) for low, high in self.box]
        at = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(2, -1)
        reach = 0.5 * _separation(self.minima)
        label = np.full(at.shape[1], -1, np.int64)
        moving = np.arange(at.shape[1])
        length = min(float(axis[1] - axis[0]) for axis in axes)
        for _ in range(_FLOW_STEPS):
            slope = self.landscape.gradient_at(at[:, moving])
            size = np.linalg.norm(slope, axis=0)
            at[:, moving] -= slope * (length / np.maximum(size, 1e-300))
            distance = np.linalg.norm(at[:, moving, None] - self.minima.T[:, None], axis=0)
            near = distance.min(axis=1) < 0.1 * reach
            label[moving[near]] = distance[near].argmin(axis=1)
            moving = moving[~near]
            if not moving.size:
                break
        else:  # on a ridge the flow goes nowhere
            label[moving] = distance[~near].argmin(axis=1)
        return label.reshape(_GRID, _GRID)

    def __call__(self, points: Array) -> Labels:
        places = [
            np.clip(np.rint((x - low) / (high - low) * (_GRID - 1)), 0, _GRID - 1).astype(np.int64)
            for x, (low, high) in zip(points, self.box, strict=True)
        ]
        return np.asarray(self.table[tuple(places)])


def _separation(minima: Array) -> float:
    between = np.linalg.norm(minima[:, None] - minima[None], axis=-1)
    return float(between[between > 0].min()) if len(minima) > 1 else 1.0
