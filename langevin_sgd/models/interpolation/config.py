"""The `interpolation` model: SGD of a real network restricted to the line through two trained minima."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from langevin_sgd.config.errors import Faults, KeyPath, inconsistent
from langevin_sgd.config.fields import (
    LowHigh,
    ModelName,
    PositiveLowHigh,
    PositiveNumber,
    RecordTimes,
    Replicas,
    Section,
    Steps,
    WholeNumber,
)
from langevin_sgd.config.sgd import Sgd, SgdOverride, overridden
from langevin_sgd.devices import COMPILED, Engine
from langevin_sgd.models import lineage
from langevin_sgd.models.interpolation import observables
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.variable import Declarations
from langevin_sgd.training.architectures import Architecture
from langevin_sgd.training.architectures.section import MIXED
from langevin_sgd.training.data import DataKind
from langevin_sgd.training.data.digits import DigitsData
from langevin_sgd.training.losses import LossKind
from langevin_sgd.training.losses.cross_entropy.config import CrossEntropyLoss
from langevin_sgd.training.losses.targets import target_fault

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


class Endpoint(Section):
    """How one end of the line is trained: plain SGD with replacement and the study's weight decay."""

    batch_size: Annotated[WholeNumber, Field(ge=1, le=2**53)]
    """Samples per minibatch."""
    learning_rate: PositiveNumber
    """Step of the descent."""
    steps: Steps
    """Length of the training."""


class InterpolationModel(ModelSection):
    """SGD in the one variable s of w(s) = w_a + s (w_b - w_a), through two trained minima, with real minibatches.

    s <- s - eta * mean over B drawn samples of g_n(s), with g_n the derivative of that sample's loss along the line.
    """

    RUN: ClassVar[str] = "langevin_sgd.models.interpolation.run:run"
    PROCESS: ClassVar[str] = "langevin_sgd.models.interpolation.stored:process"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.interpolation.stored:follows"
    TRIAL: ClassVar[str] = "langevin_sgd.models.interpolation.run:trial"
    HELD: ClassVar[str] = "langevin_sgd.models.interpolation.memory:held"
    DECLARES: ClassVar[Declarations] = observables.DECLARES
    SCANNABLE: ClassVar[tuple[str, ...]] = (
        *("learning_rate_per_sample", "sgd", "steps", "window", "endpoints", "data", "loss", "architecture.activation"),
    )
    FUSED: ClassVar[tuple[str, ...]] = ("learning_rate_per_sample",)
    kind: Literal["interpolation"]
    """Always `interpolation`."""
    data: DataKind = DigitsData()
    """What the network is trained on, and the minibatches are drawn from."""
    architecture: Architecture
    """The network: kind softmax, linear, mlp, cnn, residual_cnn or module."""
    loss: LossKind = CrossEntropyLoss(kind="cross_entropy")
    """What a sample costs: a name, or a mapping with its settings."""
    endpoints: dict[ModelName, Endpoint]
    """The two ends by name, s = 0 first: {small_batch: {batch_size, learning_rate, steps}, large_batch: {...}}."""
    start: Literal["shared", "independent"] = "shared"
    """Whether both ends are trained from one random initial point, or each from its own."""
    learning_rate_per_sample: PositiveNumber | None = None
    """eta/B: the learning rate is this times batch_size, whatever sgd says. null: sgd's learning rate."""
    range: LowHigh = (-1.0, 2.0)
    """First and last s of the tables, where steps stop; wide enough that they hardly ever do."""
    points: Annotated[WholeNumber, Field(ge=51, le=4001)] = 601
    """Number of equally spaced values of s in the tables and in the transition matrix."""
    replicas: Annotated[Replicas, Field(ge=4)] = 4096
    """Walkers on the line, half of them starting at each end."""
    window: PositiveLowHigh = (6.0, 15.0)
    """Where the mean occupancy is measured, in relaxation times of the exact chain; the run ends with it."""
    steps: Steps = 1_000_000
    """Most steps of a run, where relaxation is too slow for the window; it is then shortened in proportion."""
    record_times: RecordTimes = 61
    """Number of equally spaced times at which the occupancy is recorded, both ends included."""
    sgd: SgdOverride | None = None
    """What this model changes in the study's sgd."""

    @model_validator(mode="after")
    def _possible(self) -> InterpolationModel:
        faults = list(self._faults())
        if faults:
            raise inconsistent(faults)
        return self

    def _faults(self) -> Iterator[tuple[KeyPath, str]]:
        if len(self.endpoints) != 2:
            yield ("endpoints",), f"needs exactly two ends, got {len(self.endpoints)}"
        low, high = self.range
        if not (low < 0.0 and high > 1.0):
            yield ("range",), f"needs FIRST < 0 and LAST > 1, to hold both ends, got {low:g} and {high:g}"
        if not self.window[0] < self.window[1]:
            yield ("window",), f"needs FIRST < LAST, got {self.window[0]:g} and {self.window[1]:g}"
        samples = self.data.training_samples()
        for name, end in self.endpoints.items():
            if samples is not None and end.batch_size > samples:
                yield (
                    ("endpoints", name, "batch_size"),
                    f"{end.batch_size} is more than the {samples} training samples; give at most {samples}",
                )

    def code(self) -> tuple[str, ...]:
        """A data set, a module and a loss of the user's own."""
        return (*self.data.code(), *self.architecture.code(), *self.loss.code())

    def absent(self) -> Faults:
        """Files of the data."""
        yield from self.data.absent(("data",))

    def at(self, sgd: Sgd) -> Sgd:
        """The sgd that the walkers follow: `sgd`, with eta from `learning_rate_per_sample` if that is given."""
        if self.learning_rate_per_sample is None:
            return sgd
        return sgd.model_copy(update={"learning_rate": self.learning_rate_per_sample * sgd.batch_size})

    def idle(self) -> tuple[str, ...]:
        """Scannable keys that change nothing as the model is configured."""
        return () if self.learning_rate_per_sample is None else ("learning_rate",)

    def total_steps(self, sgd: Sgd, lent: int | None) -> int:
        """The most that it may make."""
        return self.steps

    def work(self, study: Study, name: str) -> Mapping[str, int]:
        """Walkers; how many steps they make follows from the ends, which any run trains."""
        return {"replicas": self.replicas}

    def engines(self) -> tuple[Engine, ...]:
        """A compiled kernel, and trainings of two networks beside it."""
        return (COMPILED,)

    def emits(self) -> frozenset[str]:
        """The occupancy by start."""
        return frozenset({"occupancy_from"})

    def problems(self, study: Study, name: str) -> Faults:
        """Sizes, and that the position alone is a Markov chain."""
        at: KeyPath = ("models", name)
        sgd = lineage.sgd(study, name)
        origin = lineage.sgd_origin(study, name, "batch_size")
        yield from self.data.problems(name, data=(*at, "data"), batch_size=sgd.batch_size, batch_size_at=origin)
        if (reason := target_fault(self.loss, self.data)) is not None:
            yield (*at, "loss"), reason
        if (reason := self.architecture.refusal(self.data)) is not None:
            yield (*at, "architecture"), reason
        if self.data.augment is not None:
            yield (*at, "data", "augment"), "steps on the line choose among samples as they are; remove it"
        if self.data.fresh_samples():
            yield (*at, "data", "fresh"), "steps on the line choose among samples that stay; remove it"
        if self.architecture.mixes_samples():
            yield (*at, "architecture", "normalisation"), f"{MIXED}, and its line is of such a sum; give layer or group"
        if sgd.momentum > 0:
            yield (
                lineage.sgd_origin(study, name, "momentum"),
                f"must be 0 for {name}, got {sgd.momentum:g}: with momentum the position alone is no Markov chain",
            )
        if study.sgd is not None and overridden(study.sgd, self.sgd).sampling == "epoch":
            yield (
                lineage.sgd_origin(study, name, "sampling"),
                f"must be with_replacement for {name}: within an epoch the position alone is no Markov chain",
            )
        if self.learning_rate_per_sample is not None and self.sgd is not None and self.sgd.learning_rate is not None:
            yield (*at, "sgd", "learning_rate"), "learning_rate_per_sample is given too; remove one"
