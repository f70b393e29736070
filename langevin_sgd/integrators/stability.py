"""Whether a step is stable where the curvature is the same everywhere: known before the first step is made.

A scheme's own rule, run on one mode of curvature k without noise, is a linear map of its state; the step is stable when
the map's eigenvalues lie inside the unit circle. No scheme states its limit a second time: time_step k < 2 for
Euler-Maruyama and 2 (1 + mu) for the heavy ball come out of their rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.scan_points import first_of_each_run
from langevin_sgd.integrators.schemes.scheme import Scheme

Array = NDArray[np.float64]

_MARGIN = 1e-12


class _Mode:
    """dw = -k w dt, what a rule sees of a mode without noise; every number (n, 1), the state (1, n, V)."""

    def __init__(self, curvature: Array, values: Mapping[str, Array]) -> None:
        self.curvature = curvature
        self.values = values
        self.time_step = values["time_step"]

    def parameter(self, name: str) -> Array:
        return self.values[name]

    def root(self, value: Any) -> Any:
        return np.sqrt(value)

    def exponential(self, value: Any) -> Any:
        return np.exp(value)

    def named(self, value: Array) -> Array:
        return value

    def drift(self, position: Array) -> Array:
        return -self.curvature * position

    def noise(self, position: Array, increment: Array) -> Array:
        return 0.0 * increment

    def noise_slope(self, position: Array, weights: Array) -> Array:
        return 0.0 * weights


def amplification(scheme: Scheme, curvature: ArrayLike, values: Mapping[str, ArrayLike]) -> Array:
    """Largest modulus among the eigenvalues of one step on a mode of that curvature, (n,); stable below 1.

    `curvature` and `values`, the time step and the scheme's own parameters, are numbers or arrays (n,).
    """
    names = ["time_step", *scheme.parameters]
    k, *given = (
        np.asarray(column, dtype=np.float64).reshape(-1, 1)
        for column in np.broadcast_arrays(curvature, *(values[name] for name in names))
    )
    size = len(scheme.state)
    unit = np.broadcast_to(np.eye(size)[:, None, None], (size, 1, len(k), size))
    after = scheme.after(
        _Mode(k, dict(zip(names, given, strict=True))),
        dict(zip(scheme.state, unit, strict=True)),
        (np.zeros((1, len(k), size)),) * scheme.draws_per_step,
    )
    steps = np.concatenate([after[name] for name in scheme.state])
    return np.asarray(np.abs(np.linalg.eigvals(np.moveaxis(steps, 1, 0))).max(axis=-1))


def largest_time_step(scheme: Scheme, curvature: float, values: Mapping[str, float]) -> float:
    """The limit of stability below the time step in `values`, 0 when every smaller step is unstable as well."""
    low, high = 0.0, values["time_step"]
    for _ in range(50):
        middle = (low + high) / 2
        stable = amplification(scheme, curvature, {**values, "time_step": middle})[0] < 1.0 - _MARGIN
        low, high = (middle, high) if stable else (low, middle)
    return low


def check_stable(scheme: Scheme, curvature: ArrayLike, values: Mapping[str, ArrayLike]) -> None:
    """Raise `IntegrationError` when the step is too long for the largest eigenvalue `curvature` of the Hessian.

    `curvature` and `values` are numbers or arrays over trajectories. Modes without curvature, or with a negative one,
    are no fault of the step.
    """
    names = ["time_step", *scheme.parameters]
    k, *given = _changes([curvature, *(values[name] for name in names)])
    step = given[0]
    # so short a step is stable in every scheme; a mode without curvature or with a negative one passes here too
    long = np.flatnonzero((step * k > 1e-6) | (step * np.sqrt(np.maximum(k, 0.0)) > 1e-3))
    factor = amplification(scheme, k[long], {name: column[long] for name, column in zip(names, given, strict=True)})
    unstable = long[~(factor < 1.0 - _MARGIN)]
    if not unstable.size:
        return
    worst = unstable[np.argmax((step * k)[unstable])]
    point = {name: float(column[worst]) for name, column in zip(names, given, strict=True)}
    limit = largest_time_step(scheme, float(k[worst]), point)
    own = "".join(f", {name} {point[name]:.4g}" for name in scheme.parameters)
    mend = f"take a time_step below {limit:.4g}" if limit > 0.0 else "no time_step is stable with this parameter"
    raise IntegrationError(
        f"{scheme.name} is unstable here: time_step {step[worst]:.4g} x largest curvature {k[worst]:.4g} = "
        f"{step[worst] * k[worst]:.4g}{own}; {mend}, or force=True to see it diverge"
    )


def _changes(columns: list[ArrayLike]) -> list[Array]:
    """The columns, broadcast, without entries that repeat the one before: a scan keeps one for each of its points."""
    whole = [np.atleast_1d(np.asarray(c, dtype=np.float64)) for c in np.broadcast_arrays(*columns)]
    first = first_of_each_run(whole)
    return [column[first] for column in whole]
