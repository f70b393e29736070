"""The Ornstein-Uhlenbeck model of a config: H and C given or measured on a network, simulated by exact jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.integrators import exact
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.exact_together import Case, alike
from langevin_sgd.integrators.jumps import Jumps
from langevin_sgd.integrators.scan_points import trajectory_numbers
from langevin_sgd.laws.linear_process import LinearProcess, OwnLaw
from langevin_sgd.models import lineage
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.ornstein_uhlenbeck.config import Displacement, OrnsteinUhlenbeckModel
from langevin_sgd.models.ornstein_uhlenbeck.recorder import Recorded, Recorder
from langevin_sgd.models.stationary_window import stationary_window
from langevin_sgd.observables.blocks import nothing
from langevin_sgd.observables.declared import column, columns, dataset
from langevin_sgd.observables.scanned import each_point, with_counts
from langevin_sgd.observables.schedule import log_spaced_steps, sampling_steps, time_coordinates
from langevin_sgd.observables.variable import joined
from langevin_sgd.progress import Progress
from langevin_sgd.storage.keeper import Arrays, Keeper, prefixed

Array = NDArray[np.float64]
Point = tuple[OrnsteinUhlenbeckModel, Sgd]


@dataclass(frozen=True)
class Modes:
    """The quadratic energy and the noise in the eigenbasis of the Hessian, largest eigenvalue first."""

    eigenvalues: Array
    eigenvectors: Array
    noise: Array
    noise_kind: str


def resolve_modes(model: OrnsteinUhlenbeckModel, sources: Mapping[str, xr.Dataset]) -> Modes:
    """H = V diag(k) V^T and V^T C V from the config and the networks that it names, k of shape (d,), C of (d, d)."""
    eigenvalues, eigenvectors = model.hessian.eigenbasis(sources)
    return Modes(eigenvalues, eigenvectors, model.noise.in_modes(eigenvectors, sources), model.noise.kind)


def run(points: Sequence[Point], context: Context) -> list[xr.Dataset | PointFailed] | xr.Dataset:
    """Simulate the model at every point of a scan (one point without), all together; the observables of all.

    E = w^T H w / 2, w <- w - eta m, m <- mu m + H w + xi, Cov(xi) = C/B (discrete), or the Ornstein-Uhlenbeck process
    with the same drift and diffusion (continuum). Jumps between the recorded steps are exact draws, so the cost does
    not depend on their number. Every point has the stationary window that it would have alone. Of several points, one
    over the stability limit, with a noisy mode of no curvature or with numbers that grow without bound is
    `PointFailed`; of one, it raises `Diverged` or `UserError`. After an interruption the same call goes on from the
    checkpoint, to the same bits.
    """
    steps, progress = lineage.steps(context.study, context.name), context.progress
    points = list(points)
    record = log_spaced_steps(steps, points[0][0].record_times)
    failed: dict[int, PointFailed] = {}
    sound: dict[int, Sound] = {}
    for place, (point, number) in enumerate(zip(points, context.numbers, strict=True)):
        try:
            sound[place] = Sound.of(point, number, context.sources, record, steps)
        except (Diverged, UserError) as error:
            if len(points) == 1:
                raise
            failed[place] = PointFailed(error)
    progress.begin("exact jumps", unit="jumps")
    places, replicas = list(sound), points[0][0].replicas
    groups = [[places[each] for each in group] for group in alike([each.jumps for each in sound.values()], replicas)]
    jumps = sum(max(sound[place].steps.size for place in group) for group in groups)
    found: list[tuple[list[int], Arrays]] = []
    finished: Arrays = {"step": np.array(0)}
    with Keeper(context.checkpoint) as keeper:
        for index, group in enumerate(groups):
            done = int(finished["step"])
            recorder = Recorder([sound[place].recorded(record) for place in group], context.seed, replicas)
            states = recorder.run(keeper.within(str(index), partial(dict, finished)), _Part(progress, done, jumps))
            finished |= {**prefixed(str(index), recorder.state(states)), "step": np.array(done + states.done)}
            found.append((group, recorder.variables()))
            lost = {place: step for place, step in zip(group, states.lost.tolist(), strict=True) if step >= 0}
            failed |= {place: PointFailed(exact.lost(sound[place].jumps, step)) for place, step in lost.items()}
    if failed and len(points) == 1:
        raise failed[0].error
    well = [place for place in places if place not in failed]
    if not well:
        return [failed[place] for place in range(len(points))]
    block = observables([sound[place] for place in well], _of(found, well), record)
    if not failed:
        return block
    done_ones = iter(each_point(block))
    return [failed[place] if place in failed else next(done_ones) for place in range(len(points))]


def _of(found: Sequence[tuple[Sequence[int], Arrays]], places: Sequence[int]) -> Arrays:
    """What was recorded of the points in these places, of all groups of points; the shorter are filled up."""
    order = {place: row for row, place in enumerate(place for group, _ in found for place in group)}
    rows = [order[place] for place in places]
    if len(found) == 1 and rows == list(range(len(order))):
        return found[0][1]
    return {name: stacked([recorded[name] for _, recorded in found])[rows] for name in found[0][1]}


def stacked(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Arrays one after the other along their first dimension, of which the last may differ: NaN, or -1, fills up."""
    longest = max(array.shape[-1] for array in arrays)
    return np.concatenate([_longer(array, longest) for array in arrays])


def _longer(array: NDArray[Any], length: int) -> NDArray[Any]:
    if array.shape[-1] == length:
        return array
    fill = np.full((*array.shape[:-1], length - array.shape[-1]), nothing(array.dtype), array.dtype)
    return np.concatenate([array, fill], axis=-1)


@dataclass(frozen=True)
class Sound:
    """A point that can be run: the quadratic, and how it is run."""

    model: OrnsteinUhlenbeckModel
    sgd: Sgd
    modes: Modes
    linear: LinearProcess
    jumps: Jumps
    numbers: NDArray[np.uint32]
    sample: NDArray[np.int64]
    steps: NDArray[np.int64]

    @classmethod
    def of(
        cls, point: Point, number: int, sources: Mapping[str, xr.Dataset], record: NDArray[np.int64], steps: int
    ) -> Sound:
        """Of a run of so many steps; raises `Diverged` or `UserError` if there is no stationary state."""
        model, sgd = point
        modes = resolve_modes(model, sources)
        linear = linear_process(model, sgd, modes)
        linear.refuse_unstable()
        window = stationary_window(
            steps=steps,
            slowest_autocorrelation_time=linear.relaxation_steps(),
            burn_in=model.burn_in,
            every=model.sample_every,
        )
        sample = sampling_steps(window.burn_in, steps, window.every)
        jumps = Jumps.of(linear.k, linear.c, sgd.learning_rate, sgd.batch_size, sgd.momentum, model.dynamics)
        numbers = trajectory_numbers([number], model.replicas)
        return cls(model, sgd, modes, linear, jumps, numbers, sample, np.union1d(record, sample))

    def recorded(self, record: NDArray[np.int64]) -> Recorded:
        """What a recorder takes of it."""
        start = start_of(self.model, self.modes)
        return Recorded(Case(self.jumps, start, self.numbers, self.steps), self.linear.k, record, self.sample)


class _Part:
    """The progress of one group of points as a part of that of all."""

    def __init__(self, progress: Progress, done: int, jumps: int) -> None:
        self._progress, self._done, self._jumps = progress, done, jumps

    def __call__(self, columns: int) -> None:
        self._progress.update(self._done + columns, self._jumps)


def observables(points: Sequence[Sound], recorded: Arrays, record: NDArray[np.int64]) -> xr.Dataset:
    """The observables of all points, `point` first; of a window with fewer samples than others, `sample_count`."""
    first = points[0]
    moments = zip(recorded["mode_moment_1"], recorded["mode_moment_2"], strict=True)
    summaries = [stationary_summary(moment_1, moment_2) for moment_1, moment_2 in moments]
    parts: list[dict[str, ArrayLike]] = [
        columns(point.linear.variables() for point in points),
        dict(recorded),
        {
            "mode_mean": column(each.mean.value for each in summaries),
            "mode_mean_stderr": column(each.mean.stderr for each in summaries),
            "mode_variance": column(each.variance.value for each in summaries),
            "mode_variance_stderr": column(each.variance.stderr for each in summaries),
        },
    ]
    if first.model.hessian.source() is None:  # a network's own group holds those of a measured Hessian
        parts.append({"hessian_eigenvector": column(point.modes.eigenvectors for point in points)})
    sgd = [point.sgd for point in points]
    times = time_coordinates(
        record,
        learning_rate=column(each.learning_rate for each in sgd)[:, None],
        momentum=column(each.momentum for each in sgd)[:, None],
    )
    sample_step = stacked([point.sample[None] for point in points])
    block = dataset(
        *parts,
        coords=joined(
            first.linear.coords(),
            times,
            {"replica": np.arange(first.model.replicas), "sample_step": sample_step},
        ),
        declares=first.model.DECLARES,
        attrs={"law": first.linear.own, "noise": first.modes.noise_kind, "backend": "exact jumps (numpy)"},
        of_points=[*joined(*parts), "time", "effective_time", "sample_step"],
    )
    return with_counts(block, {"sample": [point.sample.size for point in points]})


def start_of(model: OrnsteinUhlenbeckModel, modes: Modes) -> Array | Literal["stationary"]:
    """The start in the eigenbasis of the Hessian."""
    if isinstance(model.start, Displacement):
        return modes.eigenvectors.T @ np.asarray(model.start.displacement, dtype=np.float64)
    return "stationary" if model.start == "stationary" else np.zeros_like(modes.eigenvalues)


def linear_process(model: OrnsteinUhlenbeckModel, sgd: Sgd, modes: Modes) -> LinearProcess:
    """What the laws are told of the model."""
    own: OwnLaw = "continuum" if model.dynamics == "continuum" else "discrete"
    return LinearProcess(modes.eigenvalues, modes.noise, sgd, own, start=start_of(model, modes))
