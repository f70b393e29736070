"""The network model of a config: an ensemble of real networks in training, and what theory needs measured on it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd import observables
from langevin_sgd.checkpoint import Checkpointing, NoCheckpoint
from langevin_sgd.config import NetworkModel, Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.landmark import Landmark, find_landmark
from langevin_sgd.models.window import stationary_window
from langevin_sgd.progress import NullProgress, Progress
from langevin_sgd.training import architectures, data, initial
from langevin_sgd.training.architectures import Network
from langevin_sgd.training.control import Control
from langevin_sgd.training.energy import Evaluator, Samples
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.recorder import Recorder, Reference
from langevin_sgd.training.threads import Workers, one_thread_each

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
) -> xr.Dataset:
    """Train the ensemble for `model.steps` steps and return its observables.

    Heavy-ball SGD (`Ensemble`) on minibatches drawn from the seed. Energy, loss, accuracy and displacement are recorded
    at logarithmically spaced steps, in float64. From `start: minimum` the Hessian H and the noise covariance C are
    measured there first, and in the stationary window the fluctuations along H's eigenvectors, with what every law
    predicts from H and C.

    Raises `Diverged` if the loss or the weights grow without bound, or if they would by eta*lambda_max >= 2(1 + mu),
    and `UserError` if the data, the architecture or the minimum will not do. After an interruption the same call goes
    on from `checkpoint`, to the same bits.
    """
    progress = NullProgress() if progress is None else progress
    checkpoint = NoCheckpoint() if checkpoint is None else checkpoint
    problem = _prepare(model, sgd, seed=seed, device=device)
    saved = checkpoint.load()
    with Workers(torch.get_num_threads() if device == "cpu" else 1) as workers, one_thread_each():
        full = FullBatch(problem.network(torch.float64), problem.train, sgd.weight_decay, workers)
        landmark = find_landmark(model, sgd, full, problem.start[0].numpy(), saved, name=name, progress=progress)
        progress.begin(name)
        training = _Training(model, sgd, problem, landmark, seed=seed, workers=workers)
        training.run(saved, progress=progress, checkpoint=checkpoint)
    return _dataset(model, sgd, training, landmark, device=device)


@dataclass(frozen=True)
class _Problem:
    """The data and the network on the device that trains it; inputs in float64."""

    module: torch.nn.Module
    train: Samples
    test: Samples | None
    classes: int
    start: Tensor
    device: str

    def network(self, dtype: torch.dtype) -> Network:
        return Network.of(self.module, dtype=dtype, device=self.device)


def _prepare(model: NetworkModel, sgd: Sgd, *, seed: int, device: str) -> _Problem:
    loaded = data.load(model.data, seed)

    def build() -> torch.nn.Module:
        return architectures.build(model.architecture, loaded.train_inputs.shape[1:], loaded.classes)

    def samples(inputs: NDArray[Any], labels: NDArray[Any]) -> Samples:
        return Samples.of(inputs, labels, dtype=torch.float64, device=device)

    if sgd.batch_size > len(loaded.train_labels):
        raise UserError(
            f"sgd.batch_size: {sgd.batch_size} is more than the {len(loaded.train_labels)} training samples of "
            f"{loaded.name}; reduce it"
        )
    module = initial.build_with_seed(build, seed, 0)
    train = samples(loaded.train_inputs, loaded.train_labels)
    architectures.check(module, train.inputs[:4].cpu(), loaded.classes, name=f"architecture {model.architecture.kind}")
    has_test = loaded.test_inputs is not None and loaded.test_labels is not None and len(loaded.test_labels) > 0
    replicas = range(model.replicas if model.start == "independent" else 1)
    start = initial.weights(build, lambda built: Network.of(built, dtype=torch.float64).weights(), seed, replicas)
    return _Problem(
        module=module,
        train=train,
        test=samples(loaded.test_inputs, loaded.test_labels) if has_test else None,  # type: ignore[arg-type]
        classes=loaded.classes,
        start=start,
        device=device,
    )


class _Training:
    """The ensemble, what accompanies it, and what is recorded."""

    def __init__(
        self,
        model: NetworkModel,
        sgd: Sgd,
        problem: _Problem,
        landmark: Landmark | None,
        *,
        seed: int,
        workers: Workers,
    ) -> None:
        self.steps = model.steps
        self.landmark = landmark
        self._sgd = sgd
        dtype = _DTYPES[model.precision]
        network, exact = problem.network(dtype), problem.network(torch.float64)
        samples = problem.train.to(dtype)
        start = problem.start if landmark is None else torch.from_numpy(landmark.minimum.position[None])
        start = start.expand(model.replicas, -1)
        self._minibatches = Minibatches.of(sgd, seed=seed, replicas=model.replicas, samples=len(samples))
        self._ensemble = Ensemble(network, samples, sgd, weights=start, dtype=dtype, workers=workers)
        self.record = observables.log_spaced_steps(model.steps, model.record_times)
        self.sample = self._sampled(model, landmark)
        train = Evaluator(exact, problem.train, workers)
        measured = None if landmark is None else landmark.curvature
        self.recorder = Recorder(
            start=self._ensemble.weights,
            record=self.record,
            sample=self.sample,
            weight_decay=sgd.weight_decay,
            train=train,
            test=None if problem.test is None else Evaluator(exact, problem.test, workers),
            reference=None
            if measured is None or landmark is None
            else Reference(landmark.minimum.position, measured.eigenvectors),
            workers=workers,
        )
        self.control = (
            Control(
                network, samples, sgd, start=start[:1], dtype=dtype, record=self.record, train=train, workers=workers
            )
            if model.control
            else None
        )
        self._uniform_guess = float(np.log(problem.classes))
        self._highest_energy = np.inf

    def _sampled(self, model: NetworkModel, landmark: Landmark | None) -> NDArray[np.int64]:
        if landmark is None or landmark.laws is None:
            return np.empty(0, dtype=np.int64)
        window = stationary_window(
            steps=model.steps,
            slowest_autocorrelation_time=landmark.laws.relaxation_steps(),
            burn_in=model.burn_in,
            every=model.sample_every,
            batches_per_epoch=self._minibatches.per_epoch if self._minibatches.epoch else None,
        )
        return observables.sampling_steps(window.burn_in, model.steps, window.every)

    def run(self, saved: Arrays | None, *, progress: Progress, checkpoint: Checkpointing) -> None:
        """Make all steps with the visits that the recorder wants; save the state now and then, and if interrupted."""
        # divergence is looked for at steps that do not depend on speed, so that the same step is named every time
        looks = np.union1d(self.recorder.steps, np.arange(0, self.steps + 1, _STEPS_BETWEEN_LOOKS))
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
                if self.control is not None:
                    self.control.advance(step, stop)
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

    def _look(self, step: int) -> None:
        weights = self._ensemble.weights
        if not bool(torch.isfinite(weights).all()):
            raise self._diverged(step, "the weights are no longer finite")
        energy = self.recorder.visit(step, weights)
        if self.control is not None:
            self.control.visit(step)
        if energy is None:
            return
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
        parts = {"ensemble": self._ensemble.state(), "recorder": self.recorder.state()}
        if self.control is not None:
            parts["control"] = self.control.state()
        for part, arrays in parts.items():
            state |= {f"{part}_{key}": value for key, value in arrays.items()}
        return state | ({} if self.landmark is None else self.landmark.state())

    def _restore(self, saved: Arrays) -> int:
        def part(name: str) -> Arrays:
            return {key.removeprefix(f"{name}_"): value for key, value in saved.items() if key.startswith(f"{name}_")}

        self._ensemble.restore(part("ensemble"))
        self.recorder.restore(part("recorder"))
        if self.control is not None:
            self.control.restore(part("control"))
        self._highest_energy = float(saved["highest_energy"])
        return int(saved["step"])


def _dataset(
    model: NetworkModel, sgd: Sgd, training: _Training, landmark: Landmark | None, *, device: str
) -> xr.Dataset:
    values: dict[str, ArrayLike] = {
        **training.recorder.variables(),
        "learning_rate": sgd.learning_rate,
        "batch_size": sgd.batch_size,
        "momentum": sgd.momentum,
    }
    coords: dict[str, ArrayLike] = {
        **observables.time_coordinates(training.record, learning_rate=sgd.learning_rate, momentum=sgd.momentum),
        "replica": np.arange(model.replicas),
    }
    attrs: dict[str, Any] = {
        "backend": f"torch {torch.__version__} ({device}, {model.precision})",
        "start": model.start,
        "sampling": sgd.sampling,
    }
    if training.control is not None:
        values |= training.control.variables()
    if landmark is not None:
        values |= {
            "minimum": landmark.minimum.position,
            "energy_at_minimum": landmark.minimum.energy,
            "gradient_norm_at_minimum": landmark.minimum.gradient_norm,
        }
    if landmark is not None and landmark.curvature is not None and landmark.laws is not None:
        laws = landmark.laws
        values |= laws.variables()
        values |= {
            "hessian": landmark.curvature.hessian,
            "noise_covariance": landmark.curvature.noise_covariance,
            "hessian_eigenvector": landmark.curvature.eigenvectors,
            "transient_deficit": laws.transient_deficit(training.sample),
            "spread_predicted": laws.transient_variance(training.record).sum(axis=1),
            "drift_squared_predicted": np.zeros(training.record.size),
        }
        coords |= {**laws.coords(), "sample_step": training.sample}
        attrs["law"] = laws.own
    return observables.dataset(values, coords=coords, attrs=attrs)
