"""The exact law of one step of dw = -(H w + g) dt + b dW, at every parameter point of a run.

With H = V diag(k) V^T, C = V^T b b^T V and phi(x) = (1 - exp(-x))/x, phi(0) = 1, the position a time h later is
Gaussian (Uhlenbeck and Ornstein 1930; Doob 1942):

    mean w + V (exp(-k h) - 1) V^T w - h V phi(k h) V^T g,      covariance V [h phi((k_i + k_j) h) C_ij] V^T.

Flat and negative curvatures are no exception: the law of a finite time needs no stationary state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from langevin_sgd.integrators.jumps import covariance_root
from langevin_sgd.integrators.scan_points import first_of_each_run
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import symbol
from langevin_sgd.noise import Noise

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearStep:
    """w <- w + move w + shift + kick xi: `move` and `kick` (P, d, d), `shift` (P, d), at P parameter points."""

    move: Array
    shift: Array
    kick: Array


def linear_step(hessian: Array, slope: Array, covariance: Array, time: Array) -> LinearStep:
    """From H (P, d, d), g (P, d), b b^T (P, d, d) and h (P,)."""
    k, v = np.linalg.eigh(hessian)
    back = np.swapaxes(v, -1, -2)
    h = time[:, None]
    move = v * np.expm1(-k * h)[:, None, :] @ back
    shift = -h * np.einsum("pik,pk,pjk,pj->pi", v, _phi(k * h), v, slope)
    spread = _phi((k[:, :, None] + k[:, None, :]) * h[:, :, None]) * h[:, :, None]
    return LinearStep(move, shift, covariance_root(v @ (spread * (back @ covariance @ v)) @ back))


def at_points(
    landscape: Expression, noise: Noise, values: Mapping[str, Any], varying: Sequence[str]
) -> tuple[LinearStep, NDArray[np.int64]]:
    """The step of a quadratic formula at each distinct point, and for each trajectory the number of its point.

    `values`: every parameter, a number or, for the names in `varying`, an array over trajectories.
    """
    columns = [np.asarray(values[name], dtype=np.float64) for name in varying] or [np.zeros(1)]
    first = first_of_each_run(columns)
    count = int(first.sum())
    here = {name: np.broadcast_to(value, first.shape)[first] for name, value in values.items()}
    own = {name: here[name] for name in landscape.parameters}
    origin = np.zeros((landscape.dimension, count))
    hessian = np.moveaxis(landscape.hessian_at(origin, **own), -1, 0)
    slope = np.moveaxis(landscape.gradient_at(origin, **own), -1, 0)
    names = list(noise.parameters)
    entries = noise.amplitude(landscape.coordinates).tolist()
    amplitude = sympy.lambdify([symbol(name) for name in names], entries, "numpy", dummify=True)
    with np.errstate(invalid="ignore"):  # the root of a negative temperature is reported by the caller
        rows = amplitude(*(here[name] for name in names))
    b = np.stack([np.stack([np.broadcast_to(entry, count) for entry in row], axis=-1) for row in rows], axis=-2)
    step = linear_step(hessian, slope, b @ np.swapaxes(b, -1, -2), here["time_step"])
    return step, np.cumsum(first) - 1


def _phi(x: Array) -> Array:
    return np.divide(-np.expm1(-x), x, out=np.ones_like(x), where=x != 0.0)
