"""What the caller of `integrate` gave, checked and completed: landscape, parameter values and first state."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd import devices, machine_memory
from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.record import Quantities, Record
from langevin_sgd.integrators.scan_points import Grid
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.landscape import Landscape, OnTensors
from langevin_sgd.noise import Noise
from langevin_sgd.random_numbers.streams import Stream, normals
from langevin_sgd.real_array import real_array, real_number, whole_number

# Steps are counted in 64-bit integers, and in the random numbers' counter.
_MOST_STEPS = 1 << 53
_CELLS_OF_FLOAT32 = 1 << 24


def as_landscape(given: Any, backend: str, device: str) -> Landscape:
    """The landscape as a backend takes it. Raises `IntegrationError` for what is none."""
    if isinstance(given, Landscape):
        return given.on(backend, device)
    if not hasattr(given, "gradient_at"):
        raise IntegrationError(
            f"{given!r:.60} is no landscape; give an Expression, a Quadratic, a Tabulated or a TorchCallable"
        )
    return OnTensors(given)


def check_numbers(time_step: float, steps: int, trajectories: int, seed: int, threads: int | None) -> None:
    """Raise `IntegrationError` for a number out of its range."""
    step = real_number(time_step, "the time step", IntegrationError)
    if not (np.isfinite(step) and step > 0.0):
        raise IntegrationError(f"the time step must be a positive number, not {time_step}")
    for what, value, low, high in (
        ("steps", steps, 0, _MOST_STEPS),
        ("trajectories", trajectories, 1, 1 << 32),
        ("seed", seed, 0, (1 << 64) - 1),
        ("threads", 1 if threads is None else threads, 1, 1 << 16),
    ):
        if not low <= whole_number(value, what, IntegrationError) <= high:
            raise IntegrationError(f"{what} must lie between {low} and {high}, not {value!s:.40}")


def check_kinds(noise: Any, record: Any, parameters: Any, device: Any) -> None:
    """Raise `IntegrationError` or `UserError` for an argument that is no such thing at all."""
    if not hasattr(noise, "amplitude"):
        raise IntegrationError(f"{noise!r:.60} is no noise; give IsotropicNoise(temperature) or another of its kind")
    if not isinstance(record, Record):
        raise IntegrationError("record must be a Record; write record=Record(steps=[...], means=[...])")
    if not isinstance(parameters, Mapping):
        raise IntegrationError("parameters are given as {name: value or values}")
    devices.checked(device)


def check_memory(trajectories: int, rows: int, recorded: int, observed: Quantities, points: int) -> None:
    """Raise `IntegrationError` when the numbers to keep would not fit into the memory that is free."""
    counts = points * sum(bins for _, _, bins in observed.edges)
    size = 8 * (trajectories * (2 * rows + 6 + recorded * len(observed.each)) + recorded * counts)
    free = machine_memory.available()
    if size > free:
        raise IntegrationError(
            f"the run would keep {size / 1e9:.3g} GB, and {free / 1e9:.3g} GB of memory are free; take fewer "
            "trajectories, record fewer steps, or record means"
        )


def check_recorded(record: Record, end: int, until: int | None) -> None:
    """Raise `IntegrationError` for recorded steps that no part of the run reaches, which ends at `end` or `until`."""
    last = end if until is None else whole_number(until, "until", IntegrationError)
    if last < end:
        raise IntegrationError(f"until is step {last}, and this part of the run ends at step {end}; give {end} or more")
    beyond = next((step for step in record.steps if step > last), None)
    if beyond is not None:
        mend = "give more steps" if until is not None else f"give more steps, or until={record.steps[-1]} for a part"
        raise IntegrationError(f"recorded step {beyond} is beyond the end of the run, step {last}; {mend}")


def one_of(given: str, known: Iterable[str], what: str) -> None:
    """Raise `IntegrationError` when `given` is not one of the known names."""
    if not isinstance(given, str) or given not in known:
        raise IntegrationError(f"unknown {what} {given!r}; {nearest(str(given), known)}")


def nearest(given: str, known: Iterable[str]) -> str:
    """What to write in place of a name that nobody knows."""
    listed = list(known)
    near = difflib.get_close_matches(given, listed, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use {', '.join(listed) or 'none'}"


def parameter_values(
    landscape: Landscape,
    noise: Noise,
    chosen: Scheme,
    time_step: float,
    given: Mapping[str, ArrayLike],
    points: Grid,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Every parameter by name, and the names of those that differ between trajectories."""
    values = _declared(landscape, noise, chosen, float(time_step))
    total = points.points * points.replicas
    scanned = points.per_trajectory()
    for name in (*given, *scanned):
        one_of(name, values, "parameter")
        if name in given and name in scanned:
            raise IntegrationError(f"{name} is given as a parameter and scanned; leave one out")
    varying = list(scanned)
    for name, value in given.items():
        array = real_array(value, f"the parameter {name!r}", IntegrationError)
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


def _declared(landscape: Landscape, noise: Noise, chosen: Scheme, time_step: float) -> dict[str, Any]:
    """The parameters of all parts; a name that two of them use is one parameter and has one value."""
    values: dict[str, Any] = {}
    parts = (landscape.parameters, noise.parameters, chosen.parameters, {"time_step": time_step})
    owners = ("the landscape", "the noise", chosen.name, "the run")
    for owner, own in zip(owners, parts, strict=True):
        for name, value in own.items():
            if name in landscape.variables:
                raise IntegrationError(f"{name!r} is a coordinate and a parameter of {owner}; rename one")
            known = values.get(name)
            if value is not None and known is not None and value != known:
                raise IntegrationError(
                    f"the parameter {name!r} of {owner} is {value}, and elsewhere it is {known}; rename one"
                )
            values[name] = known if value is None else value
    return values


def beginning(chosen: Scheme, widths: Mapping[str, int], start: Any, seed: int, points: Grid) -> State:
    """The state at step 0: what `start` gives, zero for the rest, and a first draw for `previous_noise`."""
    numbers = points.numbers()
    given = dict(start) if isinstance(start, Mapping) else {} if start is None else {"position": start}
    unknown = [name for name in given if name not in chosen.state]
    if unknown:
        raise IntegrationError(f"{chosen.name} has no vector {unknown[0]!r}; it has {', '.join(chosen.state)}")
    vectors: dict[str, NDArray[Any]] = {}
    for name, width in widths.items():
        if name == "previous_noise" and name not in given:
            drawn = normals(seed, trajectories=numbers, steps=[0], components=width, stream=Stream.INITIAL_STATE)
            vectors[name] = np.ascontiguousarray(drawn[0].T)
            continue
        value = real_array(given.get(name, np.zeros(width)), f"the start of {name}", IntegrationError)
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


def check_force_with_steps(
    landscape: Landscape, noise: Noise, chosen: Scheme, increments: str, precision: str, *, force: bool
) -> None:
    """Raise `SchemeError` for a scheme or increments with which no walker crosses a tabulated potential rightly."""
    clash = set(noise.parameters) & set(landscape.constants)
    if clash:
        raise IntegrationError(f"{min(clash)!r} belongs to the table and is a parameter of the noise; rename one")
    if precision == "float32" and landscape.cells > _CELLS_OF_FLOAT32:
        raise IntegrationError(
            f"positions in float32 tell {_CELLS_OF_FLOAT32} cells apart, and the table has {landscape.cells}; take "
            "precision='mixed'"
        )
    if not chosen.euler_step:
        raise SchemeError(
            f"{chosen.name} needs a force without steps, and a tabulated potential has one at every site; use "
            "euler_maruyama"
        )
    if increments == "two_point" and not force:
        raise SchemeError(
            "two_point increments are wrong for crossing barriers, and a tabulated potential has nothing else; use "
            "gaussian or three_point, or force=True to see the error"
        )


def checked_state(given: Any, chosen: Scheme, widths: Mapping[str, int], trajectories: int, steps: int) -> State:
    """The state to go on from. Raises `IntegrationError` when it is none of this scheme, landscape and number."""
    if not isinstance(given, State):
        raise IntegrationError("state must be a State that integrate returned, or State.from_arrays of a stored one")
    if given.numbers.size != trajectories:
        raise IntegrationError(
            f"the state has {given.numbers.size} trajectories and the run {trajectories}; give as many"
        )
    for name, width in widths.items():
        if name not in given.vectors:
            raise IntegrationError(
                f"the state has no {name}, which {chosen.name} carries; go on with the scheme that made it"
            )
        if np.shape(given.vectors[name]) != (width, trajectories):
            raise IntegrationError(
                f"{name} of the state has shape {np.shape(given.vectors[name])}, and this landscape and noise need "
                f"({width}, {trajectories}); go on with those that made it"
            )
    if given.step + steps > _MOST_STEPS:
        raise IntegrationError(f"the run would end after step {_MOST_STEPS}; take fewer steps")
    return given
