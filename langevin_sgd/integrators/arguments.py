"""What the caller of `integrate` gave, checked and completed: landscape, parameter values and first state."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.integrators.integration_error import IntegrationError
from langevin_sgd.integrators.random_numbers import Stream, normals
from langevin_sgd.integrators.scan_points import Grid
from langevin_sgd.integrators.schemes.scheme import Scheme
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.expression import MAX_DIMENSION, Expression, quadratic
from langevin_sgd.landscapes.quadratic import Quadratic
from langevin_sgd.noise import Noise

if TYPE_CHECKING:
    from langevin_sgd.landscapes.torch_callable import TensorLandscape


def as_landscape(given: Expression | Quadratic | TensorLandscape) -> Expression | TensorLandscape:
    """A landscape that a backend takes: a `Quadratic` as a formula up to 16 coordinates and on tensors beyond."""
    if not isinstance(given, Quadratic):
        return given
    if given.dimension <= MAX_DIMENSION:
        hessian = given.hessian()
        return quadratic((hessian + hessian.T) / 2, given.minimum.tolist())
    from langevin_sgd.landscapes.torch_quadratic import TorchQuadratic

    return TorchQuadratic(given)


def check_numbers(time_step: float, steps: int, trajectories: int, seed: int) -> None:
    """Raise `IntegrationError` for a number out of its range."""
    if not (np.isfinite(time_step) and time_step > 0.0):
        raise IntegrationError(f"the time step must be a positive number, not {time_step}")
    if steps < 0 or trajectories < 1:
        raise IntegrationError(f"steps must be 0 or more and trajectories 1 or more, not {steps} and {trajectories}")
    if not 0 <= seed < 1 << 64:
        raise IntegrationError(f"seed must lie in [0, 2^64), not {seed}")


def one_of(given: str, known: Iterable[str], what: str) -> None:
    """Raise `IntegrationError` when `given` is not one of the known names."""
    if given not in known:
        raise IntegrationError(f"unknown {what} {given!r}; {nearest(given, known)}")


def nearest(given: str, known: Iterable[str]) -> str:
    """What to write in place of a name that nobody knows."""
    listed = list(known)
    near = difflib.get_close_matches(given, listed, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use {', '.join(listed) or 'none'}"


def parameter_values(
    landscape: Expression | TensorLandscape,
    noise: Noise,
    chosen: Scheme,
    time_step: float,
    given: Mapping[str, ArrayLike],
    points: Grid,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Every parameter by name, and the names of those that differ between trajectories."""
    values: dict[str, Any] = {**landscape.parameters, **noise.parameters, **chosen.parameters, "time_step": time_step}
    total = points.points * points.replicas
    scanned = points.per_trajectory()
    for name in (*given, *scanned):
        one_of(name, values, "parameter")
        if name in given and name in scanned:
            raise IntegrationError(f"{name} is given as a parameter and scanned; leave one out")
    varying = list(scanned)
    for name, value in given.items():
        array = np.asarray(value, dtype=np.float64)
        if array.ndim == 0:
            values[name] = float(array)
            continue
        if array.shape not in ((points.replicas,), (total,)):
            raise IntegrationError(
                f"{name} has shape {array.shape}; give a number or one value for each of {total} trajectories"
            )
        values[name] = np.tile(array, total // array.size)
        varying.append(name)
    values |= scanned
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise IntegrationError(f"the parameter {missing[0]!r} has no value; give parameters={{{missing[0]!r}: ...}}")
    for name, value in values.items():
        if not np.isfinite(value).all():
            raise IntegrationError(f"the parameter {name!r} is not finite; give a number")
    if not np.all(np.asarray(values["time_step"]) > 0):
        raise IntegrationError("every time step must be positive")
    return values, tuple(varying)


def beginning(chosen: Scheme, dimension: int, noises: int, start: Any, seed: int, points: Grid) -> State:
    """The state at step 0: what `start` gives, zero for the rest, and a first draw for `previous_noise`."""
    numbers = points.numbers()
    given = dict(start) if isinstance(start, Mapping) else {} if start is None else {"position": start}
    unknown = set(given) - set(chosen.state)
    if unknown:
        raise IntegrationError(f"{chosen.name} has no vector {min(unknown)!r}; it has {', '.join(chosen.state)}")
    vectors: dict[str, NDArray[Any]] = {}
    for name in chosen.state:
        width = noises if name == "previous_noise" else dimension
        if name == "previous_noise" and name not in given:
            drawn = normals(seed, trajectories=numbers, steps=[0], components=width, stream=Stream.INITIAL_STATE)
            vectors[name] = np.ascontiguousarray(drawn[0].T)
            continue
        value = np.asarray(given.get(name, np.zeros(width)), dtype=np.float64)
        value = value[:, None] if value.shape == (width,) else value
        if value.shape == (width, points.replicas):
            value = np.tile(value, points.points)
        if value.shape not in ((width, 1), (width, numbers.size)):
            raise IntegrationError(
                f"the start of {name} has shape {value.shape}; give ({width},) or ({width}, {numbers.size})"
            )
        if not np.isfinite(value).all():
            raise IntegrationError(f"the start of {name} is not finite; give numbers")
        vectors[name] = np.array(np.broadcast_to(value, (width, numbers.size)))
    return State(0, vectors, vectors["position"].copy(), numbers, np.full(numbers.size, -1, np.int64))
