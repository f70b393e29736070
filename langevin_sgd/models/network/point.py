"""One point of a launch: what accompanies its replicas, what is recorded of them, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws.companion import observables
from langevin_sgd.laws.linear_process import LinearProcess
from langevin_sgd.laws.quadratic import HEAVY_BALL_LAWS
from langevin_sgd.models.network.bench import DTYPES, Bench
from langevin_sgd.models.network.landmark import Landmark, process_at
from langevin_sgd.models.network.recorded import recorded_steps
from langevin_sgd.models.network.stored import SAMPLES
from langevin_sgd.models.network.trained import Schedule, Trained
from langevin_sgd.models.stationary_window import stationary_window
from langevin_sgd.observables.cpu_seconds import PROBE, RECORDING, CpuSeconds
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.schedule import sampling_steps, time_coordinates
from langevin_sgd.observables.variable import joined, merged
from langevin_sgd.storage.keeper import part, prefixed
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.control import Control
from langevin_sgd.training.ensemble_record import EnsembleRecord, Reference
from langevin_sgd.training.preconditioner_record import PreconditionerRecord
from langevin_sgd.training.probes import building as probes
from langevin_sgd.training.probes.probe import Probe
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.recording.plan import plan
from langevin_sgd.training.update_rules.linear import companion
from langevin_sgd.training.update_rules.rule import UpdateRule
from langevin_sgd.training.view import View

Arrays = dict[str, NDArray[Any]]

STEPS_BETWEEN_LOOKS = 1000
_SPENT = "spent"  # in a state, the seconds of CPU
_ENERGY_OF_DIVERGENCE = 1e3  # times the energy at the start, or that of who knows nothing if larger


class Point:
    """The replicas of one point beside others in an ensemble: it sees its own, and fails alone.

    `failed` is what it failed of; nothing more is observed of it then.
    """

    def __init__(
        self,
        model: Trained,
        sgd: Sgd,
        bench: Bench,
        landmark: Landmark | None,
        rule: UpdateRule | None,
        *,
        label: str = "",
        per_epoch: int | None,
        process: Callable[[Landmark], LinearProcess | None] | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        """`per_epoch` is the number of minibatches in an epoch, None where there are no epochs; `rule` is None where
        something else makes the steps, of which `process` then tells the laws about the landmark, if it is not SGD.
        `schedule` says how the learning rate went where the rule's own does not.

        Raises `Diverged` and `UserError` for what is known before the first step: see `process_at`.
        """
        self.model, self.sgd, self.label = model, sgd, label
        self.failed: Diverged | UserError | None = None
        self.steps = model.length(sgd)
        self._bench, self._landmark = bench, landmark
        about = landmark is not None and landmark.curvature is not None
        self._step = companion(model.update_rule, sgd, rule) if about and rule is not None else None
        self.process = None
        if landmark is not None:
            samples = len(bench.samples)
            of_sgd = partial(process_at, model=model, sgd=sgd, samples=samples, step=self._step)
            self.process = (of_sgd if process is None else process)(landmark)
        problem = bench.problem
        start = problem.start if landmark is None else torch.from_numpy(landmark.minimum.position[None])
        self.start = start.expand(model.replicas, -1).to(bench.dtype)
        self._instruments = bench.instruments.with_decay(sgd.weight_decay)
        self.record = recorded_steps(model, self.steps)
        self.sample = self._sampled(per_epoch)
        self._schedule = model.update_rule.schedule if schedule is None else schedule
        reference = self._reference()
        self._alike = model.start != "independent"
        size = model.recording.samples
        self._plan = plan(
            model.recording, self.record, batch_size=sgd.batch_size, samples=bench.evaluated(size),
            operations=bench.operations, training=model.precision, alike=self._alike,
            window=reference is not None and reference.eigenvalues is None,
        )  # fmt: skip
        self.meter = bench.meter(self._plan.precision, size).with_decay(sgd.weight_decay)
        self._recorder = EnsembleRecord(
            start=self.start, record=self.record, evaluated=self._plan.evaluated, sample=self.sample,
            test=problem.test is not None, accuracy=problem.has_accuracy, drawn=self.meter.drawn,
            reference=reference, workers=bench.workers,
        )  # fmt: skip
        self._probes: dict[str, Probe] = {"recorder": self._recorder}
        if model.control:
            self._probes["control"] = Control(self._beside(rule), self.meter, self._plan.evaluated)
        if self.process is not None and rule is not None and model.update_rule.held(sgd) is not None:
            self._probes["preconditioner"] = PreconditionerRecord(rule, self.sample, bench.network.size)
        watched = Watched(
            self.steps, model.replicas, bench.network.size, sgd, model.gradient_tolerance,
            rule=model.update_rule, curved=about, beside=None if rule is None else self._beside(rule),
        )  # fmt: skip
        asked = probes.build(model.probes, watched, declared=merged(ENSEMBLE, model.DECLARES))
        self._probes |= {f"{PROBE}{kind}": probe for kind, probe in asked.items()}
        self.spent = CpuSeconds()
        self.measures = bool(asked)
        self._steps_of = {key: frozenset(probe.steps.tolist()) for key, probe in self._probes.items()}
        regular = range(0, self.steps + 1, STEPS_BETWEEN_LOOKS)
        # divergence is looked for at steps that do not depend on speed, so that the same step is named every time
        self.looks = frozenset(regular).union(*self._steps_of.values())
        self._evaluations, self._evaluated = self._recorder.evaluations, frozenset(self._plan.evaluated.tolist())
        self._highest_energy = np.inf

    def advance(self, first: int, last: int) -> None:
        """The steps first, ..., last - 1 have been made: what runs beside the replicas makes them too."""
        for key, probe in self._probes.items():
            with self._counted(key):
                probe.advance(first, last)

    def look(self, view: View) -> None:
        """See its replicas at one of `looks`; it may have `failed` then."""
        try:
            self._look(view)
        except (Diverged, UserError) as error:
            self.failed = error

    def records(self, step: int) -> bool:
        """Whether anything is recorded at a step."""
        return step in self._steps_of["recorder"]

    def evaluates(self, step: int) -> bool:
        """Whether loss and energy of its replicas are wanted at a step, as they are recorded."""
        return step in self._evaluations and not self._are_alike(step)

    def _are_alike(self, step: int) -> bool:
        return step == 0 and self._alike

    def view(self, step: int, weights: torch.Tensor, **told: Any) -> View:
        """What its probes see of its replicas, `weights` (replica, d)."""
        return View(step, weights, self._instruments, meter=self.meter, alike=self._are_alike(step), **told)

    def finish(self, view: View, begin: Callable[[str], None]) -> xr.Dataset:
        """Let the probes measure what they have seen, and give the observables; `begin` is told what is measured."""
        found: list[Mapping[str, ArrayLike]] = []
        coords: list[Mapping[str, ArrayLike]] = []
        for key, probe in self._probes.items():
            if key.startswith(PROBE):
                begin(f"{self.label}{key.removeprefix(PROBE).replace('_', ' ')}")
            with self._counted(key):
                found.append(probe.finish(view))
                coords.append(probe.coords())
        return self._dataset(found, coords).assign_attrs(self.spent.attributes() if self.measures else {})

    def state(self) -> Arrays:
        """What must be kept of it to go on from here."""
        state: Arrays = {"highest_energy": np.asarray(self._highest_energy)}
        if self.failed is not None:
            return {"failed": np.asarray(_written(self.failed))}
        for key, probe in self._probes.items():
            state |= prefixed(key, probe.state())
        return state | prefixed(_SPENT, self.spent.state())

    def restore(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        if "failed" in saved:
            self.failed = _read(str(saved["failed"]))
            return
        for key, probe in self._probes.items():
            probe.restore(part(saved, key))
        self.spent.restore(part(saved, _SPENT))
        self._highest_energy = float(saved["highest_energy"])

    def _look(self, view: View) -> None:
        step = view.step
        if not bool(torch.isfinite(view.weights).all()):
            raise self._diverged(step, "the weights are no longer finite")
        for key, probe in self._probes.items():
            if step in self._steps_of[key]:
                with self._counted(key):
                    probe.observe(view)
        if step not in self._evaluations:
            return
        energy = view.recorded_energies if step in self._evaluated else view.energies
        if step == 0:
            self._highest_energy = _ENERGY_OF_DIVERGENCE * max(float(energy.max()), self._bench.problem.ignorance)
        worst = int(np.argmax(np.where(np.isfinite(energy), energy, np.inf)))
        if not energy[worst] <= self._highest_energy:
            raise self._diverged(step, f"the energy of replica {worst} is {energy[worst]:.3g}")

    def _counted(self, key: str) -> AbstractContextManager[None]:
        return self.spent.of(key if key.startswith(PROBE) else RECORDING)

    def _diverged(self, step: int, detail: str) -> Diverged:
        has_limit = self.model.update_rule.has_law() and self._landmark is not None  # that of the heavy ball
        known = self._landmark.curvature if has_limit and self._landmark is not None else None
        eta_lambda_max = None if known is None else self.sgd.learning_rate * float(known.eigenvalues[0])
        return Diverged(step, eta_lambda_max, momentum=self.sgd.momentum, detail=detail)

    def _beside(self, rule: UpdateRule | None) -> Beside:
        """What runs something of its own beside the replicas is given this."""
        bench, sgd, landmark = self._bench, self.sgd, self._landmark
        return Beside(
            network=bench.network,
            samples=bench.samples,
            sgd=sgd,
            loss=bench.problem.loss,
            rule=rule,
            slots=self.model.update_rule.slots(sgd),
            start=self.start,
            dtype=bench.dtype,
            record=self.record,
            instruments=self._instruments,
            workers=bench.workers,
            drawn=lambda: bench.minibatches(sgd, self.model.replicas),
            seed=bench.seed,
            supply=bench.problem.supply,
            minimum=None if landmark is None else landmark.minimum,
            curvature=None if landmark is None else landmark.curvature,
            step=self._step,
            sample=self.sample,
            traced=bench.traced,
        )

    def _reference(self) -> Reference | None:
        if self._landmark is None or self._landmark.curvature is None:
            return None
        position = self._landmark.minimum.position
        energy = float(self._instruments.energies(torch.from_numpy(position[None]))[0])
        some = self.process is not None and self.process.whole is not None
        along = some or self.model.recording.window == "modes"
        measured = self._landmark.curvature
        return Reference(position, measured.eigenvectors, energy, measured.eigenvalues if along else None)

    def _sampled(self, per_epoch: int | None) -> NDArray[np.int64]:
        if self.process is None:
            return np.empty(0, dtype=np.int64)
        # where no law says how long it takes, half of the run is left out
        slowest = self.process.relaxation_steps() if self.model.update_rule.has_law() else float(self.steps)
        window = stationary_window(
            steps=self.steps,
            slowest_autocorrelation_time=slowest,
            since=self.process.since,
            burn_in=self.model.burn_in,
            every=self.model.sample_every,
            batches_per_epoch=per_epoch,
        )
        return sampling_steps(window.burn_in, self.steps, window.every)

    def _dataset(self, found: list[Mapping[str, ArrayLike]], measured: list[Mapping[str, ArrayLike]]) -> xr.Dataset:
        model, sgd, landmark, bench = self.model, self.sgd, self._landmark, self._bench
        schedule = self._schedule
        factors = None if schedule.constant() else schedule.summed(self.record.tolist(), self.steps)
        parts = list(found)
        coords: list[Mapping[str, ArrayLike]] = [
            time_coordinates(self.record, learning_rate=sgd.learning_rate, momentum=sgd.momentum, factors=factors),
            {"replica": np.arange(model.replicas)},
            *measured,
        ]
        attrs: dict[str, Any] = {
            "backend": f"torch {torch.__version__} ({bench.device}, {model.precision})",
            "start": model.start,
            "sampling": sgd.sampling,
            SAMPLES: len(bench.samples),
        }
        parts.append(
            {
                "evaluated": np.isin(self.record, self._plan.evaluated),
                "evaluation_bits": torch.finfo(DTYPES[self._plan.precision]).bits,
                "evaluation_samples": self.meter.train.samples,
            }
        )
        if factors is not None:
            factor = schedule.factors()
            parts.append({"learning_rate_factor": [factor(int(step), self.steps) for step in self.record]})
        if landmark is not None:
            at = landmark.minimum
            parts.append({"minimum": at.position, "gradient_norm_at_minimum": at.gradient_norm})
            if landmark.curvature is None:  # else the recorder emits the one that it measures energies from
                parts.append({"energy_at_minimum": at.energy})
        if landmark is not None and landmark.curvature is not None and self.process is not None:
            parts.append({**self.process.variables(), **landmark.curvature.observables()})
            coords.append({**self.process.coords(), "sample_step": self.sample})
            if model.update_rule.has_law():
                attrs["law"] = self.process.own
            if self._step is not None and attrs.get("law") not in HEAVY_BALL_LAWS:
                parts.append(observables(self._step))
        else:
            run_with = {"learning_rate": sgd.learning_rate, "batch_size": sgd.batch_size, "momentum": sgd.momentum}
            parts.append(run_with)
        whole = dataset(*parts, coords=joined(*coords), declares=model.declares(), attrs=attrs)
        told = self.meter.told(self._plan.precision, ("energy", "control_energy") if model.control else ("energy",))
        for name in told.keys() & whole.keys():
            whole[name].attrs["long_name"] += told[name]
        return whole


def _written(error: Diverged | UserError) -> str:
    if isinstance(error, Diverged):
        return json.dumps({"diverged": True, **vars(error)})
    return json.dumps({"diverged": False, "rendered": error.render()})


def _read(text: str) -> Diverged | UserError:
    told = json.loads(text)
    if not told.pop("diverged"):
        return UserError(told["rendered"])
    return Diverged(told.pop("step"), told.pop("eta_lambda_max"), **told)
