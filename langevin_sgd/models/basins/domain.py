"""How far the laws of a basins model reach: wherever its walkers go, whatever box its minima were looked for in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.models.basins.process import Process
from langevin_sgd.theory import fokker_planck
from langevin_sgd.theory.domain import LOSS, NotNormalisable, line_domain

Array = NDArray[np.float64]
Box = tuple[tuple[float, float], ...]

_SCAN = {1: 401, 2: 401, 3: 81}  # points along a coordinate on which a box is found, by dimension
_COARSEST = 20  # points that a box is at least wide in the end
_ROUNDS = 24
_FIRST_CELLS = 60  # of the plane, on which it is seen how far a density with a current reaches
_PLANE_ROUNDS = 12


def energy_box(process: Process, reach: float) -> Box:
    """The box in which E is less than `reach` thermal energies above its lowest minimum.

    Found on the axes of the coordinates through every minimum and saddle, and on a grid in two and three dimensions;
    it grows until the energy is higher at all its sides. Raises `UserError` where that does not happen.
    """
    known = _known(process)
    limit = float(process.energy(known.T).min()) + reach * process.thermal_energy
    found = process.basins
    limit = max(limit, max((s.energy for s in found.saddles), default=limit) + 2.0 * process.thermal_energy)
    low, high = known.min(axis=0), known.max(axis=0)
    size = np.full(low.size, max(float((high - low).max()), 1.0))
    closer = np.zeros(low.size, bool)
    for _ in range(_ROUNDS):  # until the energy at every side is above the limit
        grown = (low - 0.25 * size, high + 0.25 * size)
        inside, spacing = _below(process, grown, limit)
        if not inside.size:  # narrower than the steps of the search
            size, closer = 0.25 * size, np.ones_like(closer)
            continue
        wanted = inside.min(axis=1), inside.max(axis=1)
        pad = 0.5 * spacing
        short = (wanted[0] <= grown[0] + pad) | (wanted[1] >= grown[1] - pad)
        narrow = (wanted[1] - wanted[0] < _COARSEST * spacing) & ~closer & (process.landscape.dimension <= 3)
        if not short.any() and not narrow.any():
            return tuple((float(a - p), float(b + p)) for a, b, p in zip(*wanted, 2 * pad, strict=True))
        low, high = np.minimum(low, wanted[0]), np.maximum(high, wanted[1])
        if not closer.any() and short.any():
            size = np.maximum(float((high - low).max()), size)
        else:  # look closer along what is narrow beside the steps of the search, farther where it ended too soon
            size = np.where(narrow, np.maximum(high - low, 4.0 * spacing), np.where(short, 2.0 * size, size))
            closer = closer | narrow
    raise NotNormalisable(
        "the energy does not rise on all sides, so the walkers go away: no stationary law exists, or none that ends"
    )


def known_box(process: Process) -> Box:
    """Minima and saddles and a quarter of their extent about them: where walkers that go away begin."""
    known = _known(process)
    low, high = known.min(axis=0), known.max(axis=0)
    pad = 0.25 * np.maximum((high - low).max(), max(1e-3 * float(np.abs(known).max()), 1e-9))
    return tuple((float(a - pad), float(b + pad)) for a, b in zip(low, high, strict=True))


def law_box(process: Process, reach: float, *, loss: float = LOSS) -> Box:
    """A box that leaves out less than `loss` of the stationary law of the equation, and about `reach` of its energies.

    The box of the energy, made wider where noise that grows outwards, or a force beside the energy, drives walkers
    farther. Raises `UserError` where there is no such box.
    """
    if process.landscape.dimension == 1:
        return (_line_box(process, reach, loss),)
    box = energy_box(process, reach)
    if process.landscape.dimension != 2 or process.inertial or (process.isotropic and not process.landscape.force):
        return box
    for _ in range(_PLANE_ROUNDS):
        outer = _outer_probabilities(process, box)
        if outer.sum() <= loss:
            return box
        sides = [0.25 * (high - low) for low, high in box]
        box = tuple(
            (low - side * (first > loss / 8.0), high + side * (last > loss / 8.0))
            for (low, high), side, (first, last) in zip(box, sides, outer, strict=True)
        )
    raise NotNormalisable(
        "the density does not end within a box that a grid could hold: the drift does not keep the walkers together"
    )


def _line_box(process: Process, reach: float, loss: float) -> tuple[float, float]:
    def slope(x: Array) -> Array:
        return np.asarray(-process.drift(x.reshape(1, -1))[0].reshape(x.shape))

    def noise(x: Array) -> Array:
        return np.asarray(process.diffusion(x.reshape(1, -1))[0, 0].reshape(x.shape))

    try:
        (inside,) = energy_box(process, reach)
    except NotNormalisable:  # the energy grows too slowly to end it, which the density may do all the same
        (inside,) = known_box(process)
    if not np.all(noise(np.linspace(*inside, _SCAN[1])) > 0.0):
        return inside  # every law says so itself
    return line_domain(slope, noise, inside, loss=loss)


def _known(process: Process) -> Array:
    """Minima and saddles (n, d), or where the replicas begin if no minimum is known."""
    found = process.basins
    known = np.concatenate([found.minima, *(s.position[None] for s in found.saddles)])
    known = known[np.isfinite(known).all(axis=1)]
    if not known.size:
        known = np.array(list(process.model.start.values()), float)
    if not known.size:
        raise UserError("no minimum was found in any basin; widen box, or give start: {LABEL: [...]}")
    return known


def _outer_probabilities(process: Process, box: Box) -> Array:
    """Probability of the outermost cells of a coarse grid over the box, (coordinate, side)."""
    edges = [np.linspace(low, high, _FIRST_CELLS + 1) for low, high in box]
    d = process.diffusion(np.zeros((2, 1)))[..., 0] if process.additive else process.diffusion
    mass = fokker_planck.stationary(process.drift, d, edges).density.probabilities
    return np.array([[mass[0].sum(), mass[-1].sum()], [mass[:, 0].sum(), mass[:, -1].sum()]])


def _below(process: Process, box: tuple[Array, Array], limit: float) -> tuple[Array, Array]:
    """Points in the box with an energy below the limit, and their spacing (d,).

    Of a grid, or of the axis of the first coordinate if all others are quadratic or too many for a grid.
    """
    number = _SCAN.get(len(box[0]), 401)
    alone = len(box[0]) > 3 or (len(box[0]) == 3 and bool(process.transverse))
    number = 401 if alone else number
    axes = [np.linspace(a, b, number) for a, b in zip(*box, strict=True)]
    if alone:
        axes = [axes[0], *(np.zeros(1) for _ in axes[1:])]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
    spacing = (box[1] - box[0]) / number
    with np.errstate(all="ignore"):
        return np.asarray(points[:, process.energy(points) < limit]), spacing
