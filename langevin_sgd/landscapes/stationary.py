"""Where the gradient of a landscape vanishes: minima and saddles, found whatever the units of energy and length.

No tolerance knows the size of the box or of the gradient in it. A point is stationary if Newton's step from it is short
beside the length over which the Hessian changes there, and two points are one if they are closer than that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from langevin_sgd.landscapes.expression import Expression

Array = NDArray[np.float64]
Box = Sequence[tuple[float, float]]

_LINE_POINTS = 20_001
_ASIDE = 1e-6  # of the distance of two points
_LEVELS = 12  # boxes around what is low, each within the last
_LOW = 0.05  # share of the points that are low
_SHRINKS = 0.7  # width over the last one's above which boxes have stopped shrinking
_SEEDS_LOG2 = {2: 9, 3: 9}  # points in every box, 2^n
_FEW_SEEDS_LOG2 = 8  # above three dimensions
_DESCENTS = 120
_CLIMBERS = 1024  # points from which saddles are looked for, the last ones and so the lowest
_SEARCHES = 80  # steps of the search for saddles
_NEWTON_STEPS = 100
_MOST_POINTS = 200  # stationary points, few enough to be isolated ones
_MOST_PAIRS = 30  # of minima between which saddles are looked for
_ALONG = 11  # places on the way from one to the other
_CONVERGED = 1e-6  # Newton's step, over the local length
_SAME = 1e-3  # distance, over the local length
_LONGEST = 0.01  # the local length, over the box
_SHORTEST = 1e-4  # the same where the Hessian itself vanishes, over the extent of what was found
_FALLING = 1e-10  # eigenvalue over the largest, below which the energy falls


def stationary_points(landscape: Expression, box: Box) -> tuple[Array, Array]:
    """Minima (n, d), left to right, and saddles of one falling direction (m, d) within `box`.

    None of a landscape with so many that they must be a valley floor, where minima are not isolated.
    """
    found = _on_line(landscape, box[0]) if landscape.dimension == 1 else _in_space(landscape, box)
    if not 0 < len(found) <= _MOST_POINTS:
        return np.empty((0, landscape.dimension)), np.empty((0, landscape.dimension))
    eigenvalues = np.linalg.eigvalsh(np.moveaxis(landscape.hessian_at(found.T), -1, 0))
    falling = (eigenvalues < -_FALLING * np.abs(eigenvalues).max(axis=1, keepdims=True)).sum(axis=1)
    return found[falling == 0], found[falling == 1]


def local_length(landscape: Expression, points: Array, box: Box) -> Array:
    """Distance from `points` (d, n) over which the Hessian changes by half, (n,), at most a hundredth of the box."""
    widest = _LONGEST * max(high - low for low, high in box)
    length = np.full(points.shape[1], widest)
    here = landscape.hessian_at(points)
    size = np.abs(here).max(axis=(0, 1))
    changing = np.arange(length.size)
    for _ in range(60):
        change = np.zeros(changing.size)
        for axis, side in itertools.product(range(len(points)), (-1.0, 1.0)):
            moved = points[:, changing].copy()
            moved[axis] += side * length[changing]
            there = landscape.hessian_at(moved) - here[..., changing]
            change = np.fmax(change, np.where(np.isfinite(there), np.abs(there), np.inf).max(axis=(0, 1)))
        changing = changing[change > 0.5 * size[changing]]
        if not changing.size:
            break
        length[changing] *= 0.5
    return length


def descended(landscape: Expression, points: Array, reach: float) -> Array:
    """Down the slopes from `points` (d, n), no step longer than `reach`: by |H|^-1 grad E, which leaves saddles."""
    at, energy = points.copy(), landscape.energy_at(points)
    radius = np.full(points.shape[1], 0.1 * reach)
    moving = np.arange(points.shape[1])
    for _ in range(_DESCENTS):
        step = _limited(_step(landscape, at[:, moving]), radius[moving])
        trial = at[:, moving] + step
        value = landscape.energy_at(trial)
        better = value < energy[moving]
        at[:, moving] = np.where(better, trial, at[:, moving])
        energy[moving] = np.where(better, value, energy[moving])
        radius[moving] = np.where(better, np.minimum(2.0 * radius[moving], reach), 0.3 * radius[moving])
        short = np.linalg.norm(step, axis=0) < 1e-10 * (np.linalg.norm(at[:, moving], axis=0) + 1e-8 * reach)
        moving = moving[~short]
        if not moving.size:
            break
    return at


def _on_line(landscape: Expression, box: tuple[float, float]) -> Array:
    found, lengths = np.empty(0), np.empty(0)
    for x in _lines(landscape, box):
        new = _roots(landscape, x)
        if len(new) > _MOST_POINTS:
            return new[:, None]
        length = local_length(landscape, new[None], [box]) if new.size else new
        for root, own in zip(new, np.maximum(_SAME * length, 1e-6 * float(x[1] - x[0])), strict=True):
            if not (np.abs(found - root) <= np.maximum(own, lengths)).any():
                found, lengths = np.append(found, root), np.append(lengths, own)
    return np.sort(found)[:, None]


def _lines(landscape: Expression, box: tuple[float, float]) -> Iterator[Array]:
    """Grids on the box, and on ever narrower parts of it where the energy is low."""
    for _ in range(_LEVELS):
        x = np.linspace(*box, _LINE_POINTS)
        yield x
        energy = landscape.energy_at(x[None])
        low = x[energy <= np.nanquantile(np.where(np.isfinite(energy), energy, np.nan), _LOW)]
        margin = 0.25 * float(np.ptp(low)) + float(x[1] - x[0]) if low.size else 0.0
        narrower = (
            max(box[0], float(low.min(initial=box[1])) - margin),
            min(box[1], float(low.max(initial=box[0])) + margin),
        )
        if not 0.0 < narrower[1] - narrower[0] < _SHRINKS * (box[1] - box[0]):
            return
        box = narrower


def _roots(landscape: Expression, x: Array) -> Array:
    """Zeros of the slope between neighbours of `x`, also where it touches zero and turns back between two of them."""

    def gradient(at: float) -> float:
        return float(landscape.gradient_at(np.array([at]))[0])

    def curvature(at: float) -> float:
        return float(landscape.hessian_at(np.array([[at]]))[0, 0, 0])

    slope, bend = landscape.gradient_at(x[None])[0], landscape.hessian_at(x[None])[0, 0]
    exact = np.asarray(x[slope == 0.0])
    if len(exact) > _MOST_POINTS:
        return exact
    # an end where the slope is zero is a root of its own, and the interval begins just beside it
    aside = _ASIDE * float(x[1] - x[0])
    left, right = x[:-1] + aside * (slope[:-1] == 0.0), x[1:] - aside * (slope[1:] == 0.0)
    first, last = slope[:-1].copy(), slope[1:].copy()
    first[slope[:-1] == 0.0] = landscape.gradient_at(left[None, slope[:-1] == 0.0])[0]
    last[slope[1:] == 0.0] = landscape.gradient_at(right[None, slope[1:] == 0.0])[0]
    between = np.nonzero(first * last < 0.0)[0]
    turning = np.nonzero((first * last > 0.0) & (bend[:-1] * bend[1:] < 0.0) & (first * bend[:-1] < 0.0))[0]
    if len(exact) + len(between) > _MOST_POINTS:
        return np.concatenate([exact, x[between]])
    brackets = [(float(left[i]), float(right[i])) for i in between]
    for i in turning:
        turn = float(scipy.optimize.brentq(curvature, x[i], x[i + 1], xtol=1e-15))
        if gradient(turn) * first[i] < 0.0:
            brackets += [(float(left[i]), turn), (turn, float(right[i]))]
    roots = [
        scipy.optimize.brentq(gradient, *bracket, xtol=1e-13 * min(1.0, float(x[-1] - x[0]))) for bracket in brackets
    ]
    return np.sort(np.concatenate([exact, np.array(roots, float)]))


def _in_space(landscape: Expression, box: Box) -> Array:
    """Minima by descent, saddles between them and elsewhere by following the softest direction upwards; then Newton."""
    seeds = _seeds(landscape, box)
    if not seeds.size:
        return np.empty((0, len(box)))
    reach = 0.1 * max(high - low for low, high in box)
    resting = _newton(landscape, _once(descended(landscape, seeds, reach), reach), box)
    minima = _distinct(landscape, resting, box)
    if len(minima) > _MOST_POINTS:
        return minima
    # far from what was found a long way is allowed, between minima one that is short beside their distance
    low = seeds[:, -_CLIMBERS:]
    ways, reaches = [low], [np.full(low.shape[1], 0.1 * reach)]
    for first, second in _pairs(minima):
        part = np.linspace(0.0, 1.0, _ALONG + 2)[1:-1]
        ways.append(first[:, None] + (second - first)[:, None] * part)
        reaches.append(np.full(_ALONG, 0.05 * float(np.linalg.norm(second - first))))
    climbed = _climbed(landscape, np.concatenate(ways, axis=1), np.concatenate(reaches))
    found = _newton(landscape, np.concatenate([_once(climbed, reach), *ways], axis=1), box)
    points = np.concatenate([resting, found], axis=1)
    return _distinct(landscape, points, box)


def _seeds(landscape: Expression, box: Box) -> Array:
    """Points (d, n) of a low-discrepancy set in the box, and in ever smaller boxes around the lowest of them."""
    count = _SEEDS_LOG2.get(len(box), _FEW_SEEDS_LOG2)
    unit = scipy.stats.qmc.Sobol(len(box), scramble=False).random_base2(count)  # its first half is one as well
    whole_low, whole_high = np.array(box, float).T
    low, high = whole_low, whole_high
    points, energies = np.empty((len(box), 0)), np.empty(0)
    for level in range(_LEVELS if len(box) <= 3 else 1):
        new = scipy.stats.qmc.scale(unit if level == 0 else unit[: len(unit) // 2], low, high).T
        energy = landscape.energy_at(new)
        usable = np.isfinite(energy) & np.isfinite(landscape.gradient_at(new)).all(axis=0)
        points, energies = np.append(points, new[:, usable], axis=1), np.append(energies, energy[usable])
        if energies.size < 8:  # hardly anywhere: closer to the middle
            middle, half = (low + high) / 2.0, (high - low) / 4.0
            low, high = middle - half, middle + half
            continue
        lowest = points[:, np.argsort(energies)[: max(8, int(_LOW * energies.size))]]
        margin = 0.25 * np.ptp(lowest, axis=1)
        narrower = (
            np.maximum(lowest.min(axis=1) - margin, whole_low),
            np.minimum(lowest.max(axis=1) + margin, whole_high),
        )
        if (narrower[1] - narrower[0] > _SHRINKS * (high - low)).all():
            break
        low, high = narrower
    return points


def _pairs(minima: Array) -> list[tuple[Array, Array]]:
    """Pairs of `minima` (n, d), the nearest first."""
    pairs = sorted(itertools.combinations(minima, 2), key=lambda pair: float(np.linalg.norm(pair[1] - pair[0])))
    return pairs[:_MOST_PAIRS]


def _step(landscape: Expression, points: Array, *, upwards: bool = False) -> Array:
    """-|H|^-1 grad E, (d, n); `upwards` along the eigenvector of the lowest eigenvalue."""
    slope, hessian = landscape.gradient_at(points), np.moveaxis(landscape.hessian_at(points), -1, 0)
    usable = np.asarray(np.isfinite(hessian).all(axis=(1, 2)) & np.isfinite(slope).all(axis=0))
    values, vectors = np.linalg.eigh(np.where(usable[:, None, None], hessian, np.eye(len(points))))
    along = np.einsum("nij,in->nj", vectors, np.where(usable, slope, 0.0))
    largest = np.abs(values).max(axis=1, keepdims=True)
    along = -along / np.maximum(np.maximum(np.abs(values), 1e-12 * largest), 1e-300)
    if upwards:
        along[:, 0] *= -1.0
    step: Array = np.einsum("nij,nj->in", vectors, along)
    return step


def _limited(step: Array, radius: Array) -> Array:
    size = np.linalg.norm(step, axis=0)
    return np.asarray(step * np.minimum(1.0, radius / np.maximum(size, 1e-300)))


def _climbed(landscape: Expression, points: Array, reach: Array) -> Array:
    at, moving = points.copy(), np.arange(points.shape[1])
    for _ in range(_SEARCHES):
        step = _limited(_step(landscape, at[:, moving], upwards=True), reach[moving])
        at[:, moving] += step
        moving = moving[np.linalg.norm(step, axis=0) > 1e-8 * reach[moving]]
        if not moving.size:
            break
    return at


def _once(points: Array, reach: float) -> Array:
    """Points (d, n) without those that share their place to a millionth of `reach` with another."""
    _, first = np.unique(np.rint(points / (1e-6 * reach)), axis=1, return_index=True)
    return points[:, first]


def _newton(landscape: Expression, points: Array, box: Box) -> Array:
    at = points.copy()
    longest = _LONGEST * max(high - low for low, high in box)
    moving = np.arange(points.shape[1])
    for _ in range(_NEWTON_STEPS):
        step = _newton_step(landscape, at[:, moving])
        size = np.linalg.norm(step, axis=0)
        at[:, moving] += step * np.minimum(1.0, longest / np.maximum(size, 1e-300))
        moving = moving[size > 1e-15 * np.linalg.norm(at[:, moving], axis=0)]
        if not moving.size:
            break
    return at


def _newton_step(landscape: Expression, points: Array) -> Array:
    slope, curvature = landscape.gradient_at(points), np.moveaxis(landscape.hessian_at(points), -1, 0)
    usable = np.isfinite(curvature).all(axis=(1, 2)) & np.isfinite(slope).all(axis=0)
    curvature[~usable] = np.eye(len(points))
    # in units of the curvature, a power of two that rounds nothing: singular values near 1e308 would overflow to a step
    # of zero, and a slope of 1e306 pass for none
    _, exponent = np.frexp(np.abs(curvature).max(axis=(1, 2), initial=0.0))
    curvature = np.ldexp(curvature, -exponent[:, None, None])
    slope = np.ldexp(np.where(usable, slope, 0.0), -exponent)
    step = -(np.linalg.pinv(curvature, rcond=1e-10) @ slope.T[..., None])[..., 0].T
    return np.asarray(step, np.float64)


def _distinct(landscape: Expression, points: Array, box: Box) -> Array:
    """The stationary ones among `points` (d, n) within the box, each once, (m, d), left to right."""
    low, high = np.array(box, float).T
    margin = 1e-9 * (high - low)
    inside = ((points >= (low - margin)[:, None]) & (points <= (high + margin)[:, None])).all(axis=0)
    sound = np.isfinite(landscape.gradient_at(points)).all(axis=0) & np.isfinite(landscape.hessian_at(points)).all(
        axis=(0, 1)
    )
    points = points[:, inside & sound]
    step = np.linalg.norm(_newton_step(landscape, points), axis=0)
    close = step < _CONVERGED * _LONGEST * float((high - low).max())
    points, step = points[:, close], step[close]
    # what has converged agrees to many digits, and one of each is enough to look at
    grain = 1e-10 * (np.abs(points).max(axis=1, initial=0.0) + 1e-12 * (high - low))
    _, first = np.unique(np.rint(points / grain[:, None]), axis=1, return_index=True)
    points, step = points[:, first], step[first]
    if not points.size:
        return np.empty((0, len(box)))
    length = np.maximum(local_length(landscape, points, box), _SHORTEST * float(np.ptp(points, axis=1).max()))
    converged = step <= _CONVERGED * length
    order = np.flatnonzero(converged)[np.argsort(step[converged])]
    kept: list[int] = []
    for i in order:
        others = points[:, kept]
        if not kept or np.linalg.norm(others - points[:, [i]], axis=0).min() > _SAME * length[i]:
            kept.append(int(i))
        if len(kept) > _MOST_POINTS:
            break
    chosen = points[:, kept].T
    return np.asarray(chosen[np.lexsort(chosen.T[::-1])])
