"""Processes in the plane whose stationary law and current are both known exactly.

dw = f dt + sqrt(2 D) dW with constant D. Linear, f = -A w: a Gaussian of covariance S with A S + S A^T = 2D and the
current J = (D S^-1 - A) w p. Otherwise f = -grad Phi + v with D = theta I: wherever div(v exp(-Phi/theta)) = 0,
p = exp(-Phi/theta)/Z is stationary, although J = v p is not zero. Two such v for Phi = (x^2 - 1)^2/4 + y^2/2:

- `rotated_well`: v = omega (-dPhi/dy, dPhi/dx), along the level lines; the same law at every theta, and the circulation
  omega <w . grad Phi> = 2 omega theta by the virial theorem, for any Phi;
- `swirling_well`: v = s exp((Phi - r^4/4)/theta) (-y, x), so that J = (s/Z) exp(-r^4/(4 theta)) (-y, x), circulation
  2 pi s theta/Z. At theta = 1 this is the example of Chaudhari and Soatto; s = 1.5 moves the zeros of the force far
  from the minima of Phi, which stay the likeliest places.

Of the linear process in steps of h, w <- w - h A w + sqrt(2 h D) xi as SGD makes them, the law is a Gaussian too
(`linear_steps`): S = (1 - h A) S (1 - h A)^T + 2 h D, the discrete Lyapunov equation.

Circulation is the mean of x dy - y dx per unit time, the integral of x J_y - y J_x. Source: Chaudhari and Soatto,
ICLR 2018, arXiv:1710.11029.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array, real_number
from langevin_sgd.theory import panels

Array = NDArray[np.float64]
Field = Callable[[Array], Array]

# For a config, in the variables x, y: the energy, and the force beside minus its gradient.
ENERGY = "(x**2 - 1)**2/4 + y**2/2"
ROTATION = ("-omega*y", "omega*x*(x**2 - 1)")
SWIRL = (
    "-s*y*exp((1 - 2*x**2 + 2*y**2 - 2*x**2*y**2 - y**4)/(4*theta))",
    "s*x*exp((1 - 2*x**2 + 2*y**2 - 2*x**2*y**2 - y**4)/(4*theta))",
)


@dataclass(frozen=True)
class ExactCurrent:
    """`drift` and `current` (2, ...) and `density` (...) of points (2, ...); D as `diffusion` (2, 2); `circulation`.

    `covariance` S (2, 2) is there where the density is a Gaussian.
    """

    drift: Field
    diffusion: Array
    density: Field
    current: Field
    circulation: float
    covariance: Array | None = None


def linear(relaxation: ArrayLike, diffusion: ArrayLike) -> ExactCurrent:
    """dw = -A w dt + sqrt(2 D) dW, `relaxation` A and `diffusion` D (2, 2); circulation (A S)_xy - (A S)_yx.

    For SGD A = H and D = eta C/(2B): no current if and only if H C = C H. Raises `UserError` unless A relaxes and D is
    positive definite.
    """
    a, d = real_array(relaxation, "the relaxation", UserError), real_array(diffusion, "the diffusion", UserError)
    if np.linalg.eigvals(a).real.min() <= 0.0 or np.linalg.eigvalsh(d).min() <= 0.0:
        raise UserError("a linear process needs a relaxing drift and positive definite noise to be stationary")
    return _gaussian(a, d, scipy.linalg.solve_continuous_lyapunov(a, 2.0 * d))


def linear_steps(relaxation: ArrayLike, diffusion: ArrayLike, time_step: float) -> ExactCurrent:
    """w <- w - h A w + sqrt(2 h D) xi with `time_step` h: exactly what steps of SGD do, nothing expanded in h.

    S solves the discrete Lyapunov equation. The angular momentum x dy - y dx of one step, dw = -h A w + noise of mean
    zero, is h times the circulation (A S)_xy - (A S)_yx on average, whatever h: the formula is that of the continuum,
    with another S. `current` is f p - D grad p with the density p of the steps, which has this circulation; its
    divergence vanishes as h does. With D = eta C/(2B) and h = eta these are the laws of with-replacement SGD.

    Raises `UserError` unless every eigenvalue of 1 - h A is below 1 in modulus and D is positive definite.
    """
    a, d = real_array(relaxation, "the relaxation", UserError), real_array(diffusion, "the diffusion", UserError)
    h = real_number(time_step, "the time step", UserError)
    step = np.eye(len(a)) - h * a
    largest = float(np.abs(np.linalg.eigvals(step)).max())
    if not h > 0.0 or np.linalg.eigvalsh(d).min() <= 0.0 or not largest < 1.0:
        raise UserError(
            f"linear steps need positive definite noise and a map 1 - h A that contracts, and its largest eigenvalue "
            f"is {largest:.4g} in modulus at h = {h:.4g}; take a shorter step"
        )
    return _gaussian(a, d, scipy.linalg.solve_discrete_lyapunov(step, 2.0 * h * d))


def _gaussian(a: Array, d: Array, covariance: Array) -> ExactCurrent:
    """The law of a linear process with this `covariance`."""
    inverse = np.linalg.inv(covariance)
    norm = 2.0 * math.pi * math.sqrt(np.linalg.det(covariance))

    def density(w: Array) -> Array:
        value: Array = np.exp(-np.einsum("i...,ij,j...->...", w, inverse, w) / 2.0) / norm
        return value

    def current(w: Array) -> Array:
        flow: Array = np.einsum("ij,j...->i...", d @ inverse - a, w) * density(w)
        return flow

    flow = a @ covariance
    return ExactCurrent(
        lambda w: -np.einsum("ij,j...->i...", a, w), d, density, current, float(flow[0, 1] - flow[1, 0]), covariance
    )


def rotated_well(thermal_energy: float, omega: float) -> ExactCurrent:
    """f = -grad Phi + omega (-dPhi/dy, dPhi/dx), with Phi = (x^2 - 1)^2/4 + y^2/2: circulation 2 omega theta."""

    def extra(w: Array) -> Array:
        slope = _gradient(w)
        return omega * np.stack([-slope[1], slope[0]])

    return _stirred(thermal_energy, extra, 2.0 * omega * thermal_energy)


def swirling_well(thermal_energy: float, strength: float) -> ExactCurrent:
    """f = -grad Phi + s exp((Phi - r^4/4)/theta) (-y, x), with s the `strength` and Phi as in `rotated_well`.

    Its circulation is 2 pi s theta/Z. At theta = 1 it is the example of Chaudhari and Soatto (2018).
    """

    def extra(w: Array) -> Array:
        speed = np.exp((_energy(w) - (w[0] ** 2 + w[1] ** 2) ** 2 / 4.0) / thermal_energy)
        force: Array = strength * speed * np.stack([-w[1], w[0]])
        return force

    return _stirred(thermal_energy, extra, 2.0 * math.pi * strength * thermal_energy / _normalisation(thermal_energy))


def _stirred(theta: float, extra: Field, circulation: float) -> ExactCurrent:
    norm = _normalisation(theta)

    def density(w: Array) -> Array:
        return np.exp(-_energy(w) / theta) / norm

    return ExactCurrent(
        drift=lambda w: extra(w) - _gradient(w),
        diffusion=theta * np.eye(2),
        density=density,
        current=lambda w: extra(w) * density(w),
        circulation=circulation,
    )


def _energy(w: Array) -> Array:
    energy: Array = (w[0] ** 2 - 1.0) ** 2 / 4.0 + w[1] ** 2 / 2.0
    return energy


def _gradient(w: Array) -> Array:
    return np.stack([w[0] * (w[0] ** 2 - 1.0), w[1]])


def _normalisation(theta: float) -> float:
    if not theta > 0.0:
        raise UserError(f"thermal_energy: {theta:g} must be positive (it is T/2)")
    reach = math.sqrt(1.0 + math.sqrt(160.0 * theta))
    x, weight = panels.nodes(np.linspace(-reach, reach, 401), 10)
    return float(np.sum(weight * np.exp(-((x**2 - 1.0) ** 2) / (4.0 * theta)))) * math.sqrt(2.0 * math.pi * theta)
