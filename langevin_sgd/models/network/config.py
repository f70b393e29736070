"""The `network` model: a torch network trained as an ensemble of replicas that differ in their minibatches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import (
    GRADIENT_TOLERANCE,
    RECORD_TIMES,
    STEP_LIMIT,
    BurnIn,
    Flag,
    PositiveNumber,
    RecordTimes,
    Replicas,
    Steps,
)
from langevin_sgd.config.sgd import Sgd, SgdOverride, overridden
from langevin_sgd.config.window import window_problems
from langevin_sgd.devices import TENSORS, Engine
from langevin_sgd.families import imported
from langevin_sgd.models import lineage
from langevin_sgd.models.network import observables
from langevin_sgd.models.section import ModelSection
from langevin_sgd.models.stationary_window import expected_samples, window_of
from langevin_sgd.observables.variable import Declarations, merged
from langevin_sgd.training.architectures import Architecture
from langevin_sgd.training.architectures.section import MIXED
from langevin_sgd.training.curvature_limit import MeasuredModes, too_many
from langevin_sgd.training.data import DataKind
from langevin_sgd.training.data.digits import DigitsData
from langevin_sgd.training.losses import LossKind
from langevin_sgd.training.losses.cross_entropy.config import CrossEntropyLoss
from langevin_sgd.training.losses.targets import target_fault
from langevin_sgd.training.probes import ProbeKind
from langevin_sgd.training.probes.section import Watched, probe_problems
from langevin_sgd.training.recording.config import Precision, Recording
from langevin_sgd.training.update_rules import UpdateRuleKind
from langevin_sgd.training.update_rules.sgd.config import SgdRule

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_STEPS_OF_A_LAUNCH = 10_000_000  # of replicas
_REPLICAS_OF_A_LAUNCH = 1024


class NetworkModel(ModelSection):
    """An ensemble of `replicas` of one network, trained on real data by minibatch gradient descent."""

    RUN: ClassVar[str] = "langevin_sgd.models.network.points:run_points"
    PROCESS: ClassVar[str] = "langevin_sgd.models.network.stored:process"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.network.stored:follows"
    TRIAL: ClassVar[str] = "langevin_sgd.models.network.trial:trial"
    HELD: ClassVar[str] = "langevin_sgd.models.network.memory:held"
    DECLARES: ClassVar[Declarations] = observables.DECLARES
    SCANNABLE: ClassVar[tuple[str, ...]] = (
        *("sgd", "steps", "training_time", "data", "loss", "update_rule", "architecture.activation", "start"),
        *("burn_in", "sample_every", "gradient_tolerance", "precision"),
    )
    SGD_KEYS: ClassVar[tuple[str, ...]] = (*ModelSection.SGD_KEYS, "weight_decay", "sampling")
    FUSED: ClassVar[tuple[str, ...]] = (
        "sgd.learning_rate",
        "sgd.momentum",
        "sgd.weight_decay",
        "data.label_noise",
    )
    COMMON: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        observables.AT_MINIMUM,
        ("sgd.weight_decay", "data", "architecture", "loss", "gradient_tolerance", "seed"),
    )
    SIZE_KEY: ClassVar[str] = "architecture"
    kind: Literal["network"]
    """Always `network`."""
    data: DataKind = DigitsData()
    """What it is trained on."""
    architecture: Architecture
    """What is trained: kind softmax, linear, mlp, cnn, residual_cnn or module."""
    loss: LossKind = CrossEntropyLoss(kind="cross_entropy")
    """What a sample costs: a name, or a mapping with its settings."""
    update_rule: UpdateRuleKind = SgdRule(kind="sgd")
    """How weights follow from gradients: a name, or a mapping with its settings."""
    replicas: Replicas = 64
    """Copies of the network with independent minibatches; error bars come from them."""
    steps: Steps | None = None
    """Length of the training, in steps of the descent; or give training_time."""
    training_time: PositiveNumber | None = None
    """The same as time, learning_rate * steps, rounded to a whole step: equal at all points of a scan."""
    start: Literal["minimum", "shared", "independent"] = "shared"
    """minimum: all replicas at the minimum of the full training loss, for stationary fluctuations around it.
    shared: all at one random initial point. independent: each at its own.
    Default: minimum if another model of the study takes H or C from this one, else shared."""
    burn_in: BurnIn | None = None
    """Steps left out of the stationary window. null: five relaxation times of the slowest noisy mode, at most half."""
    sample_every: Steps | None = None
    """Steps between samples of the stationary window. null: about 400 samples in all; with epoch sampling it shares
    no factor with the batches of an epoch, so that all phases are visited."""
    record_times: RecordTimes = RECORD_TIMES
    """Number of logarithmically spaced times that are recorded: displacements at all of them, energy, loss and accuracy
    at as many as `recording` says."""
    recording: Recording = Recording()
    """How loss, energy and accuracy are evaluated along the way: {precision: float32 or float64, samples: N,
    evaluations: N, window: loss or modes}, all of them optional. By default they take at most a fifth of the training,
    counted in operations: in float64 where that suffices, else in the arithmetic of the training, and at fewer of the
    recorded times, nan at others. With `samples` they are of so many training and test samples, drawn once. `window`
    says what energies in a stationary window are: of the loss in float64 or, at no cost, along the modes."""
    measure_curvature: Flag = Field(default_factory=lambda earlier: earlier["start"] == "minimum")
    """Measure the Hessian and the noise covariance at the minimum. Default: true if start is `minimum`."""
    curvature: MeasuredModes | None = None
    """Which modes are measured and recorded: {modes: 50}, the 50 sharpest. null: all, with H and C in full."""
    control: Flag = False
    """Run zero-temperature (full-batch) gradient descent from the same point beside it."""
    precision: Precision = "float32"
    """Arithmetic of the training; curvature is always measured in float64."""
    gradient_tolerance: PositiveNumber = GRADIENT_TOLERANCE
    """Gradient norm at which the minimum counts as found. In a wide network, where some directions are nearly flat, a
    larger one may stop far from it along these, and the sharp modes are others there."""
    probes: tuple[ProbeKind, ...] = ()
    """What is measured at the weights that training visits: a name, or a mapping with its settings."""
    sgd: SgdOverride | None = None
    """What this model changes in the study's sgd."""

    def length(self, sgd: Sgd) -> int:
        """Number of steps of a training with this `sgd`."""
        if self.steps is not None:
            return self.steps
        assert self.training_time is not None  # a consistent study has one of the two
        return max(1, round(self.training_time / sgd.learning_rate))

    def code(self) -> tuple[str, ...]:
        """A data set, a module, a loss, an update rule and probes of the user's own."""
        own = (*self.data.code(), *self.architecture.code(), *self.loss.code(), *self.update_rule.code())
        return (*own, *(path for probe in self.probes for path in probe.code()))

    def absent(self) -> Faults:
        """Files of the data."""
        yield from self.data.absent(("data",))

    def parameters(self) -> int | None:
        """d, the number of trainable parameters, where it is known without building the network."""
        shape, taken = self.data.shape(), self.architecture.input_shape(self.data)
        if shape is None or not taken or self.architecture.problem(taken) is not None:
            return None
        return self.architecture.parameters(taken, shape.outputs)

    def sgd_of(self, base: Sgd) -> Sgd:
        """The study's sgd with its own changes, its sampling included."""
        return overridden(base, self.sgd)

    def total_steps(self, sgd: Sgd, lent: int | None) -> int:
        """The length of the training."""
        return self.length(sgd)

    def has_stationary_window(self) -> bool:
        """Whether fluctuations about the minimum are sampled along the Hessian's eigenvectors."""
        return self.start == "minimum" and self.measure_curvature

    def curvature_modes(self) -> int | None:
        """How many modes of the Hessian are measured; None for all, with H and C in full."""
        return None if self.curvature is None else self.curvature.modes

    def engines(self) -> tuple[Engine, ...]:
        """torch, on any device."""
        return (TENSORS,)

    def emits(self) -> frozenset[str]:
        """What is recorded along training; the modes' variances in a stationary window; what the probes measure."""
        found = {"train_loss", "squared_displacement", "spread"}
        # what no law is known for is measured, but not compared
        found |= {"mode_variance"} if self.has_stationary_window() and self._uncompared() is None else set()
        return frozenset(found.union(*(probe.emits() for probe in self.probes)))

    def _uncompared(self) -> str | None:
        return self.update_rule.uncompared(self.curvature_modes())

    def withholds(self) -> Mapping[str, str]:
        """Fluctuations that are compared with no law."""
        reason = self._uncompared() if self.has_stationary_window() else None
        return {} if reason is None else {"mode_variance": f"{reason}; take a rule with a law, such as sgd"}

    def declares(self) -> Declarations:
        """What every network does, and what its probes do."""
        return merged(self.DECLARES, *(probe.DECLARES for probe in self.probes))

    @classmethod
    def lending(cls, written: Mapping[str, Any]) -> Mapping[str, Any]:
        """`start` is `minimum` unless it is given: H and C belong to one."""
        return {"start": "minimum", **written}

    def lends(self) -> bool:
        """H and C are measured on networks."""
        return True

    def of_twin(self, changes: Mapping[str, Any]) -> NetworkModel:
        """Without control and probes, which run on minibatches."""
        return self.model_copy(update={"control": False, "probes": (), **changes})

    def refuses_to_lend(self, own_name: str, taker: str, others: list[str]) -> tuple[KeyPath | None, str] | None:
        """H and C are measured at the minimum, and only there."""
        at: KeyPath = ("models", own_name)
        if self.start != "minimum":
            message = (
                f"is {self.start}, but {taker} takes H and C from {own_name}, measured at the minimum; give minimum"
            )
            return (*at, "start"), message
        if not self.measure_curvature:
            message = f"is false, but {taker} takes H and C from {own_name}; give true, or leave it out"
            return (*at, "measure_curvature"), message
        if self.curvature is not None:
            mend = f"remove it, or let {taker} have H and C of its own"
            return (*at, "curvature"), f"leaves H and C unknown beyond its modes, but {taker} takes them; {mend}"
        return None

    def unscannable(self) -> str | None:
        """What its probes say."""
        return next((reason for probe in self.probes if (reason := probe.unscannable()) is not None), None)

    def points_at_once(self, study: Study, name: str) -> int:
        """So many that a launch of a small network takes some seconds; what trains at once is no more than suits it."""
        members = self.length(lineage.sgd(study, name)) * self.replicas
        most = min(_STEPS_OF_A_LAUNCH // members, _REPLICAS_OF_A_LAUNCH // self.replicas)
        return max(1, most)

    def work(self, study: Study, name: str) -> Mapping[str, int]:
        """Steps, recorded times, and looks at all of the data: at some of these, and in the stationary window."""
        sgd = lineage.sgd(study, name)
        steps = self.length(sgd)
        looks: dict[str, int] = imported("langevin_sgd.models.network.recorded:looks")(self, sgd)
        if self.has_stationary_window():
            looks["samples"] = expected_samples(steps, burn_in=self.burn_in, every=self.sample_every)
        return {"steps": steps, **looks}

    def shorter(self, study: Study, name: str, work: Mapping[str, int]) -> Mapping[str, Any]:
        """With fewer steps and looks."""
        window = window_of(work["steps"], work["samples"]) if self.has_stationary_window() else {}
        record = imported("langevin_sgd.models.network.recorded:fewer")(self, work)
        pieces = [piece for probe in self.probes if (piece := probe.shorter(work["steps"])) is not None]
        probes = {"probes": [piece.model_dump(exclude_none=True) for piece in pieces]} if self.probes else {}
        return {"steps": work["steps"], "training_time": None, **record, **window, **probes}

    def problems(self, study: Study, name: str) -> Faults:
        """Sizes, curvature, sampling, probes and windows."""
        at: KeyPath = ("models", name)
        sgd = lineage.sgd(study, name)
        samples = self.data.training_samples()
        origin = lineage.sgd_origin(study, name, "batch_size")
        yield from self.data.problems(name, data=(*at, "data"), batch_size=sgd.batch_size, batch_size_at=origin)
        if (reason := self.architecture.refusal(self.data)) is not None:
            yield (*at, "architecture"), reason
        if self.data.augment is not None and sgd.sampling == "epoch":
            yield lineage.sgd_origin(study, name, "sampling"), f"augmented images of {name} have no epochs; remove it"
        if self.data.augment is not None and self.start == "minimum":
            yield (
                (*at, "data", "augment"),
                "the descent is that of another loss than the one that start: minimum is the minimum of; remove one",
            )
        if self.data.fresh_samples() and sgd.sampling == "epoch":
            yield lineage.sgd_origin(study, name, "sampling"), f"fresh samples of {name} have no epochs; remove it"
        if self.architecture.mixes_samples():
            needed = self.needs_samples_apart()
            if needed is not None:
                yield (*at, needed[0]), f"{MIXED}; {needed[1]}"
        if self.measure_curvature and self.start != "minimum":
            yield (
                (*at, "measure_curvature"),
                f"curvature is measured at the minimum, but start is {self.start}; give start: minimum, or false here",
            )
        fault = too_many(self.parameters(), "the full Hessian and noise covariance", "give curvature: {modes: 50}")
        if self.measure_curvature and self.curvature is None and fault is not None:
            yield (*at, "architecture"), fault
        if (reason := target_fault(self.loss, self.data)) is not None:
            yield (*at, "loss"), reason
        if self.curvature is not None and not self.measure_curvature:
            why = f"start is {self.start}" if self.start != "minimum" else "measure_curvature is false"
            yield (*at, "curvature"), f"is measured at the minimum, but {why}; give start: minimum, or remove it"
        size = self.parameters()
        if self.curvature is not None and size is not None and self.curvature.modes >= size:
            mend = f"give fewer than {size}, or leave curvature out to have them all"
            yield (*at, "curvature", "modes"), f"{self.curvature.modes} of a network of {size} parameters; {mend}"
        if self.control and self.start == "independent":
            yield (
                (*at, "control"),
                "the control needs one starting point for all replicas, but start is independent; give start: shared",
            )
        yield from self.recording.problems(
            (*at, "recording"), record_times=self.record_times, samples=samples, window=self.has_stationary_window()
        )
        momentum = lineage.sgd_origin(study, name, "momentum")
        yield from self.update_rule.problems(sgd, rule=(*at, "update_rule"), momentum=momentum)
        yield from self._schedule_problems(at, sgd)
        yield from self._probe_problems(at, sgd)
        if (self.steps is None) == (self.training_time is None):
            fault = (
                "missing; expected a whole number" if self.steps is None else "training_time is given too; remove one"
            )
            yield (*at, "steps"), fault
            return
        if self.training_time is not None and not self.training_time <= STEP_LIMIT * sgd.learning_rate:
            yield (
                (*at, "training_time"),
                f"{self.training_time:g} takes more than {STEP_LIMIT:.2g} steps of {sgd.learning_rate:g}; give less",
            )
            return
        yield from window_problems(at, self, self.length(sgd), exists=self.has_stationary_window())
        if samples is not None and sgd.sampling == "epoch" and sgd.batch_size <= samples:
            batches = samples // sgd.batch_size
            every = self.sample_every
            if every is not None and math.gcd(every, batches) != 1:
                coprime = next(other for other in range(every, every + batches + 1) if math.gcd(other, batches) == 1)
                yield (
                    (*at, "sample_every"),
                    f"{every} shares a factor with the {batches} batches of an epoch, so some phases would never be "
                    f"sampled; give {coprime}, or null",
                )

    def needs_samples_apart(self) -> tuple[str, str] | None:
        """The key that asks for a loss that is a sum over samples, and what to do about it."""
        layers = "or normalisation: layer for batch statistics"
        if self.start == "minimum":
            return "start", f"H, C and the minimum are of such a sum; give start: shared, {layers}"
        if self.control:
            return "control", f"that of the whole set, which it would descend, is another loss; remove it, {layers}"
        if any(probe.NEEDS for probe in self.probes):
            return "probes", f"what probes take of the training is of such a sum; remove them, {layers}"
        return None

    def _schedule_problems(self, at: KeyPath, sgd: Sgd) -> Faults:
        """What takes a learning rate that does not change."""
        schedule = self.update_rule.schedule
        if schedule.constant():
            return
        told = f"{'warm_up' if schedule.settled() else schedule.kind} changes the learning rate"
        if self.training_time is not None:
            yield (*at, "training_time"), f"counts steps of one learning rate, and the schedule {told}; give steps"
        if not self.has_stationary_window():
            return
        mend = "give a schedule that ends at 1 before, such as warm_up alone, or measure_curvature: false"
        if (settled := schedule.settled()) is None:
            yield (*at, "update_rule", "schedule"), f"{told}, and a stationary window takes one that stays; {mend}"
        elif self.steps is not None and settled >= (self.steps if self.burn_in is None else self.burn_in + 1):
            yield (
                (*at, "update_rule", "schedule"),
                f"{told} until step {settled}, within the stationary window; give fewer steps, or a later burn_in",
            )

    def _known_length(self, sgd: Sgd) -> int | None:
        """Number of steps, if the config says it once and within reach."""
        if self.training_time is None:
            return self.steps
        reached = self.training_time <= STEP_LIMIT * sgd.learning_rate
        return self.length(sgd) if self.steps is None and reached else None

    def _probe_problems(self, at: KeyPath, sgd: Sgd) -> Faults:
        watched = Watched(
            self._known_length(sgd),
            self.replicas,
            self.parameters(),
            sgd,
            self.gradient_tolerance,
            rule=self.update_rule,
            curved=self.measure_curvature and self.start == "minimum",
            linear=self.update_rule.has_law(),
            one_start=self.start != "independent",
            control=self.control,
            anew=self.data.augment is not None or self.data.fresh_samples(),
        )
        yield from probe_problems(self.probes, watched, at)
