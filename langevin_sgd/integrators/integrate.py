"""`integrate`: run many copies of a Langevin equation, on any backend, and keep what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from langevin_sgd import out_of_memory
from langevin_sgd.cores import cores
from langevin_sgd.devices import place
from langevin_sgd.integrators import arguments, backends, schemes
from langevin_sgd.integrators.emitted_names import check_names_of_run
from langevin_sgd.integrators.finiteness import check_moments
from langevin_sgd.integrators.generate import is_generated
from langevin_sgd.integrators.problem import Problem
from langevin_sgd.integrators.program import program_of, program_of_run, structure_of
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.resolution import check_resolution
from langevin_sgd.integrators.results import dataset
from langevin_sgd.integrators.scan_points import Grid, Scan, grid
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError
from langevin_sgd.integrators.stability import check_stable
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.noise import Noise
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.random_numbers import increments as noise_increments
from langevin_sgd.random_numbers.increments import Kind, Layout
from langevin_sgd.random_numbers.streams import Stream

if TYPE_CHECKING:
    from langevin_sgd.landscapes.torch_callable import TensorLandscape

Precision = Literal["mixed", "float32"]

_STATE_TYPES: dict[str, type[np.floating[Any]]] = {"mixed": np.float64, "float32": np.float32}


@dataclass(frozen=True)
class Integration:
    """What a run returns: the recorded quantities, and the state from which it can go on."""

    data: xr.Dataset
    state: State


@one_blas_thread()
def integrate(
    landscape: Landscape | TensorLandscape,
    noise: Noise,
    *,
    time_step: float,
    steps: int,
    trajectories: int = 1,
    scheme: str | Scheme = "euler_maruyama",
    start: ArrayLike | Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
    parameters: Mapping[str, ArrayLike] | None = None,
    scan: Scan | None = None,
    point_numbers: Sequence[int] | None = None,
    record: Record | None = None,
    increments: Kind = "gaussian",
    precision: Precision = "mixed",
    backend: backends.Backend = "auto",
    device: str = "auto",
    threads: int | None = None,
    state: State | None = None,
    until: int | None = None,
    after_launch: Callable[[int], None] | None = None,
    force: bool = False,
) -> Integration:
    """Integrate dw = -grad E dt + b(w) dW over `trajectories` independent copies for `steps` steps.

    `start`: position (d,) or (d, N) at step 0, zero if not given; or {vector: value} to give the scheme's other
    vectors too. `parameters`: values for any parameter of landscape, noise or scheme, a number or an array over the
    trajectories. `scan`: {parameter: values}; the grid of all combinations runs in one launch, `trajectories` copies a
    point, and the parameters become the leading dimensions of the result; or a list of points {parameter: value},
    which become the leading dimension `point`. `point_numbers`: what tells the points apart in the random stream,
    0, 1, ... if not given; with the same number a point has the same bits in any scan. `precision`: float64 state with
    float32 noise ("mixed") or float32 throughout. `state`: go on from there, with the same bits as without the stop;
    steps and recorded steps count from the run's beginning, time is step x time_step. `until`: the step at which a run
    in several parts ends, if not with this part; a recorded step beyond it, or beyond the end of a run that gives none,
    is refused, and one that another part reaches is recorded there. `after_launch(step)` is called about once a second.

    The noise of a trajectory depends on its number, the step and the seed alone. A `Quadratic` of up to 16 coordinates
    becomes a formula in w1, w2, ..., a larger one runs batched. A `FourierPotential` runs batched, and with
    backend="fused" on CPUs in up to 4 coordinates w1, w2, ..., without its energy. Many walkers in each of many
    potentials of a `Tabulated`: scan={"disorder": range(n)}, a point each. A name that two of landscape, noise, scheme
    and run use is one parameter. `scheme="exact"` has no error at any time step on a quadratic landscape with constant
    noise. `force`: go on where a scheme, a kind of increments or a step is known to fail. Raises `UserError`
    (`FormulaError`, `NoiseError`, `SchemeError`, `IntegrationError`) for what does not fit, `OutOfMemory` with what to
    reduce if memory runs out, and `Diverged` when positions leave the finite numbers, as `NotFinite` when what is
    recorded or compared does at finite positions.
    """
    chosen = schemes.scheme(scheme)
    record = Record() if record is None else record
    parameters = {} if parameters is None else parameters
    arguments.check_kinds(noise, record, parameters, device)
    arguments.check_numbers(time_step, steps, trajectories, seed, threads)
    arguments.one_of(increments, noise_increments.KINDS, "increments")
    arguments.one_of(precision, _STATE_TYPES, "precision")
    arguments.one_of(backend, get_args(backends.Backend), "backend")
    landscape = arguments.as_landscape(landscape, backend, device)
    runs = backends.chosen(backend, landscape)
    placed = place(device, (runs.engine(landscape),))
    kind = structure_of(landscape, noise) if is_generated(landscape) else "additive"
    chosen.check(kind, increments, force=force)
    if record.first_passage is not None and increments == "two_point" and not force:
        raise SchemeError(
            "two_point increments are wrong for first passage over a barrier; use gaussian or three_point, "
            "or force=True to see the error"
        )
    if landscape.force_has_steps:
        arguments.check_force_with_steps(landscape, noise, chosen, increments, precision, force=force)
    points = grid(scan, trajectories, point_numbers)
    values, varying = arguments.parameter_values(landscape, noise, chosen, time_step, parameters, points)
    names = list(values)
    check_names_of_run(record, landscape.variables, names, points.names)
    if chosen.bind is not None:  # exact at every step, so stable at every step
        chosen, own = chosen.bind(landscape, noise, values, varying)
        values |= own
        varying += tuple(name for name, value in own.items() if np.ndim(value))
    elif not force:
        curvature = landscape.curvature_bound(values)
        if curvature is not None:
            check_stable(chosen, curvature, values)
    values |= landscape.constants
    names += landscape.constants
    if is_generated(landscape):
        observed, program = program_of_run(landscape, noise, chosen, record, names)
    else:
        from langevin_sgd.integrators import callable_stepper

        observed = callable_stepper.callable_quantities(record)
        program = program_of(callable_stepper.callable_program(landscape, noise, chosen))
    layout = Layout(increments, program.draws)
    state_type = _STATE_TYPES[precision]
    total = points.points * trajectories
    begun = state.step if isinstance(state, State) else 0
    looks = sum(begun <= step <= begun + steps for step in record.steps)  # those of other parts are not in it
    arguments.check_memory(total, sum(program.widths.values()), looks, observed, points.points)
    if state is None:
        begin = arguments.beginning(chosen, program.widths, start, seed, points)
        landscape.check_start(begin.vectors["position"])
    else:
        begin = arguments.checked_state(state, chosen, program.widths, total, steps)
    arguments.check_recorded(record, begin.step + steps, until)
    recorded = np.array([s for s in record.steps if begin.step <= s <= begin.step + steps], np.int64)
    if state is not None:
        recorded = recorded[recorded > begin.step]  # recorded by the run that stopped there
    run = Problem(
        landscape=landscape,
        noise=noise,
        program=program,
        layout=layout,
        quantities=observed,
        values=values,
        varying_names=varying,
        seed=int(seed),
        stream=int(Stream.LANGEVIN_NOISE),
        state=np.concatenate([np.array(begin.vectors[name], state_type, ndmin=2) for name in program.widths]),
        start=np.ascontiguousarray(begin.start, state_type),
        numbers=np.ascontiguousarray(begin.numbers),
        passage=begin.passage.copy(),
        groups=np.repeat(np.arange(points.points), trajectories),
        begin=begin.step,
        end=begin.step + steps,
        record_steps=recorded,
        threads=threads or cores(),
    )
    if not force and steps:
        check_resolution(run, run.begin)
    with out_of_memory.told(placed.device, _less(record, points)):
        name, reductions = runs.run(run, chosen, placed.device, after_launch)
    check_moments(run, reductions.moments)
    if not force and steps:
        check_resolution(run, run.end)
    data = dataset(run, reductions, record, points, landscape, time_step=values["time_step"])
    data.attrs |= {"backend": name, "scheme": chosen.name, "increments": increments, "precision": precision}
    return Integration(data, _ending(run))


def _less(record: Record, points: Grid) -> str:
    """What to reduce of a run that takes too much memory."""
    kept = ", or keep means and histograms of what each names" if record.each else ""
    scanned = ", fewer points of the scan at a time" if points.names else ""
    return f"take fewer trajectories than {points.points * points.replicas:,}{scanned}{kept}"


def _ending(run: Problem) -> State:
    vectors, at = {}, 0
    for name, width in run.program.widths.items():
        vectors[name] = run.state[at : at + width]
        at += width
    return State(run.end, vectors, run.start, run.numbers, run.passage)
