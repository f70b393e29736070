"""The stationary Fokker-Planck equation in one and two dimensions: density, current, circulation, relaxation.

dw = f(w) dt + sqrt(2 D(w)) dW (Ito) has the current J_i = f_i p - d_j(D_ij p) with div J = 0 when stationary. The
discretisation is that of `finite_volumes`: second order, every probability positive, exact in one dimension and for
detailed balance at constant D. For SGD f = -grad E and D = eta C(w)/(2B); isotropic noise is D = theta I.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array
from langevin_sgd.theory.density import Density
from langevin_sgd.theory.finite_volumes import Diffusion, Field, centres, discretise, factorise

Array = NDArray[np.float64]

# The resolvent (eps - L)^-1 keeps every column dominant in rounding; eps in units of a typical rate of leaving a cell.
_RESOLVENT = 1e-13
_MOST_ITERATIONS = 60
_CONVERGED = 1e-12


@dataclass(frozen=True)
class Stationary:
    """`density` on the cells, `current` J (d, cell, ...) at their midpoints, density times velocity.

    `relaxation_time` 1/Re(lambda_2), of the slowest mode, if asked for.
    """

    density: Density
    current: Array
    relaxation_time: float | None = None

    @property
    def edges(self) -> tuple[Array, ...]:
        """Edges of the cells, one array an axis."""
        return self.density.edges

    def circulation(self, centre: Sequence[float] = (0.0, 0.0)) -> float:
        """Mean of x dy - y dx per unit time, positive anticlockwise: the integral of (x - xc) J_y - (y - yc) J_x."""
        return circulation(self, centre)


def stationary(
    drift: Field, diffusion: Diffusion, edges: Sequence[ArrayLike], *, relaxation: bool = False
) -> Stationary:
    """Solve div(f p - div(D p)) = 0 with no flux through the ends of the grid.

    `drift` takes points (d, n) and returns (d, n); `diffusion` is a number, a matrix (d, d), or a function of points
    that returns (n,) for isotropic noise or (d, d, n); `edges` d arrays of uniform cells, d = 1 or 2. `relaxation`
    adds the relaxation time at little cost. Raises `UserError` if D is not positive definite, or if the slowest mode
    relaxes too slowly for double precision (about 1e12 times slower than a walker leaves a cell).
    """
    grid = tuple(real_array(edge, "the edge", UserError) for edge in edges)
    rates = discretise(drift, diffusion, grid)
    shape = tuple(len(edge) - 1 for edge in grid)
    connected = np.flatnonzero(rates.diagonal() < 0.0)
    shift, solver = _resolvent(scipy.sparse.csr_array(rates[connected][:, connected]))
    occupied = _null_vector(shift, solver, len(connected))
    probability = np.zeros(rates.shape[0])
    probability[connected] = occupied
    volume = float(np.prod([edge[1] - edge[0] for edge in grid]))
    density = Density(grid, probability.reshape(shape) / volume)
    current = _current(rates, probability, centres(grid)) / volume
    time = _slowest(shift, solver, occupied) if relaxation else None
    return Stationary(density, current.reshape(len(grid), *shape), time)


def relaxation_time(drift: Field, diffusion: Diffusion, edges: Sequence[ArrayLike]) -> float:
    """1/Re(lambda_2): the time in which the slowest mode decays by e. Arguments and errors as `stationary`."""
    time = stationary(drift, diffusion, edges, relaxation=True).relaxation_time
    assert time is not None
    return time


def circulation(solution: Stationary, centre: Sequence[float] = (0.0, 0.0)) -> float:
    """Mean of x dy - y dx per unit time about `centre`, in two dimensions."""
    if solution.density.values.ndim != 2:
        raise UserError("circulation is defined in two dimensions")
    x, y = (axis - c for axis, c in zip(solution.density.points, centre, strict=True))
    volume = float(np.prod([edge[1] - edge[0] for edge in solution.edges]))
    return float(np.sum(x * solution.current[1] - y * solution.current[0]) * volume)


def _resolvent(rates: scipy.sparse.csr_array) -> tuple[float, scipy.sparse.linalg.SuperLU]:
    """eps and the factors of eps - L, L = transpose of the rates."""
    leaving = -rates.diagonal()
    shift = _RESOLVENT * float(np.median(leaving))
    return shift, factorise(shift * scipy.sparse.eye_array(rates.shape[0]) - rates.T)


def _null_vector(shift: float, solver: scipy.sparse.linalg.SuperLU, size: int) -> Array:
    """L p = 0 by inverse iteration; every solve sums positive terms, so p stays positive."""
    probability = np.full(size, 1.0 / size)
    for _ in range(_MOST_ITERATIONS):
        following: Array = solver.solve(probability)
        following /= following.sum()
        change = float(np.abs(following - probability).sum())
        probability = following
        if change < _CONVERGED:
            return probability
    raise UserError(
        "the stationary Fokker-Planck equation does not converge: its slowest mode relaxes too slowly for double "
        "precision; raise the noise"
    )


def _slowest(shift: float, solver: scipy.sparse.linalg.SuperLU, probability: Array) -> float:
    """1/Re(lambda_2) by Arnoldi on the resolvent, restricted to vectors of sum zero."""

    def restricted(vector: Array) -> Array:
        image: Array = solver.solve(np.ravel(vector))
        image -= probability * image.sum()
        return image

    size = len(probability)
    operator = scipy.sparse.linalg.LinearOperator((size, size), matvec=restricted, dtype=np.float64)
    start = np.sin(np.arange(size) * 12.9898) * np.sqrt(probability)
    start -= probability * start.sum()
    found = scipy.sparse.linalg.eigs(operator, k=3, which="LM", v0=start, return_eigenvectors=False, tol=1e-10)
    rate = float(np.min((1.0 / found - shift).real))
    return 1.0 / rate if rate > 0.0 else math.inf


def _current(rates: scipy.sparse.csr_array, probability: Array, points: Array) -> Array:
    """Sum of displacement times probability flow over all jumps, shared half and half between the cells they join."""
    jumps = rates.tocoo()
    origin, target = jumps.coords
    flow = jumps.data * probability[origin] / 2.0
    size = len(probability)
    current = np.empty_like(points)
    for axis, position in enumerate(points):
        carried = flow * (position[target] - position[origin])
        current[axis] = np.bincount(origin, carried, size) + np.bincount(target, carried, size)
    return current
