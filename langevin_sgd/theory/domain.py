"""How far a law reaches: what a box leaves out of it, and on a line the domain that leaves out next to nothing.

A law on a grid is that of a process with walls at the ends of the grid. It is the law of the process itself only if
next to no probability lies beyond, and that is looked at here rather than assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy

from langevin_sgd.errors import UserError
from langevin_sgd.theory import panels
from langevin_sgd.theory.callables import evaluated
from langevin_sgd.theory.density import ORDER, Box, Field, checked_thermal_energy

LOSS = 1e-6
"""Share of the probability that a domain may leave out."""

_CELLS = {1: 200, 2: 24, 3: 8}  # of the box and of each of its neighbours, along an axis
_WINDOW = 200  # cells of one window of a line
_WINDOWS = 20  # each twice as wide as the one before
_HEAVIEST = 0.95  # of the last window's mass in the one twice as far, above which the tail is not summed
_NEVER = 40.0  # height in thermal energies beyond which nothing is reached


class NotNormalisable(UserError):
    """A law whose probability does not end anywhere."""


def refuse_loss(lost: float) -> None:
    """Raise `UserError` if `lost`, the share of a law that lies beyond its box, is not negligible."""
    if not lost <= LOSS:
        share = f"{lost:.2g} of the probability in it" if lost < 1e3 else "more probability than it holds"
        raise UserError(f"the law does not end in its box: next to it lies {share} (at most {LOSS:g}); widen the box")


def boltzmann_loss(energy: Field, thermal_energy: float, box: Box) -> float:
    """Weight of exp(-E/theta) within a width of the box on every side, over that in the box; d <= 3.

    Where E is not a number, or infinite, beyond the box there is no weight; nor is there beyond barriers of 40 theta,
    which nothing crosses.
    """
    theta, number = checked_thermal_energy(thermal_energy), _CELLS[len(box)]
    point, weight = np.polynomial.legendre.leggauss(ORDER[len(box)])
    axes, shares, inside = [], [], []
    for low, high in box:
        width = (high - low) / number
        middle = low + width * (np.arange(-number, 2 * number) + 0.5)
        axes.append((middle[:, None] + width / 2.0 * point).ravel())
        shares.append(np.tile(weight, 3 * number))
        inside.append((axes[-1] > low) & (axes[-1] < high))
    with np.errstate(all="ignore"):
        value = evaluated(energy, np.stack(np.meshgrid(*axes, indexing="ij")))
    value = np.broadcast_to(value, [axis.size for axis in axes])
    within = np.all(np.meshgrid(*inside, indexing="ij"), axis=0)
    value = np.where(np.isfinite(value) | (value == -np.inf), value, np.inf)
    if (value == -np.inf).any():
        return math.inf
    exponent = (value[within].min() - value) / theta
    label, _ = scipy.ndimage.label(exponent > -_NEVER)
    reached = np.isin(label, np.unique(label[within & (label > 0)]))
    mass = np.exp(np.minimum(exponent, 600.0)) * np.prod(np.meshgrid(*shares, indexing="ij"), axis=0)
    return float(mass[~within & reached].sum() / mass[within].sum())


@dataclass(frozen=True)
class _Tail:
    """A stretch of a line beyond a domain: its far `end`, and its `mass` over the domain's.

    `ended` where the formulas cease to hold or the density has fallen out of reach, at `end`.
    """

    end: float
    mass: float
    ended: bool


def line_loss(gradient: Field, diffusion: Field, box: tuple[float, float], *, noise_exponent: float = 1.0) -> float:
    """Mass of D^-a exp(-int E'/D) within a width of the `box` on both sides, over that in it."""
    inner = _Inner.of(gradient, diffusion, box, noise_exponent)
    return sum(next(inner.beyond(side)).mass for side in (-1, 1))


def line_domain(
    gradient: Field, diffusion: Field, inside: tuple[float, float], *, loss: float = LOSS
) -> tuple[float, float]:
    """The smallest of a series of ranges about `inside` that leaves out less than `loss` of (1/D) exp(-int E'/D).

    Windows of doubling width are added on either side until what lies beyond, summed as a geometric series, is less
    than half the loss, or the density has fallen by e^40. Raises `NotNormalisable` where that never happens.
    """
    inner = _Inner.of(gradient, diffusion, inside, 1.0)
    left, whole = _end(inner, -1, loss, 1.0)
    right, _ = _end(inner, 1, loss, whole)
    return left, right


def line_end(gradient: Field, diffusion: Field, inside: tuple[float, float], side: int, *, loss: float = LOSS) -> float:
    """The end on one side, -1 or 1, of the domain of `line_domain`, whatever lies on the other."""
    return _end(_Inner.of(gradient, diffusion, inside, 1.0), side, loss, 1.0)[0]


def _end(inner: _Inner, side: int, loss: float, whole: float) -> tuple[float, float]:
    """The end on one side, and the mass up to there, `whole` being that of the domain before."""
    end, previous = inner.box[0] if side < 0 else inner.box[1], math.inf
    for tail in inner.beyond(side):
        ratio = tail.mass / previous
        beyond = tail.mass if tail.ended else tail.mass / (1.0 - ratio) if ratio < _HEAVIEST else math.inf
        if beyond <= 0.5 * loss * whole and (tail.ended or previous < math.inf or tail.mass <= 1e-3 * loss):
            return end, whole
        whole, previous, end = whole + tail.mass, tail.mass, tail.end
        if tail.ended:
            return end, whole
        if not whole < 1e300:
            break
    raise NotNormalisable(
        f"the probability does not end on the {'left' if side < 0 else 'right'}: the drift does not hold the walkers "
        "there, so no stationary law exists, or one with tails too heavy for a grid"
    )


@dataclass(frozen=True)
class _Inner:
    """The density in a range, from which it is carried on beyond: its largest logarithm, at both ends, and its mass."""

    gradient: Field
    diffusion: Field
    box: tuple[float, float]
    noise_exponent: float
    potential: tuple[float, float]
    log_mass: float
    top: float

    @classmethod
    def of(cls, gradient: Field, diffusion: Field, box: tuple[float, float], noise_exponent: float) -> _Inner:
        edges = np.linspace(*box, 4 * _WINDOW + 1)
        point, weight = panels.nodes(edges, ORDER[1])
        noise = evaluated(diffusion, point)
        potential, at_edges = panels.running_integral(evaluated(gradient, point) / noise, edges)
        log_density = -noise_exponent * np.log(noise) - potential
        top = float(log_density.max())
        mass = float(np.sum(np.exp(log_density - top) * weight))
        ends = float(at_edges[0]), float(at_edges[-1])
        return cls(gradient, diffusion, box, noise_exponent, ends, top + math.log(mass), top)

    def beyond(self, side: int) -> Iterator[_Tail]:
        """Windows of doubling width from the end on the left (-1) or right (+1)."""
        at, height = (self.box[0], self.potential[0]) if side < 0 else (self.box[1], self.potential[1])
        width, top = self.box[1] - self.box[0], self.top
        for _ in range(_WINDOWS):
            distance = np.linspace(0.0, width, _WINDOW + 1)
            point, weight = panels.nodes(distance, ORDER[1])
            with np.errstate(all="ignore"):
                noise = evaluated(self.diffusion, at + side * point)
                pull = side * evaluated(self.gradient, at + side * point) / noise
                sound = (np.isfinite(pull) & np.isfinite(noise) & (noise > 0.0)).all(axis=1)
            count = int(np.argmin(sound)) if not sound.all() else _WINDOW
            rise, at_edges = panels.running_integral(pull[:count], distance[: count + 1])
            log_density = -self.noise_exponent * np.log(noise[:count]) - height - rise
            highest = np.maximum(np.maximum.accumulate(log_density.max(axis=1)), top) if count else np.empty(0)
            gone = np.flatnonzero(log_density.max(axis=1) < highest - _NEVER) if count else np.empty(0, np.int64)
            top = float(highest[-1]) if count else top
            ended = count < _WINDOW or gone.size > 0
            count = int(gone[0]) if gone.size else count
            mass = np.sum(np.exp(np.minimum(log_density[:count] - self.log_mass, 700.0)) * weight[:count])
            at, height = at + side * float(distance[count]), height + float(at_edges[count])
            yield _Tail(at, float(mass), ended)
            if ended:
                return
            width *= 2.0
