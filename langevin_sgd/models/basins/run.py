"""The basins model of a config: replicas from opposite basins, where they are and how long they take to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.integrate import Integration, integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes import basins as landscape_basins
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.laws import temperatures
from langevin_sgd.models.basins import record as basins_record
from langevin_sgd.models.basins.config import BasinsModel
from langevin_sgd.models.basins.domain import known_box, law_box
from langevin_sgd.models.basins.process import Process, core_condition, core_numbers
from langevin_sgd.models.basins.record import Arrays, Cores, Observer
from langevin_sgd.models.context import Context
from langevin_sgd.models.langevin import run as langevin
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import log_spaced_steps, time_coordinates
from langevin_sgd.observables.variable import joined
from langevin_sgd.progress import Progress
from langevin_sgd.storage.keeper import Keeper, Pace, part, prefixed

Array = NDArray[np.float64]
Point = tuple[BasinsModel, Sgd]

_MOST_NUMBERS = 1 << 24  # recorded in one segment
_WIDEST = 5.0  # half-width in which minima are looked for
_SEEN = 14.0  # thermal energies above the minimum up to which the density is shown
_UNSEEN = 1e-5  # share of the walkers that its cells may leave out; they count in the norm


@dataclass(frozen=True)
class Prepared:
    """One point of a scan, ready to run: its process, where replicas begin and what is looked at."""

    model: BasinsModel
    sgd: Sgd
    process: Process
    starts: tuple[str, ...]
    positions: Array
    observer: Observer


def run(points: Sequence[Point], context: Context) -> list[xr.Dataset]:
    """Integrate all points of a scan in one launch, equal parts of the replicas from every start; their observables.

    Positions are looked at along the run at logarithmically spaced steps, for occupancy against time, and at `samples`
    equally spaced steps of the window, for time averages, density and current; only counts are kept. Raises `Diverged`,
    and `UserError` for a landscape without the basins asked for. After an interruption the same call goes on from
    the checkpoint, to the same bits.
    """
    scheme = langevin.scheme_of(points)
    ready = [prepare(*point, scheme) for point in points]
    if any(one.observer.basins.labels != ready[0].observer.basins.labels for one in ready):
        raise UserError("the points of the scan have different basins; give basins: {LABEL: CONDITION}")
    model = points[0][0]
    steps = log_spaced_steps(model.steps, model.record_times)
    window = _window(model)
    together = np.union1d(steps, window)
    launch = _launch(ready, together, scheme, seed=context.seed, device=context.device, progress=context.progress)
    most = max(1, _MOST_NUMBERS // (len(points) * model.replicas * len(ready[0].observer.recorded)))
    pace, done, backend = Pace(min(model.steps // 100, langevin.FIRST_UPDATES // (len(points) * model.replicas))), 0, ""
    state: State | None = None
    counted = tuple((one.observer.empty(), _no_times(one)) for one in ready)
    passage: Arrays = {}
    with Keeper(context.checkpoint) as keeper:
        if saved := keeper.saved:
            state = State.from_arrays(part(saved, "state"))
            counted = tuple((part(saved, f"sums{i}"), saved[f"counts{i}"]) for i in range(len(ready)))
            done = state.step
        while done < model.steps:
            ahead = together[together > done]
            length = pace.next(int(ahead[min(most, ahead.size) - 1]) - done)
            segment = launch(steps=length, state=state)
            pace.done(length)
            at = segment.data["step"].values
            here, in_window = np.isin(at, steps), np.isin(at, window)
            observed = [
                (*one.observer.add(sums, _positions(one, segment.data, i), in_window), counts)
                for i, (one, (sums, counts)) in enumerate(zip(ready, counted, strict=True))
            ]
            counted = tuple(
                (sums, np.concatenate([counts, by_start[..., here]], axis=-1)) for sums, by_start, counts in observed
            )
            state, backend = segment.state, str(segment.data.attrs["backend"])
            done = state.step
            passage = {
                name: _by_point(segment.data[name]) for name in ("escape_step", "escape_time") if name in segment.data
            }
            if done < model.steps:
                keeper.tell(partial(_kept, state, counted))
            context.progress.update(done, model.steps)
    attrs = {"backend": backend, "scheme": scheme, "increments": model.increments}
    return [
        _dataset(one, sums, counts, {name: values[i] for name, values in passage.items()}, steps, attrs)
        for i, (one, (sums, counts)) in enumerate(zip(ready, counted, strict=True))
    ]


def _no_times(one: Prepared) -> NDArray[np.int64]:
    return np.empty((one.observer.starts, len(one.observer.basins.labels), 0), np.int64)


_Counted = tuple[Arrays, NDArray[np.int64]]
"""The sums over the window, and how many replicas of each start were in each basin (start, basin, time)."""


def _kept(state: State, counted: Sequence[_Counted]) -> Arrays:
    """What `run` goes on from."""
    kept = {**prefixed("state", state.arrays()), "step": np.array(state.step)}
    for i, (sums, counts) in enumerate(counted):
        kept |= {**prefixed(f"sums{i}", sums), f"counts{i}": counts}
    return kept


def _window(model: BasinsModel) -> NDArray[np.int64]:
    """The equally spaced steps at which positions are looked at, the last step among them."""
    first = model.first_of_window
    return np.unique(np.rint(np.linspace(first, model.steps, model.samples + 1)).astype(np.int64)[1:])


def process_of(model: BasinsModel, sgd: Sgd, scheme: str) -> Process:
    """The process of one point. Raises `UserError` for a landscape without the basins asked for."""
    landscape, own_noise = langevin.equation(model, sgd)
    box = model.box or ((-_WIDEST, _WIDEST),) * landscape.dimension
    labels = model.labels or (model.known_labels() if not model.basins else ())
    parameters, regions = tuple(landscape.parameters.items()), tuple(model.regions().items())
    found = _basins(_Sought(landscape.formula, tuple(landscape.variables), parameters, regions, labels, box, landscape))
    table = langevin.point_parameters(model, sgd, scheme)
    target = core_condition(model, landscape.variables)
    core = core_numbers(model, found)
    return Process(model, sgd, landscape, own_noise, found, scheme, table["time_step"], target, core)


@dataclass(frozen=True)
class _Sought:
    """What decides which basins are found."""

    formula: str
    variables: tuple[str, ...]
    parameters: tuple[tuple[str, float | None], ...]
    regions: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]
    box: tuple[tuple[float, float], ...]
    landscape: Expression = field(compare=False)


@lru_cache(maxsize=1024)  # most scans change the noise alone, and the laws are told the same again
def _basins(sought: _Sought) -> landscape_basins.Basins:
    return landscape_basins.find(sought.landscape, regions=dict(sought.regions), labels=sought.labels, box=sought.box)


def prepare(model: BasinsModel, sgd: Sgd, scheme: str) -> Prepared:
    """One point, ready to run."""
    process = process_of(model, sgd, scheme)
    landscape, found, target = process.landscape, process.basins, process.target
    starts = (model.escape.origin,) if model.escape else model.start_in or found.labels
    if model.replicas % len(starts):
        raise UserError(f"replicas must share out evenly to {len(starts)} starts; give a multiple of {len(starts)}")
    positions = np.array([model.start.get(label, found.minima[found.number(label)]) for label in starts], float)
    missing = [label for label, position in zip(starts, positions, strict=True) if not np.isfinite(position).all()]
    if missing:
        raise UserError(f"no minimum was found in the basin {missing[0]}; give start: {{{missing[0]}: [...]}}")
    inside = found.membership(positions.T)
    for label, own in zip(starts, inside, strict=True):
        if own < 0 or found.labels[own] != label:
            raise UserError(f"the start in {label} lies outside that basin; give start: {{{label}: [...]}}")
    if target is not None and process.reached(positions.T).any():
        raise UserError(f"the start in {starts[0]} lies in the core of the escape already; give escape core another")
    groups = np.repeat(np.arange(len(starts)), model.replicas // len(starts))
    edges = _edges(process, model.cells)
    observer = Observer(
        landscape, process.drift, found, _recorded(model, landscape), groups, len(starts), edges, cores_of(process)
    )
    return Prepared(model, sgd, process, starts, positions, observer)


def _edges(process: Process, cells: int) -> tuple[Array, ...]:
    """Cells of the density, none above two dimensions or where an escape is measured."""
    if process.landscape.dimension > 2 or process.target is not None:
        return ()
    finite = np.isfinite(process.thermal_energy)  # noise that is none at the minima is refused here
    try:
        box = law_box(process, _SEEN, loss=_UNSEEN) if finite else known_box(process)
    except UserError:  # walkers that no law holds are looked at all the same, about the minima
        box = known_box(process)
    return tuple(np.linspace(low, high, cells + 1) for low, high in box)


def _recorded(model: BasinsModel, landscape: Expression) -> tuple[int, ...]:
    """Places of the coordinates that the basins depend on, all of them in up to two dimensions."""
    if landscape.dimension <= 2:
        return tuple(range(landscape.dimension))
    from langevin_sgd.landscapes.condition import parse_condition

    names = [*landscape.variables, *landscape.parameters]
    used = {s.name for text in model.regions().values() for s in parse_condition(text, names).free_symbols}
    return tuple(i for i, name in enumerate(landscape.variables) if name in used)


def cores_of(process: Process) -> Cores | None:
    """Half the way up to the lowest saddle out of every basin; None where that is unknown or rarely visited."""
    found = process.basins
    if process.landscape.dimension > 2 or not np.isfinite(found.minima).all():
        return None
    heights = np.full(len(found.labels), np.nan)
    for basin in range(len(found.labels)):
        ways = [s.energy for s in found.saddles if basin in (s.first, s.second)]
        heights[basin] = min(ways, default=np.nan)
    return Cores((found.energies + heights) / 2.0) if np.isfinite(heights).all() else None


def _launch(
    ready: Sequence[Prepared],
    record_steps: NDArray[np.int64],
    scheme: str,
    *,
    seed: int,
    device: str,
    progress: Progress,
) -> Callable[..., Integration]:
    """`integrate` for all points, given `steps` and `state`; formulas are read here, once for all segments."""
    model = ready[0].model
    landscape, own_noise = langevin.equation(model, ready[0].sgd)
    landscape = replace(landscape, parameters={**landscape.parameters, **ready[0].process.target_values})
    tables = [{**langevin.point_parameters(one.model, one.sgd, scheme), **one.process.target_values} for one in ready]
    varying = [name for name in tables[0] if any(table[name] != tables[0][name] for table in tables)]
    fixed = {name: value for name, value in tables[0].items() if name not in varying and name != "time_step"}
    starts = [np.repeat(one.positions, model.replicas // len(one.starts), axis=0).T for one in ready]
    return partial(
        integrate,
        landscape,
        own_noise,
        time_step=tables[0]["time_step"],
        trajectories=model.replicas,
        scheme=scheme,
        start=np.concatenate(starts, axis=1),
        seed=seed,
        parameters=fixed,
        scan=[{n: table[n] for n in varying or ["time_step"]} for table in tables] if len(ready) > 1 else None,
        record=Record(
            steps=record_steps.tolist(),
            each=[landscape.variables[i] for i in ready[0].observer.recorded],
            # counted here once more for the sake of what is no number: the run then ends and says where
            means=["energy"],
            basins=model.regions() if all(one.model.regions() == model.regions() for one in ready) else {},
            first_passage=ready[0].process.target,
        ),
        increments=model.increments,
        precision=model.precision,
        backend=langevin.BACKENDS.get(model.backend, model.backend),  # type: ignore[arg-type]
        device=device,
        after_launch=lambda step: progress.update(step, model.steps),
    )


def _by_point(variable: xr.DataArray) -> NDArray[Any]:
    return variable.values if "point" in variable.dims else variable.values[None]


def _positions(one: Prepared, data: xr.Dataset, point: int) -> Array:
    """Recorded coordinates (coordinate, replica, time) of one point."""
    names = [one.process.landscape.variables[i] for i in one.observer.recorded]
    return np.stack([_by_point(data[name])[point] for name in names])


def _dataset(
    one: Prepared,
    sums: Arrays,
    counts: NDArray[np.int64],
    passage: Mapping[str, NDArray[Any]],
    steps: NDArray[np.int64],
    attrs: dict[str, str],
) -> xr.Dataset:
    """The observables of one point."""
    model, sgd, observer, process = one.model, one.sgd, one.observer, one.process
    of_start = np.bincount(observer.groups)[:, None, None]
    share, pooled = counts / of_start, counts.sum(axis=0) / model.replicas
    mean, error = basins_record.occupancy(observer, sums)
    own: dict[str, ArrayLike] = {
        "occupancy": pooled,
        "occupancy_stderr": np.sqrt(pooled * (1.0 - pooled) / max(model.replicas - 1, 1)),
        "occupancy_from": share,
        "occupancy_from_stderr": np.sqrt(share * (1.0 - share) / np.maximum(of_start - 1, 1)),
        "occupancy_window": [process.time_step * model.first_of_window, process.time_step * model.steps],
        **langevin.run_with(model, sgd),
        "time_step": process.time_step,
    }
    parts: list[Mapping[str, ArrayLike]] = [own, _spread(one, sums)]
    given = langevin.temperature(model, sgd)
    if given is not None:
        parts.append(temperatures.variables(given, process.momentum))
    coords = joined(
        time_coordinates(steps, learning_rate=process.time_step, momentum=sgd.momentum),
        {
            "basin": np.array(observer.basins.labels),
            "start_basin": np.array(one.starts),
            "replica": np.arange(model.replicas),
        },
    )
    if model.escape is not None:
        parts.append(passage)
    else:
        parts.append({"mean_occupancy": mean, "mean_occupancy_stderr": error})
    if observer.cores is not None:
        interval = process.time_step * (model.steps - model.first_of_window) / model.samples
        seen = basins_record.hopping(sums, interval)
        parts.append(
            {"transitions": seen.transitions, "hopping_rate": seen.rate, "hopping_rate_stderr": seen.rate_stderr}
        )
    if observer.plane:
        coords = joined(coords, {"coordinate": np.array(process.landscape.variables)})
    noise_kind = "isotropic" if model.noise is None else model.noise.kind
    return dataset(*parts, coords=coords, declares=model.DECLARES, attrs={**attrs, "noise": noise_kind})


def _spread(one: Prepared, sums: Arrays) -> dict[str, ArrayLike]:
    """Density, and in the plane current and circulation, on the cells."""
    observer, process = one.observer, one.process
    if not observer.edges:
        return {}
    p = basins_record.density(observer, sums)
    centres = np.stack(np.meshgrid(*((edge[:-1] + edge[1:]) / 2.0 for edge in observer.edges), indexing="ij"))
    energy = process.landscape.energy_at(centres)
    shape = (p.shape[0], -1)
    out: dict[str, ArrayLike] = {"density": p.reshape(shape), "landscape": energy.reshape(shape)}
    out["x_edge"] = observer.edges[0]
    out["y_edge"] = observer.edges[1] if observer.plane else np.array([0.0, 1.0])
    if observer.plane:
        flow = basins_record.current(observer, sums, process.diffusion(centres.reshape(2, -1)).reshape(2, 2, *p.shape))
        mean, error = basins_record.circulation(sums)
        pace = process.pace
        out |= {"current": pace * flow, "circulation": pace * mean, "circulation_stderr": pace * error}
    return out
