"""The `network` model: a torch network trained as an ensemble of replicas that differ in their minibatches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from langevin_sgd.config.errors import Faults, KeyPath, nearest, shown
from langevin_sgd.config.fields import (
    RECORD_TIMES,
    STEP_LIMIT,
    BurnIn,
    Flag,
    Folder,
    Number,
    PositiveNumber,
    RecordTimes,
    Replicas,
    Section,
    Steps,
    Text,
    own_import_path,
)
from langevin_sgd.config.sgd import Sgd, SgdOverride, overridden
from langevin_sgd.config.window import window_problems
from langevin_sgd.devices import TENSORS, Engine
from langevin_sgd.import_path import is_import_path
from langevin_sgd.models import lineage
from langevin_sgd.models.network import observables
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.variable import Declarations, merged
from langevin_sgd.training.architectures import Architecture
from langevin_sgd.training.curvature_limit import too_many
from langevin_sgd.training.losses import LossKind
from langevin_sgd.training.losses.cross_entropy.config import CrossEntropyLoss
from langevin_sgd.training.probes import ProbeKind
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.update_rules import UpdateRuleKind
from langevin_sgd.training.update_rules.heavy_ball.config import HeavyBallRule

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


@dataclass(frozen=True)
class DataShape:
    """Size of a built-in data set before it is split: samples in all, inputs per sample, classes."""

    samples: int
    inputs: int
    classes: int


BUILT_IN_DATA = {"digits": DataShape(samples=1797, inputs=64, classes=10)}
"""Data sets that need no download, with the sizes that config-time checks rely on."""


def train_size(samples: int, test_fraction: float) -> int:
    """Training samples left of `samples` when round(test_fraction * samples) of them go to the test set."""
    return samples - round(test_fraction * samples)


def _data_name(name: str) -> str:
    if name in BUILT_IN_DATA:
        return name
    if is_import_path(name):
        return own_import_path(name)
    if ":" in name:
        raise ValueError(f'must be "module:attribute" with a callable that returns a DataSet, got {shown(name)}')
    close = nearest(name, BUILT_IN_DATA)
    hint = (
        f'did you mean "{close}"?' if close else f'expected {", ".join(BUILT_IN_DATA)}, or your own "module:attribute"'
    )
    raise ValueError(f"no data set named {shown(name)}; {hint}")


class Data(Section):
    """The data set, its split and its label noise."""

    name: Annotated[Text, AfterValidator(_data_name)] = "digits"
    """`digits` (scikit-learn's, real data, no download), or "module:attribute", a callable that returns a DataSet."""
    label_noise: Annotated[Number, Field(ge=0, le=1)] = 0.0
    """Fraction of the training labels replaced by uniformly random ones."""
    test_fraction: Annotated[Number, Field(ge=0, lt=1)] = 0.2
    """Fraction of the samples kept for testing: N_test = round(test_fraction * N)."""
    folder: Folder | None = None
    """Where a data set of your own finds its files; `digits` needs none."""

    def code(self) -> str:
        """The user's own function that it names; empty for a built-in data set."""
        return self.name if ":" in self.name else ""

    def shape(self) -> DataShape | None:
        """The size of a built-in data set; None for one that must be loaded to be known."""
        return BUILT_IN_DATA.get(self.name)

    def train_size(self) -> int | None:
        """N, the number of training samples, where it is known without loading."""
        shape = self.shape()
        return None if shape is None else train_size(shape.samples, self.test_fraction)


class NetworkModel(ModelSection):
    """An ensemble of `replicas` of one network, trained on real data by minibatch gradient descent."""

    RUN: ClassVar[str] = "langevin_sgd.models.network.points:run_points"
    PROCESS: ClassVar[str] = "langevin_sgd.models.network.stored:process"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.network.stored:follows"
    HELD: ClassVar[str] = "langevin_sgd.models.network.memory:held"
    DECLARES: ClassVar[Declarations] = observables.DECLARES
    SCANNABLE: ClassVar[tuple[str, ...]] = ("sgd", "data.label_noise")
    SGD_KEYS: ClassVar[tuple[str, ...]] = (*ModelSection.SGD_KEYS, "weight_decay")
    SIZE_KEY: ClassVar[str] = "architecture"
    kind: Literal["network"]
    """Always `network`."""
    data: Data = Data()
    """What it is trained on."""
    architecture: Architecture
    """What is trained: kind softmax, mlp or module."""
    loss: LossKind = CrossEntropyLoss(kind="cross_entropy")
    """What a sample costs: a name, or a mapping with its settings."""
    update_rule: UpdateRuleKind = HeavyBallRule(kind="heavy_ball")
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
    """Number of logarithmically spaced times at which energy, displacement and accuracy are recorded."""
    measure_curvature: Flag = Field(default_factory=lambda earlier: earlier["start"] == "minimum")
    """Measure the Hessian and the noise covariance at the minimum. Default: true if start is `minimum`."""
    control: Flag = False
    """Run zero-temperature (full-batch) gradient descent from the same point beside it."""
    precision: Literal["float32", "float64"] = "float32"
    """Arithmetic of the training; curvature is always measured in float64."""
    gradient_tolerance: PositiveNumber = 1e-6
    """Gradient norm at which the minimum counts as found."""
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
        data = self.data.code()
        own = (*self.architecture.code(), *self.loss.code(), *self.update_rule.code())
        return (*([data] if data else []), *own, *(path for probe in self.probes for path in probe.code()))

    def parameters(self) -> int | None:
        """d, the number of trainable parameters, where it is known without building the network."""
        shape = self.data.shape()
        return None if shape is None else self.architecture.parameters(shape.inputs, shape.classes)

    def sgd_of(self, base: Sgd) -> Sgd:
        """The study's sgd with its own changes, its sampling included."""
        return overridden(base, self.sgd)

    def total_steps(self, sgd: Sgd, lent: int | None) -> int:
        """The length of the training."""
        return self.length(sgd)

    def has_stationary_window(self) -> bool:
        """Whether fluctuations about the minimum are sampled along the Hessian's eigenvectors."""
        return self.start == "minimum" and self.measure_curvature

    def engines(self) -> tuple[Engine, ...]:
        """torch, on any device."""
        return (TENSORS,)

    def emits(self) -> frozenset[str]:
        """What is recorded along training; the modes' variances in a stationary window; what the probes measure."""
        found = {"train_loss", "squared_displacement", "spread"}
        # what no law is known for is measured, but not compared
        found |= {"mode_variance"} if self.has_stationary_window() and self.update_rule.OWN_LAW else set()
        return frozenset(found.union(*(probe.emits() for probe in self.probes)))

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
        return None

    def unscannable(self) -> str | None:
        """A window about a minimum has modes and a length of its own at every point; and what its probes say."""
        if self.has_stationary_window():
            return "whose stationary window is its own at every point; give it another start"
        return next((reason for probe in self.probes if (reason := probe.unscannable()) is not None), None)

    def problems(self, study: Study, name: str) -> Faults:
        """Sizes, curvature, sampling, probes and windows."""
        at: KeyPath = ("models", name)
        sgd = lineage.sgd(study, name)
        samples = self.data.train_size()
        if self.data.shape() is not None and self.data.folder is not None:
            yield (*at, "data", "folder"), f"{self.data.name} comes with scikit-learn and reads no folder; remove it"
        if samples is not None and sgd.batch_size > samples:
            yield (
                lineage.sgd_origin(study, name, "batch_size"),
                f"{sgd.batch_size} is more than the {samples} training samples of {name}; give at most {samples}",
            )
        if self.measure_curvature and self.start != "minimum":
            yield (
                (*at, "measure_curvature"),
                f"curvature is measured at the minimum, but start is {self.start}; give start: minimum, or false here",
            )
        fault = too_many(self.parameters(), "the full Hessian and noise covariance", "give measure_curvature: false")
        if self.measure_curvature and fault is not None:
            yield (*at, "architecture"), fault
        if self.control and self.start == "independent":
            yield (
                (*at, "control"),
                "the control needs one starting point for all replicas, but start is independent; give start: shared",
            )
        if (reason := self.update_rule.problem(sgd)) is not None:
            yield lineage.sgd_origin(study, name, "momentum"), reason
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

    def _probe_problems(self, at: KeyPath, sgd: Sgd) -> Faults:
        watched = Watched(self.steps, self.replicas, self.parameters(), sgd, self.gradient_tolerance)
        kinds = [probe.kind for probe in self.probes]
        for place, probe in enumerate(self.probes):
            here: KeyPath = (*at, "probes", place)
            yield from probe.problems(watched, model=at, probe=here)
            if probe.kind in kinds[:place]:
                yield here, f"{probe.kind} is there twice; remove one"
