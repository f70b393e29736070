"""The Langevin model of a config: a formula landscape through the integrator, all points of a scan in one launch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd import noise
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.drift_and_spread import displacement_summary, pooled
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.integrate import Integration, integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.resolution import Unresolved
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.laws import temperatures
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.langevin.config import LangevinEquation, LangevinModel
from langevin_sgd.observables.declared import column, columns, dataset
from langevin_sgd.observables.scanned import each_point, one_point
from langevin_sgd.observables.schedule import log_spaced_steps, time_coordinates
from langevin_sgd.observables.variable import joined
from langevin_sgd.progress import NullProgress
from langevin_sgd.storage import keeper
from langevin_sgd.storage.checkpoint import NoCheckpoint
from langevin_sgd.storage.keeper import Arrays, Keeper, Pace, part, prefixed

Point = tuple[LangevinModel, Sgd]

FIRST_UPDATES = 1 << 31  # of trajectories in the first segment, after which its length follows from the time it took
SLOW = 1 << 24  # updates of trajectories a second that any machine makes
BACKENDS = {"sdeint": "reference"}


def equation(model: LangevinEquation, sgd: Sgd) -> tuple[Expression, noise.Noise]:
    """The landscape and the noise of a model: b b^T = T I, or (eta/B) C with eta, B and the entries of C parameters."""
    potential = model.landscape
    landscape = Expression(potential.energy, potential.variables, dict(potential.parameters), potential.force)
    if model.noise is None:
        assert model.temperature is not None  # the config has either
        return landscape, noise.IsotropicNoise(model.temperature)
    return landscape, model.noise.of_equation(sgd, potential.parameters)


def run(points: Sequence[Point], context: Context) -> list[xr.Dataset | PointFailed] | xr.Dataset:
    """Integrate the model at every point of a scan (one point without), in one launch; the observables of all.

    dw = -grad E dt + b dW with the scheme and step of the config; with the defaults, SGD with Gaussian noise. Recorded
    at logarithmically spaced steps. Of several points, those whose positions leave the finite numbers are `PointFailed`
    and change nothing in the others; of one, it raises `Diverged`. Raises `UserError` for what the integrator refuses.
    After an interruption the same call goes on from the checkpoint, to the same bits.
    """
    points = list(points)
    model = points[0][0]
    numbers = context.numbers
    steps = log_spaced_steps(model.steps, model.record_times)
    pace, backend = Pace(first_segment(model, len(points))), ""
    at = Reached.beginning(len(points))
    with Keeper(context.checkpoint) as kept:
        if kept.saved:
            at = Reached.saved(kept.saved)
        launch: Callable[..., Integration] | None = None
        while at.step < model.steps and at.points.size:
            if launch is None:
                here = at.points.tolist()
                launch = _launch(
                    [points[i] for i in here], [numbers[i] for i in here], steps, scheme_of(points), context
                )
            try:
                segment = launch(steps=pace.next(model.steps - at.step), state=at.state)
            except (Diverged, Unresolved) as error:
                if len(points) == 1 or not error.points:
                    raise
                at, launch = at.without(error.points, model.replicas), None
                continue
            pace.done(segment.state.step - at.step)
            backend = str(segment.data.attrs["backend"])
            at = at.further(segment.state, _recorded(segment.data, at.points.size))
            if at.step < model.steps:
                kept.tell(at.arrays)
            context.progress.update(at.step, model.steps)
    lost = sorted(set(range(len(points))) - set(at.points.tolist()))
    failed = {i: alone(run, points[i], numbers[i], context) for i in lost}
    if not at.points.size:
        return [failed[i] for i in range(len(points))]
    attrs = {"backend": backend, "scheme": scheme_of(points)}
    data = _dataset([points[i] for i in at.points.tolist()], _joined(at.kept), steps, attrs)
    if not failed:
        return data
    done = iter(each_point(data))
    return [failed[i] if i in failed else next(done) for i in range(len(points))]


def first_segment(model: LangevinEquation, points: int) -> int:
    """Steps after which the length of a segment follows from the time it took; all of them where that is soon."""
    trajectories = points * model.replicas
    soon = int(keeper.SECONDS_A_SEGMENT * SLOW) // trajectories
    return max(soon, min(model.steps // 100, FIRST_UPDATES // trajectories))


def alone(
    function: Callable[[Any, Context], Sequence[xr.Dataset | PointFailed] | xr.Dataset],
    point: Any,
    number: int,
    context: Context,
) -> xr.Dataset | PointFailed:
    """What becomes of a point that was lost among others in a run of its own, which says what is wrong in its words."""
    quiet = replace(context, progress=NullProgress(), checkpoint=NoCheckpoint(), numbers=(number,))
    try:
        found = function([point], quiet)
    except (Diverged, UserError) as error:
        return PointFailed(error)
    return one_point(found, 0) if isinstance(found, xr.Dataset) else found[0]


@dataclass(frozen=True)
class Reached:
    """How far a launch has come: which of its points are left, where they stand, and what was recorded of them."""

    points: NDArray[np.int64]
    state: State | None = None
    kept: tuple[Arrays, ...] = ()

    @classmethod
    def beginning(cls, points: int) -> Reached:
        """Nothing done."""
        return cls(np.arange(points))

    @classmethod
    def saved(cls, arrays: Arrays) -> Reached:
        """Where `arrays` came from."""
        return cls(arrays["points"], State.from_arrays(part(arrays, "state")), (part(arrays, "kept"),))

    @property
    def step(self) -> int:
        """The steps done."""
        return 0 if self.state is None else self.state.step

    def without(self, lost: Sequence[int], replicas: int) -> Reached:
        """The same without points, given by their places among those that are left."""
        stay = np.setdiff1d(np.arange(self.points.size), lost)
        lanes = np.add.outer(stay * replicas, np.arange(replicas)).reshape(-1)
        state = None if self.state is None else self.state.subset(lanes)
        return Reached(self.points[stay], state, tuple({k: v[stay] for k, v in each.items()} for each in self.kept))

    def further(self, state: State, recorded: Arrays) -> Reached:
        """After one more segment."""
        return Reached(self.points, state, (*self.kept, recorded))

    def arrays(self) -> Arrays:
        """What `run` goes on from."""
        assert self.state is not None  # nothing is told before a segment is done
        kept = {**prefixed("state", self.state.arrays()), **prefixed("kept", _joined(self.kept))}
        return {**kept, "points": self.points, "step": np.array(self.step)}


def _launch(
    points: Sequence[Point], numbers: Sequence[int], record_steps: NDArray[np.int64], scheme: str, context: Context
) -> Callable[..., Integration]:
    """`integrate` for all points, given `steps` and `state`; formulas are read here, once for all segments."""
    model, sgd = points[0]
    landscape, own_noise = equation(model, sgd)
    tables = [point_parameters(*point, scheme) for point in points]
    start = np.repeat(np.array([point.start for point, _ in points]).T, model.replicas, axis=1)
    progress = context.progress
    return partial(
        integrate,
        landscape,
        own_noise,
        time_step=tables[0]["time_step"],
        trajectories=model.replicas,
        scheme=scheme,
        start=start,
        seed=context.seed,
        **of_points(tables, numbers),
        record=_record(model, record_steps),
        increments=model.increments,
        precision=model.precision,
        backend=BACKENDS.get(model.backend, model.backend),  # type: ignore[arg-type]
        device=context.device,
        until=model.steps,
        after_launch=lambda step: progress.update(step, model.steps),
    )


def of_points(tables: Sequence[Mapping[str, float]], numbers: Sequence[int]) -> dict[str, Any]:
    """What `integrate` is told of points with these parameters: those of all, those of each, and their numbers."""
    first = tables[0]
    varying = [name for name in first if any(table[name] != first[name] for table in tables)]
    fixed = {name: value for name, value in first.items() if name not in varying and name != "time_step"}
    if len(tables) == 1:
        return {"parameters": fixed, "point_numbers": numbers}
    # points that differ in their start alone have no parameter to scan
    scan = [{name: table[name] for name in varying or ["time_step"]} for table in tables]
    return {"parameters": fixed, "scan": scan, "point_numbers": numbers}


def scheme_of(points: Sequence[tuple[LangevinEquation, Sgd]]) -> str:
    """One for all points: the heavy ball if any has momentum; at momentum 0 it is the same map as Euler-Maruyama."""
    return points[0][0].scheme or ("heavy_ball" if any(sgd.momentum > 0 for _, sgd in points) else "euler_maruyama")


def point_parameters(model: LangevinEquation, sgd: Sgd, scheme: str) -> dict[str, float]:
    """Every number of one point that the kernel takes as a parameter."""
    of_landscape = dict(model.landscape.parameters)
    if model.noise is None:
        of_noise: dict[str, float | None] = {"temperature": model.temperature}
    else:
        of_noise = model.noise.numbers(sgd, of_landscape)
    step = sgd.learning_rate if model.time_step is None else model.time_step
    values = {**of_landscape, **of_noise, **scheme_parameters(model, sgd, scheme), "time_step": step}
    return {name: float(value) for name, value in values.items() if value is not None}


def scheme_parameters(model: LangevinEquation, sgd: Sgd, scheme: str) -> dict[str, float]:
    """Parameters of the scheme that the config gives: the momentum of the sgd and the model's friction."""
    given = {"momentum": sgd.momentum, "friction": model.friction}
    return {name: given[name] for name in SCHEMES[scheme].parameters if name in given}


def _record(model: LangevinModel, steps: NDArray[np.int64]) -> Record:
    return Record(
        steps=steps.tolist(),
        each=["energy", "squared_displacement", *model.potential.variables],
        histograms={name: (low, high, bins) for name, (low, high, bins) in model.histogram.items()},
        basins=dict(model.basins),
        first_passage=model.first_passage,
    )


def _recorded(data: xr.Dataset, points: int) -> Arrays:
    """What one segment recorded, as arrays with the point first and, but for first passages, the time last."""
    out: Arrays = {}
    for name, variable in data.data_vars.items():
        whole = variable if "point" in variable.dims else variable.expand_dims(point=points)
        last = [dim for dim in ("time",) if dim in whole.dims]
        out[str(name)] = whole.transpose("point", ..., *last).values
    return out


def _joined(parts: Sequence[Arrays]) -> Arrays:
    """Segments one after the other in time; of first passages the last word counts."""
    if len(parts) == 1:
        return parts[0]
    final = ("escape_step", "escape_time")
    return {
        name: parts[-1][name] if name in final else np.concatenate([part[name] for part in parts], axis=-1)
        for name in parts[0]
    }


def _dataset(points: Sequence[Point], kept: Arrays, steps: NDArray[np.int64], attrs: dict[str, str]) -> xr.Dataset:
    """The observables of all points, `point` first."""
    model = points[0][0]
    moved = np.stack([kept[name] - kept[name][:, :, :1] for name in model.potential.variables], axis=1)
    of_times = np.ascontiguousarray(np.moveaxis(moved, -1, 1))  # (point, time, coordinate, replica)
    step = column(sgd.learning_rate if own.time_step is None else own.time_step for own, sgd in points)
    momentum = column(sgd.momentum for _, sgd in points)
    parts: list[dict[str, ArrayLike]] = [
        {
            "energy": kept["energy"],
            "squared_displacement": kept["squared_displacement"],
            **pooled(displacement_summary(np.swapaxes(of_times, -1, -2))),
            **columns(run_with(*point) for point in points),
            "time_step": step,
        },
        of_temperature(points, momentum),
    ]
    times = time_coordinates(steps, learning_rate=step[:, None], momentum=momentum[:, None])
    coords = joined(times, {"replica": np.arange(model.replicas)})
    once: dict[str, ArrayLike] = {}
    if model.histogram:
        bins = model.histogram
        parts.append(
            {
                "histogram": np.stack([kept[f"{name}_histogram"] for name in bins], axis=1),
                "histogram_outside": np.stack([kept[f"{name}_outside"] for name in bins], axis=1),
            }
        )
        once["bin_edge"] = np.stack([np.linspace(low, high, count + 1) for low, high, count in bins.values()])
        coords = joined(coords, {"coordinate": np.array(list(bins)), "side": np.array(["below", "above"])})
    if model.basins:
        share = kept["occupancy"]
        error = np.sqrt(share * (1.0 - share) / max(model.replicas - 1, 1))
        parts.append({"occupancy": share, "occupancy_stderr": error})
        coords = joined(coords, {"basin": np.array(list(model.basins))})
    if model.first_passage is not None:
        parts.append({"escape_time": kept["escape_time"], "escape_step": kept["escape_step"]})
    noise_kind = "isotropic" if model.noise is None else model.noise.kind
    return dataset(
        *parts,
        once,
        coords=coords,
        declares=model.DECLARES,
        attrs={**attrs, "increments": model.increments, "noise": noise_kind},
        of_points=[*joined(*parts), "time", "effective_time"],
    )


def of_temperature(
    points: Sequence[tuple[LangevinEquation, Sgd]], momentum: NDArray[np.float64]
) -> dict[str, ArrayLike]:
    """The temperatures of all points, each (point,); none where C depends on the position."""
    given = [temperature(*point) for point in points]
    known = [value for value in given if value is not None]
    return temperatures.variables(np.array(known), momentum) if len(known) == len(points) else {}


def run_with(model: LangevinEquation, sgd: Sgd) -> dict[str, ArrayLike]:
    """The parameters of SGD that the equation has: eta and mu if its steps are SGD's, eta and B if its noise is."""
    steps, noise_of_minibatches = model.time_step is None, model.noise is not None
    values: dict[str, ArrayLike] = {"learning_rate": sgd.learning_rate} if steps or noise_of_minibatches else {}
    if noise_of_minibatches:
        values["batch_size"] = sgd.batch_size
    return {**values, "momentum": sgd.momentum} if steps else values


def temperature(model: LangevinEquation, sgd: Sgd) -> float | None:
    """T, or eta tr C/(d B); None where C depends on the position."""
    if model.noise is None:
        return model.temperature
    variance = model.noise.variance()
    return None if variance is None else sgd.learning_rate * variance / sgd.batch_size
