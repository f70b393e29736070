"""The Langevin model of a config: a formula landscape through the integrator, all points of a scan in one launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd import noise
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.estimators.drift_and_spread import displacement_summary, pooled
from langevin_sgd.integrators.integrate import Integration, integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.laws import temperatures
from langevin_sgd.models.context import Context
from langevin_sgd.models.langevin.config import LangevinEquation, LangevinModel
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import log_spaced_steps, time_coordinates
from langevin_sgd.observables.variable import joined
from langevin_sgd.progress import Progress
from langevin_sgd.storage.keeper import Arrays, Keeper, Pace, part, prefixed

Point = tuple[LangevinModel, Sgd]

FIRST_UPDATES = 1 << 31  # of trajectories in the first segment, after which its length follows from the time it took
BACKENDS = {"sdeint": "reference"}


def equation(model: LangevinEquation, sgd: Sgd) -> tuple[Expression, noise.Noise]:
    """The landscape and the noise of a model: b b^T = T I, or (eta/B) C with eta, B and the entries of C parameters."""
    potential = model.landscape
    landscape = Expression(potential.energy, potential.variables, dict(potential.parameters), potential.force)
    if model.noise is None:
        assert model.temperature is not None  # the config has either
        return landscape, noise.IsotropicNoise(model.temperature)
    return landscape, model.noise.of_equation(sgd, potential.parameters)


def run(points: Sequence[Point], context: Context) -> list[xr.Dataset]:
    """Integrate the model at every point of a scan (one point without), in one launch; the observables of each.

    dw = -grad E dt + b dW with the scheme and step of the config; with the defaults, SGD with Gaussian noise. Recorded
    at logarithmically spaced steps. Raises `Diverged` when positions leave the finite numbers and `UserError` for what
    the integrator refuses. After an interruption the same call goes on from the checkpoint, to the same bits.
    """
    model = points[0][0]
    steps = log_spaced_steps(model.steps, model.record_times)
    launch = _launch(points, steps, seed=context.seed, device=context.device, progress=context.progress)
    pace, done, backend = Pace(min(model.steps // 100, FIRST_UPDATES // (len(points) * model.replicas))), 0, ""
    state: State | None = None
    kept: tuple[Arrays, ...] = ()
    with Keeper(context.checkpoint) as keeper:
        if keeper.saved:
            state, kept = State.from_arrays(part(keeper.saved, "state")), (part(keeper.saved, "kept"),)
            done = state.step
        while done < model.steps:
            segment = launch(steps=pace.next(model.steps - done), state=state)
            pace.done(segment.state.step - done)
            state, backend = segment.state, str(segment.data.attrs["backend"])
            kept = (*kept, _recorded(segment.data, len(points)))
            done = state.step
            if done < model.steps:
                keeper.tell(partial(_kept, state, kept))
            context.progress.update(done, model.steps)
    joined = _joined(kept)
    attrs = {"backend": backend, "scheme": scheme_of(points)}
    return [_dataset(*point, {k: v[i] for k, v in joined.items()}, steps, attrs) for i, point in enumerate(points)]


def _kept(state: State, kept: Sequence[Arrays]) -> Arrays:
    """What `run` goes on from."""
    return {**prefixed("state", state.arrays()), **prefixed("kept", _joined(kept)), "step": np.array(state.step)}


def _launch(
    points: Sequence[Point], record_steps: NDArray[np.int64], *, seed: int, device: str, progress: Progress
) -> Callable[..., Integration]:
    """`integrate` for all points, given `steps` and `state`; formulas are read here, once for all segments."""
    model, sgd = points[0]
    landscape, own_noise = equation(model, sgd)
    scheme = scheme_of(points)
    tables = [point_parameters(*point, scheme) for point in points]
    varying = [name for name in tables[0] if any(table[name] != tables[0][name] for table in tables)]
    start = np.repeat(np.array([point.start for point, _ in points]).T, model.replicas, axis=1)
    fixed = {name: value for name, value in tables[0].items() if name not in varying and name != "time_step"}
    scanned = len(points) > 1
    return partial(
        integrate,
        landscape,
        own_noise,
        time_step=tables[0]["time_step"],
        trajectories=model.replicas,
        scheme=scheme,
        start=start,
        seed=seed,
        parameters=fixed,
        # points that differ in their start alone have no parameter to scan
        scan=[{name: table[name] for name in varying or ["time_step"]} for table in tables] if scanned else None,
        record=_record(model, record_steps),
        increments=model.increments,
        precision=model.precision,
        backend=BACKENDS.get(model.backend, model.backend),  # type: ignore[arg-type]
        device=device,
        after_launch=lambda step: progress.update(step, model.steps),
    )


def scheme_of(points: Sequence[tuple[LangevinEquation, Sgd]]) -> str:
    """One for all points: the heavy ball if any has momentum; at momentum 0 it is the same map as Euler-Maruyama."""
    return points[0][0].scheme or ("heavy_ball" if any(sgd.momentum > 0 for _, sgd in points) else "euler_maruyama")


def point_parameters(model: LangevinEquation, sgd: Sgd, scheme: str) -> dict[str, float]:
    """Every number of one point that the kernel takes as a parameter."""
    landscape, own_noise = equation(model, sgd)
    step = sgd.learning_rate if model.time_step is None else model.time_step
    values = {**landscape.parameters, **own_noise.parameters, **scheme_parameters(model, sgd, scheme)}
    return {name: float(value) for name, value in {**values, "time_step": step}.items() if value is not None}


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


def _dataset(
    model: LangevinModel, sgd: Sgd, kept: Arrays, steps: NDArray[np.int64], attrs: dict[str, str]
) -> xr.Dataset:
    """The observables of one point."""
    step = sgd.learning_rate if model.time_step is None else model.time_step
    names = model.potential.variables
    moved = np.stack([kept[name] - kept[name][:, :1] for name in names])  # (coordinate, replica, time)
    summaries = [displacement_summary(moved[:, :, t].T) for t in range(steps.size)]
    parts: list[dict[str, ArrayLike]] = [
        {
            "energy": kept["energy"],
            "squared_displacement": kept["squared_displacement"],
            **pooled(summaries),
            **run_with(model, sgd),
            "time_step": step,
        }
    ]
    coords = joined(
        time_coordinates(steps, learning_rate=step, momentum=sgd.momentum),
        {"replica": np.arange(model.replicas)},
    )
    given = temperature(model, sgd)
    if given is not None:
        parts.append(temperatures.variables(given, sgd.momentum))
    if model.histogram:
        parts.append(
            {
                "histogram": np.stack([kept[f"{name}_histogram"] for name in model.histogram]),
                "histogram_outside": np.stack([kept[f"{name}_outside"] for name in model.histogram]),
                "bin_edge": np.stack(
                    [np.linspace(low, high, bins + 1) for low, high, bins in model.histogram.values()]
                ),
            }
        )
        coords = joined(coords, {"coordinate": np.array(list(model.histogram)), "side": np.array(["below", "above"])})
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
        coords=coords,
        declares=model.DECLARES,
        attrs={**attrs, "increments": model.increments, "noise": noise_kind},
    )


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
