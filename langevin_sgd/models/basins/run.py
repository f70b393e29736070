"""The basins model of a config: replicas from opposite basins, where they are and how long they take to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.integrate import Integration, integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.resolution import Unresolved
from langevin_sgd.integrators.state import State
from langevin_sgd.laws import temperatures
from langevin_sgd.models.basins import record as basins_record
from langevin_sgd.models.basins.config import BasinsModel
from langevin_sgd.models.basins.prepared import Point, Prepared, prepared
from langevin_sgd.models.basins.record import Arrays
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.langevin import run as langevin
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import log_spaced_steps, time_coordinates
from langevin_sgd.observables.variable import joined
from langevin_sgd.storage.keeper import Keeper, Pace, part, prefixed

Array = NDArray[np.float64]

_MOST_NUMBERS = 1 << 24  # recorded in one segment


def run(points: Sequence[Point], context: Context) -> list[xr.Dataset | PointFailed]:
    """Integrate all points of a scan in one launch, equal parts of the replicas from every start; their observables.

    Positions are looked at along the run at logarithmically spaced steps, for occupancy against time, and at `samples`
    equally spaced steps of the window, for time averages, density and current; only counts are kept. Of several points,
    those that are lost, or have not the basins asked for, are `PointFailed` and change nothing in the others; of one,
    it raises `Diverged` or `UserError`; `UserError` too where points have different basins. After an interruption the
    same call goes on from the checkpoint, to the same bits.
    """
    points, numbers = list(points), context.numbers
    scheme, keep_others = langevin.scheme_of(points), len(points) > 1
    ready, failed = prepared(points, scheme, keep_others=keep_others)
    if len({one.observer.basins.labels for one in ready.values()}) > 1:
        raise UserError("the points of the scan have different basins; give basins: {LABEL: CONDITION}")
    if not ready:
        return [failed[i] for i in range(len(points))]
    model, first = points[0][0], next(iter(ready.values()))
    steps, window = log_spaced_steps(model.steps, model.record_times), _window(model)
    together = np.union1d(steps, window)
    most = max(1, _MOST_NUMBERS // (len(ready) * model.replicas * len(first.observer.recorded)))
    pace, backend = Pace(langevin.first_segment(model, len(ready))), ""
    at = Reached(tuple(ready), tuple((one.observer.empty(), _no_times(one)) for one in ready.values()))
    with Keeper(context.checkpoint) as keeper:
        if keeper.saved:
            at = Reached.saved(keeper.saved)
        launch: Callable[..., Integration] | None = None
        while at.step < model.steps and at.points:
            here = [ready[i] for i in at.points]
            if launch is None:
                launch = _launch(here, [numbers[i] for i in at.points], together, scheme, context)
            ahead = together[together > at.step]
            length = pace.next(int(ahead[min(most, ahead.size) - 1]) - at.step)
            try:
                segment = launch(steps=length, state=at.state)
            except (Diverged, Unresolved) as error:
                if not (keep_others and error.points):
                    raise
                at, launch = at.without(error.points, model.replicas), None
                continue
            pace.done(length)
            backend = str(segment.data.attrs["backend"])
            at = at.further(segment, here, steps, window)
            if at.step < model.steps:
                keeper.tell(at.arrays)
            context.progress.update(at.step, model.steps)
    attrs = {"backend": backend, "scheme": scheme, "increments": model.increments}
    found: dict[int, xr.Dataset | PointFailed] = dict(failed)
    for i in ready.keys() - set(at.points):
        found[i] = langevin.alone(run, points[i], numbers[i], context)
    for place, (i, (sums, counts)) in enumerate(zip(at.points, at.counted, strict=True)):
        passage = {name: values[place] for name, values in at.passage.items()}
        found[i] = _dataset(ready[i], sums, counts, passage, steps, attrs)
    return [found[i] for i in range(len(points))]


def _no_times(one: Prepared) -> NDArray[np.int64]:
    return np.empty((one.observer.starts, len(one.observer.basins.labels), 0), np.int64)


_Counted = tuple[Arrays, NDArray[np.int64]]
"""The sums over the window, and how many replicas of each start were in each basin (start, basin, time)."""


@dataclass(frozen=True)
class Reached:
    """How far a launch has come: which of its points are left, what was counted of them, and where they stand.

    `passage` holds the first passages so far, (point, replica).
    """

    points: tuple[int, ...]
    counted: tuple[_Counted, ...]
    state: State | None = None
    passage: Arrays = field(default_factory=dict)

    @classmethod
    def saved(cls, arrays: Arrays) -> Reached:
        """Where `arrays` came from."""
        points = tuple(arrays["points"].tolist())
        counted = tuple((part(arrays, f"sums{i}"), arrays[f"counts{i}"]) for i in range(len(points)))
        return cls(points, counted, State.from_arrays(part(arrays, "state")))

    @property
    def step(self) -> int:
        """The steps done."""
        return 0 if self.state is None else self.state.step

    def without(self, lost: Sequence[int], replicas: int) -> Reached:
        """The same without points, given by their places among those that are left."""
        stay = np.setdiff1d(np.arange(len(self.points)), lost)
        lanes = np.add.outer(stay * replicas, np.arange(replicas)).reshape(-1)
        return Reached(
            tuple(self.points[i] for i in stay),
            tuple(self.counted[i] for i in stay),
            None if self.state is None else self.state.subset(lanes),
            {name: values[stay] for name, values in self.passage.items()},
        )

    def further(
        self, segment: Integration, here: Sequence[Prepared], steps: NDArray[np.int64], window: NDArray[np.int64]
    ) -> Reached:
        """After one more segment of the points left, recorded at `steps` and sampled in the `window`."""
        at = segment.data["step"].values
        recorded, in_window = np.isin(at, steps), np.isin(at, window)
        counted = []
        for i, (one, (sums, counts)) in enumerate(zip(here, self.counted, strict=True)):
            added, by_start = one.observer.add(sums, _positions(one, segment.data, i), in_window)
            counted.append((added, np.concatenate([counts, by_start[..., recorded]], axis=-1)))
        passage = {
            name: _by_point(segment.data[name]) for name in ("escape_step", "escape_time") if name in segment.data
        }
        return Reached(self.points, tuple(counted), segment.state, passage)

    def arrays(self) -> Arrays:
        """What `run` goes on from."""
        assert self.state is not None  # nothing is told before a segment is done
        kept = {**prefixed("state", self.state.arrays()), "step": np.array(self.state.step)}
        kept["points"] = np.array(self.points)
        for i, (sums, counts) in enumerate(self.counted):
            kept |= {**prefixed(f"sums{i}", sums), f"counts{i}": counts}
        return kept


def _window(model: BasinsModel) -> NDArray[np.int64]:
    """The equally spaced steps at which positions are looked at, the last step among them."""
    first = model.first_of_window
    return np.unique(np.rint(np.linspace(first, model.steps, model.samples + 1)).astype(np.int64)[1:])


def _launch(
    ready: Sequence[Prepared], numbers: Sequence[int], record_steps: NDArray[np.int64], scheme: str, context: Context
) -> Callable[..., Integration]:
    """`integrate` for all points, given `steps` and `state`; formulas are read here, once for all segments."""
    model, progress = ready[0].model, context.progress
    landscape, own_noise = langevin.equation(model, ready[0].sgd)
    landscape = replace(landscape, parameters={**landscape.parameters, **ready[0].process.target_values})
    tables = [{**langevin.point_parameters(one.model, one.sgd, scheme), **one.process.target_values} for one in ready]
    starts = [np.repeat(one.positions, model.replicas // len(one.starts), axis=0).T for one in ready]
    return partial(
        integrate,
        landscape,
        own_noise,
        time_step=tables[0]["time_step"],
        trajectories=model.replicas,
        scheme=scheme,
        start=np.concatenate(starts, axis=1),
        seed=context.seed,
        **langevin.of_points(tables, numbers),
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
        device=context.device,
        until=model.steps,
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
    elif observer.well is not None:
        parts.append(observer.well.measured(sums["moments"]))
    else:
        mean, error = basins_record.occupancy(observer, sums)
        parts.append({"mean_occupancy": mean, "mean_occupancy_stderr": error})
    if observer.cores is not None:
        interval = process.time_step * (model.steps - model.first_of_window) / model.samples
        seen = basins_record.hopping(sums, interval)
        parts.append(
            {"transitions": seen.transitions, "hopping_rate": seen.rate, "hopping_rate_stderr": seen.rate_stderr}
        )
    if observer.plane or observer.well is not None:
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
