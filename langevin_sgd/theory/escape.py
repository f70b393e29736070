"""Mean first-passage times: exact on a line, by finite volumes in the plane, and the laws of Kramers and Eyring.

dw = -grad E dt + sqrt(2 theta) dW, or with D(w) = eta c(w)/(2B) in place of theta (Ito). Escape is the first entry to
the neighbourhood of the far minimum, which takes about twice the time to the saddle. Times are those of the equation;
divide by eta for steps of SGD.

Sources: Gardiner, Handbook of Stochastic Methods, 5.2.7; Kramers, Physica 7, 284 (1940); Bovier, Eckhoff, Gayrard,
Klein, J. Eur. Math. Soc. 6, 399 (2004), for Eyring-Kramers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import native_array, real_array
from langevin_sgd.theory import panels
from langevin_sgd.theory.callables import evaluated
from langevin_sgd.theory.density import Field
from langevin_sgd.theory.finite_volumes import Diffusion, centres, discretise, factorise
from langevin_sgd.theory.occupancy import Interpretation, log_ito_density, positive_diffusion

Array = NDArray[np.float64]

_ORDER = 10
_FEWEST_CELLS, _MOST_CELLS = 50, 51_200
_AGREED = 1e-10


@dataclass(frozen=True)
class PassageTimes:
    """Mean first-passage time from every cell, `times` (cell, ...), zero in the target; `edges` of the cells.

    NaN in corners of the grid that the jumps of a very anisotropic diffusion do not reach.
    """

    edges: tuple[Array, ...]
    times: Array

    def at(self, start: ArrayLike) -> float:
        """The time from one point (d,), interpolated between midpoints of cells."""
        axes = tuple((edge[:-1] + edge[1:]) / 2.0 for edge in self.edges)
        point = np.atleast_1d(real_array(start, "the start", UserError))
        if any(not axis[0] <= x <= axis[-1] for axis, x in zip(axes, point, strict=True)):
            raise UserError(f"the start {np.array2string(point, precision=4)} lies outside the grid")
        time = float(scipy.interpolate.RegularGridInterpolator(axes, self.times)(point[None])[0])
        if math.isnan(time):
            raise UserError("the start lies in a corner of the grid that the noise does not reach; take a larger box")
        return time


def mean_first_passage_time_1d(
    gradient: Field,
    diffusion: Field | float,
    start: float,
    target: float,
    reflecting: float,
    *,
    interpretation: Interpretation = "ito",
) -> float:
    """T = int_start^target dy exp(Phi(y)) int_reflecting^y dz exp(-Phi(z))/D(z), Phi = int E'/D, exact to 1e-10.

    A wall reflects at `reflecting`, beyond `start` as seen from `target`; where the density there is negligible the
    place does not matter. `gradient` E' and `diffusion` D take points (n,). Stratonovich noise drifts by D'/2 more.
    Raises `UserError` for points out of order, D <= 0, or a time beyond 1e300.
    """
    if not (reflecting <= start <= target or target <= start <= reflecting):
        raise UserError(
            f"start {start:g} must lie between the reflecting wall {reflecting:g} and the target {target:g}"
        )
    side = 1.0 if target >= reflecting else -1.0

    def slope(x: Array) -> Array:
        return side * evaluated(gradient, side * x, "the gradient")

    def noise(x: Array) -> Array:
        value = evaluated(diffusion, side * x, "the diffusion") if callable(diffusion) else diffusion
        return np.broadcast_to(real_array(value, "the value", UserError), x.shape)

    ends = side * reflecting, side * start, side * target
    last, cells = math.nan, _FEWEST_CELLS
    while cells <= _MOST_CELLS:
        time = _double_integral(slope, noise, ends, cells, interpretation)
        if abs(time - last) <= _AGREED * time:
            return time
        last, cells = time, 2 * cells
    raise UserError(f"the mean first-passage time does not converge at {_MOST_CELLS} cells; give a smoother landscape")


def mean_first_passage_time(
    drift: Field, diffusion: Diffusion, edges: Sequence[ArrayLike], target: ArrayLike | Field
) -> PassageTimes:
    """Solve f . grad T + D : grad grad T = -1, T = 0 in the target, no flux through the ends of the grid; d = 1 or 2.

    `target` is a mask of cells (cell, ...), or a function of points (d, n) giving (n,). It begins at the midpoints
    of its outermost cells, so its boundary is known to half a cell, which matters little within the far basin. The
    operator is the adjoint of that of `fokker_planck.stationary`, with its arguments and errors; the times are of
    second order in the width of the cells, of fourth on a line.
    """
    grid = tuple(real_array(edge, "the edge", UserError) for edge in edges)
    shape = tuple(len(edge) - 1 for edge in grid)
    given = target(centres(grid)) if callable(target) else target
    inside = native_array(given, "the target", UserError).astype(bool).reshape(-1)
    if inside.size != math.prod(shape):
        raise ValueError(f"the target has {inside.size} cells, the grid {math.prod(shape)}")
    if not inside.any() or inside.all():
        raise UserError("the target of the escape holds no cell of the grid, or all of them; move or resize it")
    rates = discretise(drift, diffusion, grid)
    connected = rates.diagonal() < 0.0
    outside = np.flatnonzero(~inside & connected)
    times = np.where(inside, 0.0, np.nan)
    times[outside] = factorise(-scipy.sparse.csr_array(rates[outside][:, outside])).solve(np.ones(len(outside)))
    if not np.all(np.isfinite(times[outside])) or np.any(times[outside] < 0.0):
        raise UserError("the target is out of reach in double precision; raise the noise, or take a nearer target")
    return PassageTimes(grid, times.reshape(shape))


def kramers_time(curvature_minimum: float, curvature_saddle: float, barrier: float, thermal_energy: float) -> float:
    """2 pi/sqrt(E''_min |E''_saddle|) exp(dE/theta): mean time of first entry to the far basin's core, on a line.

    The leading term as theta/dE -> 0; corrections are of order theta/dE.
    """
    return eyring_kramers_time([[curvature_minimum]], [[curvature_saddle]], barrier, thermal_energy)


def eyring_kramers_time(
    hessian_minimum: ArrayLike, hessian_saddle: ArrayLike, barrier: float, thermal_energy: float
) -> float:
    """(2 pi/|lambda_-|) sqrt(|det H_saddle|/det H_min) exp(dE/theta), isotropic noise, one saddle, any dimension.

    lambda_- is the saddle's one negative eigenvalue. Raises `UserError` if the Hessians are not those of a minimum and
    of a saddle with one way down.
    """
    minimum = np.linalg.eigvalsh(np.atleast_2d(real_array(hessian_minimum, "the hessian minimum", UserError)))
    saddle = np.linalg.eigvalsh(np.atleast_2d(real_array(hessian_saddle, "the hessian saddle", UserError)))
    if minimum[0] <= 0.0:
        raise UserError(f"the Hessian of the minimum has eigenvalue {minimum[0]:.3g}; it must be positive definite")
    if not (saddle[0] < 0.0 and np.all(saddle[1:] > 0.0)):
        raise UserError("the Hessian of the saddle must have one negative eigenvalue and no zero one")
    if not thermal_energy > 0.0:
        raise UserError(f"thermal_energy: {thermal_energy:g} must be positive (it is T/2)")
    ratio = (np.log(np.abs(saddle)).sum() - np.log(minimum).sum()) / 2.0
    with np.errstate(over="ignore"):  # a time beyond double precision is infinite
        return float(2.0 * math.pi / -saddle[0] * np.exp(ratio + barrier / thermal_energy))


def _double_integral(
    slope: Field, noise: Field, ends: tuple[float, float, float], cells: int, interpretation: Interpretation
) -> float:
    wall, start, target = ends
    edges = np.union1d(np.linspace(wall, target, cells + 1), [start])
    log_density = log_ito_density(slope, noise, edges, interpretation=interpretation, order=_ORDER)
    point, weight = panels.nodes(edges, _ORDER)
    top = log_density.max()
    below, _ = panels.running_integral(np.exp(log_density - top), edges)
    beyond = edges[:-1] >= start
    log_outer = -log_density[beyond] - np.log(positive_diffusion(noise, point[beyond]))
    if not beyond.any():
        return 0.0
    highest = float(log_outer.max())
    if highest + top > 690.0:
        raise UserError("the mean first-passage time exceeds 1e300; raise the noise")
    integral = np.sum(weight[beyond] * np.exp(log_outer - highest) * below[beyond])
    return float(integral * math.exp(highest + top))
