"""The network model of a config: an ensemble of real networks in training, and what theory needs measured on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.landmark import LANDMARK, Landmark, TrainingCheckpoint, find_landmark, lent
from langevin_sgd.models.network.problem import Problem, prepare
from langevin_sgd.models.network.stored import SAMPLES
from langevin_sgd.models.stationary_window import stationary_window
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.schedule import (
    distinct_log_spaced_steps,
    log_spaced_steps,
    sampling_steps,
    time_coordinates,
)
from langevin_sgd.observables.variable import joined, merged
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.progress import NullProgress, Progress
from langevin_sgd.storage.checkpoint import Checkpointing, NoCheckpoint
from langevin_sgd.storage.keeper import Keeper, part, prefixed
from langevin_sgd.training.control import Control
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.ensemble_record import EnsembleRecord, Reference
from langevin_sgd.training.journal import Journal
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.probes import building as probes
from langevin_sgd.training.probes.probe import Probe
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.update_rules import checking as update_rules
from langevin_sgd.training.view import Instruments, View

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_STEPS_BETWEEN_LOOKS = 1000
_SECONDS_BETWEEN_SAVES = 0.5  # at least so often the state is kept, so that an interruption loses little
_ENERGY_OF_DIVERGENCE = 1e3  # times the energy at the start, or that of a uniform guess if larger


def run(
    model: NetworkModel,
    sgd: Sgd,
    *,
    name: str,
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
    checkpoint: Checkpointing | None = None,
    refuse_size: Callable[[int], None] = lambda size: None,
    leave_last_state: bool = False,
    finished: xr.Dataset | None = None,
) -> xr.Dataset:
    """Train the ensemble for `model.length(sgd)` steps and return its observables.

    Heavy-ball SGD (`Ensemble`) on minibatches drawn from the seed. Energy, loss, accuracy and displacement are recorded
    at logarithmically spaced steps, in float64. From `start: minimum` the Hessian H and the noise covariance C are
    measured there first, and in the stationary window the fluctuations along H's eigenvectors. Probes measure the
    weights that were visited when training has ended.

    Raises `Diverged` if the loss or the weights grow without bound, or if they would by eta*lambda_max >= 2(1 + mu),
    and `UserError` if the data, the architecture or the minimum will not do. After an interruption the same call goes
    on from `checkpoint`, to the same bits; with `leave_last_state` that holds of a finished training too. `refuse_size`
    is told the number of weights before they are copied, and raises if they are too many for the memory. A `finished`
    network with the same minimum lends it, with H and C, to the same bits as they would be found again.
    """
    progress = NullProgress() if progress is None else progress
    checkpoint = NoCheckpoint() if checkpoint is None else checkpoint
    saved, known = checkpoint.load(), checkpoint.part(LANDMARK).load()
    with Workers(torch.get_num_threads() if device == "cpu" else 1) as workers, one_torch_thread():
        problem = prepare(model, sgd, seed=seed, device=device, refuse_size=refuse_size)
        exact = problem.network(torch.float64)
        instruments = Instruments(
            exact, problem.train, problem.test, weight_decay=sgd.weight_decay, workers=workers, loss=problem.loss
        )
        with Keeper(NoCheckpoint() if known is not None else checkpoint.part("search")) as search:
            journal = Journal(instruments.energy, search)
            start = problem.start[0].numpy()
            if known is None and finished is not None:
                known = lent(finished, instruments.energy)
            landmark = find_landmark(model, sgd, journal, start, known, name=name, progress=progress)
        progress.begin(name)
        training = _Training(model, sgd, problem, landmark, instruments, seed=seed, workers=workers)
        keeper = TrainingCheckpoint(checkpoint, landmark if known is None else None)
        training.run(saved, progress=progress, checkpoint=keeper)
        training.measure(name=name, progress=progress, checkpoint=keeper)
        if leave_last_state:
            training.leave(saved, keeper)
    return _dataset(model, sgd, training, landmark, device=device)


class _Training:
    """The ensemble, what accompanies it, and what is recorded."""

    def __init__(
        self,
        model: NetworkModel,
        sgd: Sgd,
        problem: Problem,
        landmark: Landmark | None,
        instruments: Instruments,
        *,
        seed: int,
        workers: Workers,
    ) -> None:
        self.steps = model.length(sgd)
        self.samples = len(problem.train)
        self.landmark = landmark
        self.found: list[Mapping[str, ArrayLike]] = []
        self.coords: list[Mapping[str, ArrayLike]] = []
        self._sgd = sgd
        dtype = _DTYPES[model.precision]
        network = problem.network(dtype)
        samples = problem.train.to(dtype)
        start = problem.start if landmark is None else torch.from_numpy(landmark.minimum.position[None])
        start = start.expand(model.replicas, -1)
        self._minibatches = Minibatches.of(sgd, seed=seed, replicas=model.replicas, samples=len(samples))
        rule = update_rules.build(model.update_rule, sgd)
        self._slots = model.update_rule.slots(sgd)
        self._ensemble = Ensemble(
            network, samples, sgd, weights=start, dtype=dtype, workers=workers, loss=problem.loss, rule=rule,
            slots=self._slots,
        )  # fmt: skip
        self.record = _recorded_steps(model, self.steps)
        self.sample = self._sampled(model, landmark)
        self._instruments = instruments
        reference = None if landmark is None else self._reference(landmark)
        self._recorder = EnsembleRecord(
            start=self._ensemble.weights, record=self.record, sample=self.sample, test=problem.test is not None,
            accuracy=problem.loss.has_accuracy,
            reference=reference, workers=workers,
        )  # fmt: skip
        self._probes: dict[str, Probe] = {"recorder": self._recorder}
        if model.control:
            self._probes["control"] = Control(
                network, samples, sgd, start=start[:1], dtype=dtype, record=self.record, instruments=instruments,
                workers=workers, loss=problem.loss, rule=rule, slots=self._slots,
            )  # fmt: skip
        watched = Watched(self.steps, model.replicas, network.size, sgd, model.gradient_tolerance)
        self._asked = probes.build(model.probes, watched, declared=merged(ENSEMBLE, model.DECLARES))
        self._probes |= {f"probe {kind}": probe for kind, probe in self._asked.items()}
        self._uniform_guess = problem.loss.uniform_guess(problem.classes)
        self._highest_energy = np.inf

    def _reference(self, landmark: Landmark) -> Reference | None:
        if landmark.curvature is None:
            return None
        position = landmark.minimum.position
        energy = float(self._instruments.energies(torch.from_numpy(position[None]))[0])
        return Reference(position, landmark.curvature.eigenvectors, energy)

    def _sampled(self, model: NetworkModel, landmark: Landmark | None) -> NDArray[np.int64]:
        if landmark is None or landmark.process is None:
            return np.empty(0, dtype=np.int64)
        # where no law says how long it takes, half of the run is left out
        slowest = landmark.process.relaxation_steps() if model.update_rule.OWN_LAW else float(self.steps)
        window = stationary_window(
            steps=self.steps,
            slowest_autocorrelation_time=slowest,
            burn_in=model.burn_in,
            every=model.sample_every,
            batches_per_epoch=self._minibatches.per_epoch if self._minibatches.epoch else None,
        )
        return sampling_steps(window.burn_in, self.steps, window.every)

    def run(self, saved: Arrays | None, *, progress: Progress, checkpoint: TrainingCheckpoint) -> None:
        """Make all steps with the visits that the recorder wants; save the state now and then, and if interrupted."""
        # divergence is looked for at steps that do not depend on speed, so that the same step is named every time
        looks = np.arange(0, self.steps + 1, _STEPS_BETWEEN_LOOKS)
        for probe in self._probes.values():
            looks = np.union1d(looks, probe.steps)
        step = 0
        if saved is None:
            self._look(step)
        else:
            step = self._restore(saved)
        stride, state = 1, self._state(step)
        try:
            while step < self.steps:
                progress.update(step, self.steps)
                look = int(looks[np.searchsorted(looks, step, side="right")])
                stop = min(look, step + stride)
                began = time.perf_counter()
                self._ensemble.advance(self._minibatches, step, stop)
                for probe in self._probes.values():
                    probe.advance(step, stop)
                per_step = (time.perf_counter() - began) / (stop - step)
                stride = int(np.clip(_SECONDS_BETWEEN_SAVES / max(per_step, 1e-9), 1, _STEPS_BETWEEN_LOOKS))
                step = stop
                if step == look:
                    self._look(step)
                state = self._state(step)
                if checkpoint.due():
                    checkpoint.save(state)
        except KeyboardInterrupt:
            checkpoint.save(state)  # of the last look: the step under way may be half made
            raise
        progress.update(step, self.steps)

    def measure(self, *, name: str, progress: Progress, checkpoint: TrainingCheckpoint) -> None:
        """Let the probes measure what they have seen."""

        def save(whatever: bool = False) -> None:
            if whatever or checkpoint.due():
                checkpoint.save(self._state(self.steps))

        view = self._view(self.steps, progress=progress.update, save=save)
        try:
            for key, probe in self._probes.items():
                if key.startswith("probe "):
                    progress.begin(f"{name}: {key.removeprefix('probe ').replace('_', ' ')}")
                self.found.append(probe.finish(view))
                self.coords.append(probe.coords())
        finally:
            if self._asked:
                save(True)

    def leave(self, saved: Arrays | None, checkpoint: TrainingCheckpoint) -> None:
        """Save the state after the last step, unless that is where this training began."""
        if not self._asked and (saved is None or int(saved["step"]) < self.steps):  # with probes it is saved by now
            checkpoint.save(self._state(self.steps))

    def _view(self, step: int, **told: Any) -> View:
        return View(
            step, self._ensemble.weights, self._instruments, optimiser_state=self._ensemble.optimiser_state, **told
        )

    def _look(self, step: int) -> None:
        view = self._view(step)
        if not bool(torch.isfinite(view.weights).all()):
            raise self._diverged(step, "the weights are no longer finite")
        for probe in self._probes.values():
            if step in probe.steps:
                probe.observe(view)
        if step not in self._recorder.steps:
            return
        energy = view.energies
        if step == 0:
            self._highest_energy = _ENERGY_OF_DIVERGENCE * max(float(energy.max()), self._uniform_guess)
        worst = int(np.argmax(np.where(np.isfinite(energy), energy, np.inf)))
        if not energy[worst] <= self._highest_energy:
            raise self._diverged(step, f"the energy of replica {worst} is {energy[worst]:.3g}")

    def _diverged(self, step: int, detail: str) -> Diverged:
        known = None if self.landmark is None else self.landmark.curvature
        eta_lambda_max = None if known is None else self._sgd.learning_rate * float(known.eigenvalues[0])
        return Diverged(step, eta_lambda_max, momentum=self._sgd.momentum, detail=detail)

    def _state(self, step: int) -> Arrays:
        state: Arrays = {"step": np.asarray(step), "highest_energy": np.asarray(self._highest_energy)}
        state |= prefixed("ensemble", self._ensemble.state())
        for key, probe in self._probes.items():
            state |= prefixed(key, probe.state())
        return state

    def _restore(self, saved: Arrays) -> int:
        self._ensemble.restore(part(saved, "ensemble"))
        for key, probe in self._probes.items():
            probe.restore(part(saved, key))
        self._highest_energy = float(saved["highest_energy"])
        return int(saved["step"])


def _recorded_steps(model: NetworkModel, steps: int) -> NDArray[np.int64]:
    """The steps of the record: as many whatever their number if all points of a scan are to have the same shape."""
    if model.training_time is None:
        return log_spaced_steps(steps, model.record_times)
    if steps < model.record_times:
        raise UserError(
            f"training_time: {model.training_time:g} is {steps} steps, fewer than the {model.record_times} recorded "
            "times; raise it, or lower record_times"
        )
    return distinct_log_spaced_steps(steps, model.record_times)


def _dataset(
    model: NetworkModel, sgd: Sgd, training: _Training, landmark: Landmark | None, *, device: str
) -> xr.Dataset:
    parts = list(training.found)
    coords: list[Mapping[str, ArrayLike]] = [
        time_coordinates(training.record, learning_rate=sgd.learning_rate, momentum=sgd.momentum),
        {"replica": np.arange(model.replicas)},
        *training.coords,
    ]
    attrs: dict[str, Any] = {
        "backend": f"torch {torch.__version__} ({device}, {model.precision})",
        "start": model.start,
        "sampling": sgd.sampling,
        SAMPLES: training.samples,
    }
    if landmark is not None:
        found = landmark.minimum
        parts.append({"minimum": found.position, "gradient_norm_at_minimum": found.gradient_norm})
        if landmark.curvature is None:  # else the recorder emits the one that it measures energies from
            parts.append({"energy_at_minimum": found.energy})
    if landmark is not None and landmark.curvature is not None and landmark.process is not None:
        process = landmark.process
        parts.append(
            {
                **process.variables(),
                "hessian": landmark.curvature.hessian,
                "noise_covariance": landmark.curvature.noise_covariance,
                "hessian_eigenvector": landmark.curvature.eigenvectors,
            }
        )
        coords.append({**process.coords(), "sample_step": training.sample})
        if model.update_rule.OWN_LAW:
            attrs["law"] = process.own
    else:
        run_with = {"learning_rate": sgd.learning_rate, "batch_size": sgd.batch_size, "momentum": sgd.momentum}
        parts.append(run_with)
    return dataset(*parts, coords=joined(*coords), declares=model.declares(), attrs=attrs)
