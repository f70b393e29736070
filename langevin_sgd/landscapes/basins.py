"""Basins of a landscape: its minima, the saddles between them, and which basin a position belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import qmc

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.condition import parse_condition
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import symbol

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

_LINE_POINTS = 20_001
_SEEDS_LOG2 = 9
_NEWTON_STEPS = 100
_MOST_POINTS = 200  # stationary points, few enough to be isolated ones
_SAME = 1e-5  # positions closer than this fraction of the box are one
_FLAT = 1e-8  # gradient, over the largest met, below which a point is stationary
_GRID = 300  # points along a coordinate on which basins in the plane are drawn; even, so that none lies on a centre
_HIGH = 6.0  # barriers above the lowest minimum up to which they are
_WIDENED = 8  # times that the plane is looked at farther out, where the energy is still low at the sides
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
    grid in the plane. With `regions`, the minimum of a basin is the lowest inside it, NaN if there is none. Raises
    `NoBasins` for less than two basins, for labels that are too few or too many, and in d > 2 without regions.
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
            else _Watershed(landscape, minima, _low_part(landscape, minima, saddles, box))
        )
    if len(names) < 2:
        known = "1 minimum" if len(names) == 1 else f"{len(names)} isolated minima"
        raise NoBasins(
            f"the landscape has {known} in the box; two basins are needed: widen box, or give basins: "
            "{LABEL: CONDITION}"
        )
    hessians = np.moveaxis(landscape.hessian_at(minima.T), -1, 0)
    return Basins(
        names, minima, landscape.energy_at(minima.T), hessians, _joined(landscape, saddles, membership), membership
    )


def _named(labels: Sequence[str], count: int) -> tuple[str, ...]:
    if labels and len(labels) != count:
        raise NoBasins(
            f"the landscape has {count} minima and {len(labels)} labels; give one for each, from left to right"
        )
    return tuple(labels) or (("left", "right") if count == 2 else tuple(f"basin_{i}" for i in range(1, count + 1)))


def stationary_points(landscape: Expression, box: Sequence[tuple[float, float]]) -> tuple[Array, Array]:
    """Minima (n, d), left to right, and saddles of one falling direction (m, d) within `box`.

    None of a landscape with so many that they must be a valley floor, where minima are not isolated.
    """
    found = _on_line(landscape, box[0]) if landscape.dimension == 1 else _in_space(landscape, box)
    if not 0 < len(found) <= _MOST_POINTS:
        return np.empty((0, landscape.dimension)), np.empty((0, landscape.dimension))
    falling = (np.linalg.eigvalsh(np.moveaxis(landscape.hessian_at(found.T), -1, 0)) < 0.0).sum(axis=1)
    return found[falling == 0], found[falling == 1]


def _on_line(landscape: Expression, box: tuple[float, float]) -> Array:
    x = np.linspace(*box, _LINE_POINTS)
    slope = landscape.gradient_at(x[None])[0]
    exact = x[slope == 0.0]
    between = np.nonzero(slope[:-1] * slope[1:] < 0.0)[0]

    def gradient(at: float) -> float:
        return float(landscape.gradient_at(np.array([at]))[0])

    roots = [brentq(gradient, x[i], x[i + 1], xtol=1e-13) for i in between]
    return np.sort(np.concatenate([exact, np.array(roots, float)]))[:, None]


def _in_space(landscape: Expression, box: Sequence[tuple[float, float]]) -> Array:
    """Newton's method on the gradient from many points at once, and descent before it from half of them."""
    low, high = np.array(box, float).T
    seeds = qmc.scale(qmc.Sobol(len(box), scramble=False).random_base2(_SEEDS_LOG2), low, high).T
    resting = _descended(landscape, seeds)
    ways = [resting[:, [i]] + (resting[:, [j]] - resting[:, [i]]) * np.linspace(0, 1, 21) for i, j in _pairs(resting)]
    points = _newton(landscape, np.concatenate([seeds, resting, *ways], axis=1))
    slope = np.abs(landscape.gradient_at(points)).max(axis=0)
    scale = np.abs(landscape.gradient_at(seeds)).max()
    margin = _SAME * (high - low)
    inside = ((points >= (low - margin)[:, None]) & (points <= (high + margin)[:, None])).all(axis=0)
    kept = points[:, inside & (slope < _FLAT * scale)].T
    distinct: list[Array] = []
    for point in kept[np.lexsort(kept.T[::-1])]:
        if not any(np.abs(point - other).max() < _SAME * float((high - low).max()) for other in distinct):
            distinct.append(point)
    return np.array(distinct).reshape(-1, len(box))


def _pairs(resting: Array) -> list[tuple[int, int]]:
    """A few pairs of points that descended to different places."""
    order = np.lexsort(np.round(resting, 3)[::-1])
    kinds = [order[0]]
    for i in order:
        if np.abs(resting[:, i] - resting[:, kinds[-1]]).max() > 1e-2:
            kinds.append(i)
    kinds = kinds[:6]
    return [(i, j) for place, i in enumerate(kinds) for j in kinds[:place]]


def _descended(landscape: Expression, points: Array) -> Array:
    """Far down the slopes from `points` (d, n): steepest descent whose step grows while the energy falls."""
    at, energy = points.copy(), landscape.energy_at(points)
    step = np.full(points.shape[1], 1e-3)
    for _ in range(300):
        slope = landscape.gradient_at(at)
        size = np.maximum(np.linalg.norm(slope, axis=0), 1e-12)
        trial = at - np.minimum(step, 0.2 / size) * slope
        value = landscape.energy_at(trial)
        better = value < energy
        at, energy = np.where(better, trial, at), np.where(better, value, energy)
        step = np.where(better, 1.3 * step, 0.5 * step)
    return at


def _newton(landscape: Expression, points: Array) -> Array:
    at = points.copy()
    for _ in range(_NEWTON_STEPS):
        with np.errstate(all="ignore"):
            slope, curvature = landscape.gradient_at(at), np.moveaxis(landscape.hessian_at(at), -1, 0)
            usable = np.isfinite(curvature).all(axis=(1, 2)) & np.isfinite(slope).all(axis=0)
            curvature[~usable] = np.eye(len(points))
            move = -(np.linalg.pinv(curvature, rcond=1e-10) @ np.where(usable, slope, 0.0).T[..., None])[..., 0].T
        size = np.linalg.norm(move, axis=0)
        at += move * np.minimum(1.0, 0.5 / np.maximum(size, 1e-300))
        if size.max() < 1e-13:
            break
    return at


def _lowest_inside(landscape: Expression, minima: Array, inside: Labels, count: int) -> Array:
    out = np.full((count, landscape.dimension), np.nan)
    energy = landscape.energy_at(minima.T)
    for basin in range(count):
        own = np.nonzero(inside == basin)[0]
        if own.size:
            out[basin] = minima[own[energy[own].argmin()]]
    return out


def _joined(landscape: Expression, saddles: Array, membership: Callable[[Array], Labels]) -> tuple[Saddle, ...]:
    """The lowest saddle of every pair of basins, told by descending on both of its sides."""
    lowest: dict[tuple[int, int], Saddle] = {}
    for position in saddles:
        hessian = landscape.hessian_at(position[:, None])[..., 0]
        direction = np.linalg.eigh(hessian)[1][:, 0]
        sides = position[:, None] + 1e-3 * np.stack([-direction, direction], axis=1)
        first, second = sorted(int(label) for label in membership(_descended(landscape, sides)))
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
    for _ in range(_WIDENED):
        axes = [np.linspace(low, high, _GRID) for low, high in box]
        points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(2, -1)
        inside = points[:, landscape.energy_at(points) < lowest + _HIGH * (top - lowest)]
        sides = [axis[1] - axis[0] for axis in axes]
        part = [(float(x.min() - side), float(x.max() + side)) for x, side in zip(inside, sides, strict=True)]
        wider = [
            (
                low - (0.5 * (high - low) if first < low else 0.0),
                high + (0.5 * (high - low) if last > high else 0.0),
            )
            for (low, high), (first, last) in zip(box, part, strict=True)
        ]
        if wider == list(box):
            break
        box = wider
    return part


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
