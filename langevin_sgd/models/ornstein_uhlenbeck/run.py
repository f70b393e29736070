"""The Ornstein-Uhlenbeck model of a config: H and C given or measured on a network, simulated by exact jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.drift_and_spread import POOLED, displacement_summary
from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.integrators import exact
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.scan_points import trajectory_numbers
from langevin_sgd.laws.linear_process import LinearProcess, OwnLaw
from langevin_sgd.models import lineage
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.ornstein_uhlenbeck.config import Displacement, OrnsteinUhlenbeckModel
from langevin_sgd.models.stationary_window import stationary_window
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import log_spaced_steps, sampling_steps, time_coordinates
from langevin_sgd.observables.variable import joined
from langevin_sgd.progress import Progress
from langevin_sgd.storage.keeper import Arrays, Keeper, Within, prefixed

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


def run(points: Sequence[Point], context: Context) -> list[xr.Dataset | PointFailed]:
    """Simulate the model at every point of a scan (one point without); the observables of each.

    E = w^T H w / 2, w <- w - eta m, m <- mu m + H w + xi, Cov(xi) = C/B (discrete), or the Ornstein-Uhlenbeck process
    with the same drift and diffusion (continuum). Jumps between the recorded steps are exact draws, so the cost does
    not depend on their number. Every point has the stationary window that it would have alone. Of several points, one
    over the stability limit or with a noisy mode of no curvature is `PointFailed`; of one, it raises `Diverged` or
    `UserError`. After an interruption the same call goes on from the checkpoint, to the same bits.
    """
    steps, progress = lineage.steps(context.study, context.name), context.progress
    points = list(points)
    record = log_spaced_steps(steps, points[0][0].record_times)
    results: list[xr.Dataset | PointFailed] = []
    progress.begin("exact jumps", unit="jumps")
    finished: Arrays = {"step": np.array(0)}
    with Keeper(context.checkpoint) as keeper:
        for index, (point, number) in enumerate(zip(points, context.numbers, strict=True)):
            try:
                process = _Process.of(*point, context.sources)
            except (Diverged, UserError) as error:
                if len(points) == 1:
                    raise
                results.append(PointFailed(error))
                continue
            within = keeper.within(str(index), partial(dict, finished))
            recorder = _Recorder(process, record, process.sample(steps), _Part(progress, index, len(points)))
            numbers = trajectory_numbers([number], process.model.replicas)
            last = _simulate(process, recorder, seed=context.seed, numbers=numbers, keeper=within)
            results.append(_dataset(process, recorder))
            kept = prefixed(str(index), recorder.state(last))
            finished = {**finished, **kept, "step": np.array((index + 1) * steps)}
    return results


@dataclass(frozen=True)
class _Process:
    """One point: the quadratic, and how it is run."""

    model: OrnsteinUhlenbeckModel
    sgd: Sgd
    modes: Modes
    linear: LinearProcess

    @classmethod
    def of(cls, model: OrnsteinUhlenbeckModel, sgd: Sgd, sources: Mapping[str, xr.Dataset]) -> _Process:
        modes = resolve_modes(model, sources)
        linear = linear_process(model, sgd, modes)
        linear.refuse_unstable()
        return cls(model, sgd, modes, linear)

    def sample(self, steps: int) -> NDArray[np.int64]:
        """The sampled steps of the stationary window of a run of so many steps."""
        window = stationary_window(
            steps=steps,
            slowest_autocorrelation_time=self.linear.relaxation_steps(),
            burn_in=self.model.burn_in,
            every=self.model.sample_every,
        )
        return sampling_steps(window.burn_in, steps, window.every)


class _Part:
    """The progress of one point as a part of that of all."""

    def __init__(self, progress: Progress, done: int, points: int) -> None:
        self._progress, self._done, self._points = progress, done, points

    def update(self, jump: int, jumps: int) -> None:
        self._progress.update(self._done * jumps + jump, self._points * jumps)


def _simulate(
    process: _Process, recorder: _Recorder, *, seed: int, numbers: NDArray[np.uint32], keeper: Within
) -> exact.ReplicaState:
    """Run one point from where it was left, with the visits that the recorder wants."""
    model, sgd, modes = process.model, process.sgd, process.modes
    return exact.simulate(
        modes.eigenvalues,
        modes.noise,
        learning_rate=sgd.learning_rate,
        batch_size=sgd.batch_size,
        momentum=sgd.momentum,
        dynamics=model.dynamics,
        seed=seed,
        replicas=model.replicas,
        steps=recorder.steps,
        start=start_of(model, modes),
        visit=recorder.visit,
        state=recorder.restored(keeper.saved) if keeper.saved else None,
        numbers=numbers,
        reached=lambda state: keeper.tell(partial(dict, recorder.state(state))),
    )


def _dataset(process: _Process, recorder: _Recorder) -> xr.Dataset:
    """The observables of one point."""
    model, sgd, modes, linear = process.model, process.sgd, process.modes, process.linear
    record, sample = recorder.record, recorder.sample
    summary = stationary_summary(recorder.moment_1, recorder.moment_2)
    return dataset(
        linear.variables(),
        recorder.variables(),
        {
            "mode_mean": summary.mean.value,
            "mode_mean_stderr": summary.mean.stderr,
            "mode_variance": summary.variance.value,
            "mode_variance_stderr": summary.variance.stderr,
            # a network's own group holds those of a measured Hessian
            **({"hessian_eigenvector": modes.eigenvectors} if model.hessian.source() is None else {}),
        },
        coords=joined(
            linear.coords(),
            time_coordinates(record, learning_rate=sgd.learning_rate, momentum=sgd.momentum),
            {"replica": np.arange(model.replicas), "sample_step": sample},
        ),
        declares=model.DECLARES,
        attrs={"law": linear.own, "noise": modes.noise_kind, "backend": "exact jumps (numpy)"},
    )


def start_of(model: OrnsteinUhlenbeckModel, modes: Modes) -> Array | Literal["stationary"]:
    """The start in the eigenbasis of the Hessian."""
    if isinstance(model.start, Displacement):
        return modes.eigenvectors.T @ np.asarray(model.start.displacement, dtype=np.float64)
    return "stationary" if model.start == "stationary" else np.zeros_like(modes.eigenvalues)


def linear_process(model: OrnsteinUhlenbeckModel, sgd: Sgd, modes: Modes) -> LinearProcess:
    """What the laws are told of the model."""
    own: OwnLaw = "continuum" if model.dynamics == "continuum" else "discrete"
    return LinearProcess(modes.eigenvalues, modes.noise, sgd, own, start=start_of(model, modes))


class _Recorder:
    """Collects the observables while the simulation visits its steps."""

    def __init__(
        self,
        process: _Process,
        record: NDArray[np.int64],
        sample: NDArray[np.int64],
        progress: _Part,
    ) -> None:
        eigenvalues, replicas = process.modes.eigenvalues, process.model.replicas
        self.steps = np.union1d(record, sample)
        self.moment_1 = np.zeros((replicas, eigenvalues.size))
        self.moment_2 = np.zeros((replicas, eigenvalues.size))
        self._k = eigenvalues
        self.record, self.sample = record, sample
        self._progress = progress
        self._start = np.full((replicas, eigenvalues.size), np.nan)
        self._columns: dict[str, Array] = {  # a column is written once, at its step
            "energy": np.full((replicas, record.size), np.nan),
            "squared_displacement": np.full((replicas, record.size), np.nan),
            "stationary_energy": np.full((replicas, sample.size), np.nan),
            **{name: np.full(record.size, np.nan) for name in POOLED},
        }

    def visit(self, index: int, step: int, position: Array) -> None:
        """Record the positions (replica, mode) at a step: displacements from the minimum in the eigenbasis."""
        if index == 0:
            self._start = position.copy()
        energy = 0.5 * (position**2) @ self._k
        column = int(np.searchsorted(self.record, step))
        if column < self.record.size and self.record[column] == step:
            summary = displacement_summary(position - self._start)
            self._columns["energy"][:, column] = energy
            self._columns["squared_displacement"][:, column] = summary.squared_displacement
            for name in POOLED:
                self._columns[name][column] = getattr(summary, name)
        column = int(np.searchsorted(self.sample, step))
        if column < self.sample.size and self.sample[column] == step:
            # new arrays, so that those told of stay what they were
            self.moment_1 = self.moment_1 + position / self.sample.size
            self.moment_2 = self.moment_2 + position**2 / self.sample.size
            self._columns["stationary_energy"][:, column] = energy
        self._progress.update(index + 1, self.steps.size)  # a jump costs the same however many steps it spans

    def variables(self) -> dict[str, ArrayLike]:
        """The recorded observables."""
        return {**self._columns, "mode_moment_1": self.moment_1, "mode_moment_2": self.moment_2}

    def state(self, reached: exact.ReplicaState) -> Arrays:
        """What to go on from, with where the replicas are."""
        own = {"start": self._start, "moment_1": self.moment_1, "moment_2": self.moment_2}
        return {**self._columns, **own, "step": np.array(reached.step), "coordinates": reached.coordinates}

    def restored(self, state: Arrays) -> exact.ReplicaState:
        """Where the replicas were in a state saved before, with what was recorded until then."""
        for name, values in self._columns.items():
            values[...] = state[name]
        self._start, self.moment_1, self.moment_2 = state["start"], state["moment_1"], state["moment_2"]
        return exact.ReplicaState(int(state["step"]), state["coordinates"])
