"""How much probability a basin holds: exact laws by quadrature, Laplace's, and the leading correction of a finite step.

dw = -grad E dt + sqrt(2 theta) dW has the stationary law exp(-E/theta), theta the `thermal_energy`. On a line the noise
may depend on the position: dw = -E' dt + sqrt(2 D(w)) dW with D = eta c(w)/(2B), c the variance of one per-sample
gradient. Lengths are the landscape's own, theta and D in energies (mobility one).

Sources: Gardiner, Handbook of Stochastic Methods, ch. 5; Li, Tai, E, ICML 2017, for the modified equation of SGD.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array, whole_array
from langevin_sgd.theory import domain, panels
from langevin_sgd.theory.callables import evaluated
from langevin_sgd.theory.density import (
    ORDER,
    Array,
    Box,
    Density,
    Field,
    Membership,
    basin_shares,
    cell_edges,
    cell_means,
    checked_thermal_energy,
    refuse_unbounded,
)

__all__ = [
    "Density",
    "Estimate",
    "cell_edges",
    "crossing_thermal_energy",
    "exact_occupancy",
    "finite_step_energy",
    "ito_density",
    "laplace_occupancy",
    "occupancy",
    "quadrature",
]

Interpretation = Literal["ito", "stratonovich"]

_CELLS = {1: 200, 2: 100, 3: 40}
_TOLERANCE = {1: 1e-10, 2: 1e-6, 3: 1e-4}
_NOISE_EXPONENT = {"ito": 1.0, "stratonovich": 0.5}


@dataclass(frozen=True)
class Estimate:
    """`values` (basin,) with `error` (basin,) from refining the grid of `cells` an axis."""

    values: Array
    error: Array
    cells: int


def quadrature(
    energy: Field,
    thermal_energy: float,
    box: Box,
    cells: int | Sequence[int] | None = None,
    *,
    breaks: Sequence[ArrayLike] = (),
    walls: bool = False,
) -> Density:
    """exp(-E/theta) in `box`, d <= 3, each cell integrated by Gauss-Legendre (10, 4, 3 nodes an axis for d = 1, 2, 3).

    `energy` takes points (d, ...) and returns (...). `breaks` (one list an axis) puts edges where basins meet. With
    `walls` the law is that of a process with walls at the ends of the box. Raises `UserError` for d > 3, theta <= 0, an
    energy that is not finite in the box, or, without walls, a box that leaves out more than `domain.LOSS`.
    """
    edges = cell_edges(box, cells or _CELLS.get(len(box), 0), breaks)
    mass = cell_means(energy, thermal_energy, edges)
    density = Density(edges, mass)
    if not walls:
        domain.refuse_loss(domain.boltzmann_loss(energy, thermal_energy, box))
    return Density(edges, mass / density.probabilities.sum())


def occupancy(density: Density, labels: ArrayLike, basins: int | None = None) -> Array:
    """Probability of every basin (basin,): `labels` (cell, ...) number them from 0; -1 belongs to none.

    The sum stays below one by what belongs to none. `basins` is the number of basins, by default the largest label + 1.
    """
    label = whole_array(labels, "the labels", UserError)
    if label.shape != density.values.shape:
        raise ValueError(f"labels have shape {label.shape}, the density {density.values.shape}")
    number = int(label.max(initial=-1)) + 1 if basins is None else basins
    inside = label >= 0
    return np.asarray(np.bincount(label[inside], density.probabilities[inside], minlength=number), dtype=np.float64)


def exact_occupancy(
    energy: Field,
    thermal_energy: float,
    box: Box,
    membership: Membership,
    basins: int,
    *,
    cells: int | None = None,
    breaks: Sequence[ArrayLike] = (),
    tolerance: float | None = None,
    walls: bool = False,
) -> Estimate:
    """Occupancy (basin,) under exp(-E/theta): cells where basins meet are halved until they hold less than `tolerance`.

    `membership` takes points (d, n) and returns labels (n,), -1 for none. `error` is what the cells hold that are still
    divided (a bound) plus the change from a grid of half as many `cells`; halving also stops at 2^22 nodes, before the
    tolerance (1e-10, 1e-6, 1e-4 for d = 1, 2, 3) is reached. `walls` and errors as `quadrature`.
    """
    number = cells or _CELLS.get(len(box), 0)
    shares = []
    for n in (number // 2, number):
        edges = cell_edges(box, n, breaks)
        enough = tolerance or _TOLERANCE.get(len(box), 0.0)
        shares.append(basin_shares(energy, thermal_energy, edges, membership, basins, enough))
    (coarse, _), (fine, divided) = shares
    if not walls:
        domain.refuse_loss(domain.boltzmann_loss(energy, thermal_energy, box))
    return Estimate(fine, np.abs(fine - coarse) + divided, number)


def ito_density(
    gradient: Field,
    diffusion: Field,
    box: Box | tuple[float, float],
    cells: int = 400,
    *,
    breaks: ArrayLike = (),
    interpretation: Interpretation = "ito",
    walls: bool = False,
) -> Density:
    """P ~ D^(a-1) exp(-int E'/D) on a line, a = 0 (Ito, which SGD is) or 1/2 (Stratonovich).

    `gradient` E' and `diffusion` D = eta c(w)/(2B) take points (n,). The stationary law of dw = -E' dt + sqrt(2 D) dW
    without current. `walls` as in `quadrature`. Raises `UserError` where D is not positive, and without walls for a box
    that leaves out more than `domain.LOSS`.
    """
    (edges,) = cell_edges([_line(box)], cells, [breaks])
    _, weight = panels.nodes(edges, ORDER[1])
    log_density = log_ito_density(gradient, diffusion, edges, interpretation=interpretation)
    mass = (np.exp(log_density - log_density.max()) * weight).sum(axis=1)
    refuse_unbounded(mass / np.diff(edges))
    if not walls:
        exponent = _NOISE_EXPONENT[interpretation]
        domain.refuse_loss(domain.line_loss(gradient, diffusion, _line(box), noise_exponent=exponent))
    return Density((edges,), mass / mass.sum() / np.diff(edges))


def log_ito_density(
    gradient: Field, diffusion: Field, edges: Array, *, interpretation: Interpretation = "ito", order: int = ORDER[1]
) -> Array:
    """(a-1) ln D - int E'/D at the Gauss-Legendre nodes of every cell, (cell, order), up to a constant."""
    if interpretation not in _NOISE_EXPONENT:
        raise UserError(f"interpretation: {interpretation!r} is not one of ito, stratonovich")
    point, _ = panels.nodes(edges, order)
    noise = positive_diffusion(diffusion, point)
    potential, _ = panels.running_integral(evaluated(gradient, point) / noise, edges)
    return -_NOISE_EXPONENT[interpretation] * np.log(noise) - potential


def positive_diffusion(diffusion: Field, points: Array) -> Array:
    """D at `points`, refused where it is not positive."""
    noise = evaluated(diffusion, points)
    if not np.all(noise > 0.0):
        worst = float(points[~(noise > 0.0)][0])
        raise UserError(
            f"the noise vanishes at {worst:.4g}, where the law of the line does not exist; add a floor to it"
        )
    return noise


def laplace_occupancy(
    energies: ArrayLike, hessians: ArrayLike, thermal_energy: float, *, learning_rate: float = 0.0
) -> Array:
    """P_a ~ exp(-E_a/theta - ln det(H_a)/2 - eta tr(H_a)/4), normalised, (basin,).

    `energies` (basin,), `hessians` (basin, d, d) at the minima. The last term is the leading effect of a finite step
    with isotropic Gaussian noise: sharp basins lose weight. Raises `UserError` if a Hessian is not positive definite.
    """
    traces = np.trace(real_array(hessians, "the hessians", UserError), axis1=-2, axis2=-1)
    exponent = -real_array(energies, "the energies", UserError) / checked_thermal_energy(thermal_energy)
    exponent = exponent - _log_determinants(hessians) / 2.0 - learning_rate * traces / 4.0
    weight = np.exp(exponent - exponent.max())
    occupied: Array = weight / weight.sum()
    return occupied


def crossing_thermal_energy(energies: ArrayLike, hessians: ArrayLike) -> float:
    """theta at which two basins weigh the same by Laplace: 2 (E_b - E_a)/(ln det H_a - ln det H_b).

    NaN if none does: the deeper basin is also the flatter one.
    """
    first, second = real_array(energies, "the energies", UserError)
    log_first, log_second = _log_determinants(hessians)
    if log_first == log_second:
        return math.nan
    theta = 2.0 * (second - first) / (log_first - log_second)
    return float(theta) if theta > 0.0 else math.nan


def finite_step_energy(
    energy: Field, gradient: Field, laplacian: Field, learning_rate: float, thermal_energy: float
) -> Callable[[Array], Array]:
    """U = E - (eta/4) |grad E|^2 + (eta theta/2) lap E, a function of points (d, ...).

    SGD with step eta and isotropic Gaussian noise has the law exp(-U/theta) to first order in eta at fixed theta.
    """

    def corrected(points: Array) -> Array:
        slope = np.sum(np.square(evaluated(gradient, points)), axis=0)
        curvature = evaluated(laplacian, points)
        shift: Array = learning_rate * (thermal_energy * curvature / 2.0 - slope / 4.0)
        return evaluated(energy, points) + shift

    return corrected


def _line(box: Box | tuple[float, float]) -> tuple[float, float]:
    low, high = real_array(box, "the box", UserError).reshape(-1)
    return float(low), float(high)


def _log_determinants(hessians: ArrayLike) -> Array:
    eigenvalues = np.linalg.eigvalsh(real_array(hessians, "the hessians", UserError))
    for basin, lowest in enumerate(eigenvalues.min(axis=-1)):
        if lowest <= 0.0:
            raise UserError(
                f"Laplace's law needs a positive definite Hessian; basin {basin} has eigenvalue {lowest:.3g}"
            )
    logarithm: Array = np.log(eigenvalues).sum(axis=-1)
    return logarithm
