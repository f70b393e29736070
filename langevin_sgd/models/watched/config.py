"""The `watched` model: what `langevin_sgd.watch` was told of a training loop of the user's own, and what it read off.

Such a config is written by `langevin_sgd.watch` and `langevin_sgd.merge`, and is read to judge and to show a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import (
    GRADIENT_TOLERANCE,
    RECORD_TIMES,
    BurnIn,
    Flag,
    PositiveNumber,
    RecordTimes,
    Seed,
    Steps,
    Text,
)
from langevin_sgd.config.fields import PositiveWholeNumber as Count
from langevin_sgd.config.sgd import Sgd, overridden
from langevin_sgd.config.window import window_problems
from langevin_sgd.devices import TENSORS, Engine
from langevin_sgd.families import imported
from langevin_sgd.models import lineage
from langevin_sgd.models.section import ModelSection
from langevin_sgd.models.watched import observables
from langevin_sgd.observables.variable import Declarations, merged
from langevin_sgd.training.curvature_limit import MeasuredModes, too_many
from langevin_sgd.training.losses import LossKind
from langevin_sgd.training.probes import ProbeKind
from langevin_sgd.training.probes.section import Watched, probe_problems
from langevin_sgd.training.recording.config import Recording
from langevin_sgd.training.update_rules import UpdateRuleKind
from langevin_sgd.training.update_rules.section import UpdateRuleSection

if TYPE_CHECKING:
    from langevin_sgd.laws import Point
    from langevin_sgd.laws.recomputed import Recomputed
    from langevin_sgd.study.config import Study


class WatchedModel(ModelSection):
    """Training in a loop of your own, recorded by `langevin_sgd.watch`: read again, and never run."""

    RUN: ClassVar[str] = "langevin_sgd.models.watched.run:run"
    PROCESS: ClassVar[str] = "langevin_sgd.models.network.stored:process"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.network.stored:follows"
    DECLARES: ClassVar[Declarations] = observables.DECLARES
    SGD_KEYS: ClassVar[tuple[str, ...]] = (*ModelSection.SGD_KEYS, "weight_decay", "sampling")
    MEMBERS: ClassVar[str] = "replicas"
    SIZE_KEY: ClassVar[str] = "weights"
    kind: Literal["watched"]
    """Always `watched`."""
    network: Text
    """What was trained: the class of the module."""
    weights: Count
    """d, its trainable weights."""
    data: Text
    """What it was trained on."""
    data_digest: Text
    """Tells data of one name apart: a digest of their numbers."""
    samples: Count
    """N, its training samples."""
    loss: LossKind
    """What a sample costs: a name, or a mapping with its settings."""
    optimizer: Text
    """What made the steps."""
    rule: UpdateRuleKind | None = None
    """The update rule that this is, if it is one that we have: then its laws are claimed. null: none is."""
    unlike: tuple[Text, ...] = ()
    """Settings in which the groups of parameters of the optimizer differ: then no law is claimed."""
    learning_rate_changes: Flag = False
    """The learning rate was another at some steps: how it went is in the run, `learning_rate_factor`."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    """The seed of each replica, which is one run of the loop."""
    steps: Steps
    """Length of the training, in steps of the descent."""
    start: Literal["minimum", "shared", "independent"]
    """minimum: at the minimum of the full training loss. shared: all replicas at one point. independent: each at its
    own."""
    burn_in: BurnIn | None = None
    """Steps left out of the stationary window. null: five relaxation times of the slowest noisy mode, at most half."""
    sample_every: Steps | None = None
    """Steps between samples of the stationary window. null: about 400 samples in all."""
    record_times: RecordTimes = RECORD_TIMES
    """Number of logarithmically spaced times at which energy, displacement, accuracy and weights are recorded."""
    measure_curvature: Flag = Field(default_factory=lambda earlier: earlier["start"] == "minimum")
    """Measure the Hessian and the noise covariance at the minimum. Default: true if start is `minimum`."""
    curvature: MeasuredModes | None = None
    """Which modes are measured and recorded: {modes: 50}, the 50 sharpest. null: all, with H and C in full."""
    precision: Literal["float32", "float64"]
    """Arithmetic of the training; curvature is always measured in float64."""
    gradient_tolerance: PositiveNumber = GRADIENT_TOLERANCE
    """Gradient norm at which the minimum counts as found."""
    probes: tuple[ProbeKind, ...] = ()
    """What is measured at the weights that training visits: a name, or a mapping with its settings."""

    @property
    def replicas(self) -> int:
        """One a seed."""
        return len(self.seeds)

    @property
    def update_rule(self) -> UpdateRuleSection:
        """The rule, or one of which no law is known."""
        return UpdateRuleSection(kind="unknown") if self.rule is None else self.rule

    @property
    def training_time(self) -> None:
        """The length is always given in steps."""
        return

    @property
    def recording(self) -> Recording:
        """All that is recorded is evaluated, on all samples in float64."""
        return Recording(precision="float64", evaluations=self.record_times)

    @property
    def control(self) -> bool:
        """Nothing runs beside a loop of somebody's own."""
        return False

    def length(self, sgd: Sgd) -> int:
        """The steps."""
        return self.steps

    def total_steps(self, sgd: Sgd, lent: int | None) -> int:
        """The steps."""
        return self.steps

    def parameters(self) -> int:
        """d."""
        return self.weights

    def sgd_of(self, base: Sgd) -> Sgd:
        """The study's sgd, its sampling included."""
        return overridden(base, None)

    def engines(self) -> tuple[Engine, ...]:
        """torch, on any device."""
        return (TENSORS,)

    def code(self) -> tuple[str, ...]:
        """A loss, an update rule and probes of the user's own."""
        own = (*self.loss.code(), *self.update_rule.code())
        return (*own, *(path for probe in self.probes for path in probe.code()))

    def unrunnable(self) -> str | None:
        """A config does not hold the loop."""
        told: str | None = imported("langevin_sgd.models.watched.run:unrunnable")()
        return told

    def has_stationary_window(self) -> bool:
        """Whether fluctuations about the minimum are sampled along the Hessian's eigenvectors."""
        return self.start == "minimum" and self.measure_curvature

    def emits(self) -> frozenset[str]:
        """What is recorded along training; the modes' variances in a stationary window; what the probes measure."""
        found = {"train_loss", "squared_displacement", "spread"}
        # what no law is known for is measured, but not compared
        found |= {"mode_variance"} if self.has_stationary_window() and self._uncompared() is None else set()
        return frozenset(found.union(*(probe.emits() for probe in self.probes)))

    def _uncompared(self) -> str | None:
        if self.unlike:
            differ = " and ".join(self.unlike)
            return f"was trained with groups of parameters that differ in {differ}, and laws take one of all weights"
        if self.rule is None:
            return f"was trained by {self.optimizer}, of which no law is known"
        return self.rule.uncompared(None if self.curvature is None else self.curvature.modes)

    def withholds(self) -> Mapping[str, str]:
        """Fluctuations that are compared with no law."""
        reason = self._uncompared() if self.has_stationary_window() else None
        return {} if reason is None else {"mode_variance": reason}

    def follows(self, point: Point) -> Mapping[str, Recomputed]:
        """That of a network; of a learning rate that changed the times are as they were read off."""
        read_off = ("time", "effective_time") if self.learning_rate_changes else ()
        return {name: found for name, found in super().follows(point).items() if name not in read_off}

    def declares(self) -> Declarations:
        """What all training does, and what its probes do."""
        return merged(self.DECLARES, *(probe.DECLARES for probe in self.probes))

    def problems(self, study: Study, name: str) -> Faults:
        """Sizes, curvature, seeds, probes and windows."""
        at: KeyPath = ("models", name)
        sgd = lineage.sgd(study, name)
        if sgd.batch_size > self.samples:
            yield ("sgd", "batch_size"), f"{sgd.batch_size} is more than the {self.samples} training samples"
        for place, seed in enumerate(self.seeds):
            if seed in self.seeds[:place]:
                yield (*at, "seeds", place), f"{seed} is there twice: a run of the same numbers says nothing new"
        if self.measure_curvature and self.start != "minimum":
            yield (
                (*at, "measure_curvature"),
                f"curvature is measured at the minimum, but start is {self.start}; give false here",
            )
        fault = too_many(self.weights, "the full Hessian and noise covariance", "give curvature: {modes: 50}")
        if self.measure_curvature and self.curvature is None and fault is not None:
            yield (*at, "weights"), fault
        if self.curvature is not None and not (self.measure_curvature and self.curvature.modes < self.weights):
            yield (
                (*at, "curvature"),
                f"needs start: minimum, and fewer modes than the {self.weights} weights; remove it",
            )
        watched = Watched(
            self.steps,
            self.replicas,
            self.weights,
            sgd,
            self.gradient_tolerance,
            rule=self.update_rule,
            curved=self.measure_curvature and self.start == "minimum",
            draws=False,
        )
        yield from probe_problems(self.probes, watched, at)
        yield from window_problems(at, self, self.steps, exists=self.has_stationary_window())
