"""`integrate`: run many copies of a Langevin equation, on any backend, and keep what was asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.integrators import increments as noise_increments
from langevin_sgd.integrators import schemes
from langevin_sgd.integrators.diffusion import Diffusion
from langevin_sgd.integrators.generate import lane_program, structure
from langevin_sgd.integrators.increments import Layout
from langevin_sgd.integrators.problem import Reductions, Run
from langevin_sgd.integrators.random_numbers import Stream, normals
from langevin_sgd.integrators.record import Record, quantities
from langevin_sgd.integrators.results import dataset
from langevin_sgd.integrators.scan_points import Grid, grid
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.expression import Expression

if TYPE_CHECKING:
    from langevin_sgd.landscapes.torch_callable import TorchCallable

Backend = Literal["auto", "fused", "batched", "reference"]
Precision = Literal["mixed", "float32"]


@dataclass(frozen=True)
class Integration:
    """What a run returns: the recorded quantities, and the state from which it can go on."""

    data: xr.Dataset
    state: State


def integrate(
    landscape: Expression | TorchCallable,
    noise: Diffusion,
    *,
    time_step: float,
    steps: int,
    trajectories: int = 1,
    scheme: str | Scheme = "euler_maruyama",
    start: ArrayLike | Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
    parameters: Mapping[str, ArrayLike] | None = None,
    scan: Mapping[str, ArrayLike] | None = None,
    record: Record | None = None,
    increments: str = "gaussian",
    precision: Precision = "mixed",
    backend: Backend = "auto",
    device: str = "auto",
    threads: int | None = None,
    state: State | None = None,
    after_launch: Callable[[int], None] | None = None,
    force: bool = False,
) -> Integration:
    """Integrate dw = -grad E dt + b(w) dW over `trajectories` independent copies for `steps` steps.

    `start`: position (d,) or (d, N) at step 0, zero if not given; or {vector: value} to give the scheme's other
    vectors too. `parameters`: values for any parameter of landscape, noise or scheme, a number or an array over the
    trajectories. `scan`: {parameter: values}; the grid of all combinations runs in one launch, `trajectories` copies a
    point, and the parameters become the leading dimensions of the result. `precision`: float64 state with float32
    noise ("mixed") or float32 throughout. `state`: go on from there, with the same bits as without the stop; steps and
    recorded steps count from the run's beginning, time is step x time_step. `after_launch(step)` is called about once
    a second.

    The noise of a trajectory depends on its number, the step and the seed alone. Raises `FormulaError`, `SchemeError`
    or `ValueError` for what does not fit, and `Diverged` when positions leave the finite numbers.
    """
    chosen = schemes.scheme(scheme)
    record = record or Record()
    _check_numbers(time_step, steps, trajectories, seed, scan)
    if increments not in noise_increments.KINDS:
        raise ValueError(f"unknown increments {increments!r}; use {', '.join(noise_increments.KINDS)}")
    kind = structure(landscape, noise) if isinstance(landscape, Expression) else "additive"
    chosen.check(kind, increments, force=force)
    if record.first_passage is not None and increments == "two_point" and not force:
        raise SchemeError(
            "two_point increments are wrong for first passage over a barrier; use gaussian or three_point, "
            "or force=True to see the error"
        )
    points = grid(scan, trajectories)
    values, varying = _parameter_values(landscape, noise, chosen, time_step, parameters or {}, points)
    if isinstance(landscape, Expression):
        observed = quantities(record, landscape, list(values))
        program = lane_program(landscape, noise, chosen, quantities=observed.expressions, target=observed.target)
    else:
        from langevin_sgd.integrators import callable_stepper

        observed = callable_stepper.callable_quantities(record)
        program = callable_stepper.callable_program(landscape, noise, chosen)
    layout = Layout(increments, len(program.draws))
    state_type = {"mixed": np.float64, "float32": np.float32}.get(precision)
    if state_type is None:
        raise ValueError(f"unknown precision {precision!r}; use mixed or float32")
    begin = state or _beginning(
        chosen, program.dimension, len(program.draws) // chosen.draws_per_step, start, seed, points
    )
    if begin.numbers.size != points.points * trajectories:
        raise ValueError(f"the state has {begin.numbers.size} trajectories, the run {points.points * trajectories}")
    recorded = np.array([s for s in record.steps if begin.step <= s <= begin.step + steps], np.int64)
    if state is not None:
        recorded = recorded[recorded > begin.step]  # recorded by the run that stopped there
    run = Run(
        landscape=landscape,
        diffusion=noise,
        program=program,
        layout=layout,
        quantities=observed,
        values=values,
        varying_names=varying,
        seed=seed,
        stream=int(Stream.LANGEVIN_NOISE),
        state=np.concatenate([np.array(begin.vectors[name], state_type, ndmin=2) for name in chosen.state]),
        start=np.ascontiguousarray(begin.start, state_type),
        numbers=np.ascontiguousarray(begin.numbers),
        passage=begin.passage.copy(),
        groups=np.repeat(np.arange(points.points), trajectories),
        begin=begin.step,
        end=begin.step + steps,
        record_steps=recorded,
        threads=threads or _cpus(),
    )
    name, reductions = _advance(run, chosen, backend, device, after_launch)
    data = dataset(run, reductions, record, points, landscape, time_step=values["time_step"])
    data.attrs |= {"backend": name, "scheme": chosen.name, "increments": increments, "precision": precision}
    return Integration(data, _ending(run, chosen))


def _advance(
    run: Run, scheme: Scheme, backend: Backend, device: str, after_launch: Callable[[int], None] | None
) -> tuple[str, Reductions]:
    if backend not in ("auto", "fused", "batched", "reference"):
        raise ValueError(f"unknown backend {backend!r}; use auto, fused, batched or reference")
    if backend == "reference":
        from langevin_sgd.integrators import reference

        return "sdeint", reference.run(run, scheme, after_launch)
    if not isinstance(run.landscape, Expression) and backend == "fused":
        raise SchemeError("a callable landscape has no source to compile; use backend='batched' or 'auto'")
    if backend == "batched" or not isinstance(run.landscape, Expression):
        from langevin_sgd.devices import resolve
        from langevin_sgd.integrators import batched_torch

        where = resolve(device)
        if isinstance(run.landscape, Expression):
            return f"batched on {where}", batched_torch.run(run, where, after_launch)
        from langevin_sgd.integrators.callable_stepper import CallableStepper

        make = partial(CallableStepper, run.landscape, run.diffusion, scheme)
        return f"batched on {where}", batched_torch.run(run, where, after_launch, make)
    if device.startswith("cuda"):
        from langevin_sgd.integrators import fused_gpu

        return f"fused on {device}", fused_gpu.run(run, device, after_launch)
    if device not in ("auto", "cpu"):
        raise UserError(f"device: unknown device {device!r}; use auto, cpu or cuda[:N]")
    from langevin_sgd.integrators import fused_cpu

    return "fused on cpu", fused_cpu.run(run, after_launch)


def _check_numbers(time_step: float, steps: int, trajectories: int, seed: int, scan: Any) -> None:
    if not (np.isfinite(time_step) and time_step > 0.0):
        raise ValueError(f"the time step must be a positive number, not {time_step}")
    if steps < 0 or trajectories < 1:
        raise ValueError(f"steps must be 0 or more and trajectories 1 or more, not {steps} and {trajectories}")
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed must lie in [0, 2^64), not {seed}")


def _parameter_values(
    landscape: Expression | TorchCallable,
    noise: Diffusion,
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
        if name not in values:
            raise ValueError(f"unknown parameter {name!r}; this run has {', '.join(values)}")
        if name in given and name in scanned:
            raise ValueError(f"{name} is given as a parameter and scanned; leave one out")
    varying = list(scanned)
    for name, value in given.items():
        array = np.asarray(value, dtype=np.float64)
        if array.ndim == 0:
            values[name] = float(array)
            continue
        if array.shape not in ((points.replicas,), (total,)):
            raise ValueError(
                f"{name} has shape {array.shape}; give a number or one value for each of {total} trajectories"
            )
        values[name] = np.tile(array, total // array.size)
        varying.append(name)
    values |= scanned
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ValueError(f"the parameter {missing[0]!r} has no value; give parameters={{{missing[0]!r}: ...}}")
    for name, value in values.items():
        if not np.isfinite(value).all():
            raise ValueError(f"the parameter {name!r} is not finite")
    if not np.all(np.asarray(values["time_step"]) > 0):
        raise ValueError("every time step must be positive")
    return values, tuple(varying)


def _beginning(chosen: Scheme, dimension: int, noises: int, start: Any, seed: int, points: Grid) -> State:
    numbers = points.numbers()
    given = dict(start) if isinstance(start, Mapping) else {} if start is None else {"position": start}
    unknown = set(given) - set(chosen.state)
    if unknown:
        raise ValueError(f"{chosen.name} has no vector {min(unknown)!r}; it has {', '.join(chosen.state)}")
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
            raise ValueError(
                f"the start of {name} has shape {value.shape}; give ({width},) or ({width}, {numbers.size})"
            )
        if not np.isfinite(value).all():
            raise ValueError(f"the start of {name} is not finite")
        vectors[name] = np.array(np.broadcast_to(value, (width, numbers.size)))
    return State(0, vectors, vectors["position"].copy(), numbers, np.full(numbers.size, -1, np.int64))


def _ending(run: Run, chosen: Scheme) -> State:
    d = run.program.dimension
    noises = len(run.program.draws) // chosen.draws_per_step
    vectors, at = {}, 0
    for name in chosen.state:
        width = noises if name == "previous_noise" else d
        vectors[name] = run.state[at : at + width]
        at += width
    return State(run.end, vectors, run.start, run.numbers, run.passage)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
