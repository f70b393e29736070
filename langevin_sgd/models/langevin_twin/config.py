"""The `langevin_twin` model: the stochastic differential equation of a network's SGD, on the network itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator

from langevin_sgd.config.errors import Faults, KeyPath, choice
from langevin_sgd.config.fields import BurnIn, ModelName, PositiveNumber, Replicas, Steps
from langevin_sgd.config.sgd import Sgd, SgdOverride
from langevin_sgd.config.window import window_problems
from langevin_sgd.devices import TENSORS, Engine
from langevin_sgd.models import lineage
from langevin_sgd.models.langevin_twin import observables
from langevin_sgd.models.section import ModelSection
from langevin_sgd.models.stationary_window import expected_samples, window_of
from langevin_sgd.observables.variable import Declarations
from langevin_sgd.training.architectures.section import MIXED
from langevin_sgd.training.update_rules.sgd.config import SgdRule

if TYPE_CHECKING:
    from langevin_sgd.models.network.config import NetworkModel
    from langevin_sgd.study.config import Study

_ROUNDING = 1e-6
_MOST_SUBSTEPS = 1024


def _one_over_whole(fraction: float) -> float:
    """`fraction` if it is 1/l with a whole l. Raises `ValueError` otherwise."""
    whole = round(1.0 / fraction) if fraction > 0.5 / _MOST_SUBSTEPS else 0
    if not 1 <= whole <= _MOST_SUBSTEPS or abs(whole * fraction - 1.0) > _ROUNDING:
        raise ValueError(
            f"must be 1 over a whole number up to {_MOST_SUBSTEPS}, such as 1, 0.5, 0.25 or 0.125, so that steps end "
            f"where those of SGD do, got {fraction:g}"
        )
    return fraction


class LangevinTwinModel(ModelSection):
    """dw = -grad E dt + (eta/B)^(1/2) C(w)^(1/2) dW (Ito) on the loss of a network, by Euler-Maruyama steps.

    E is the full training loss with weight decay and C(w) the covariance of one sample's gradient. A step of SGD is
    1/time_step_fraction steps of the twin, each of which costs the gradient of the whole training set: N/B times the
    work of one of SGD, where the noise is not svag.
    """

    RUN: ClassVar[str] = "langevin_sgd.models.langevin_twin.run:run"
    PROCESS: ClassVar[str] = "langevin_sgd.models.langevin_twin.stored:process"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.langevin_twin.stored:follows"
    HELD: ClassVar[str] = "langevin_sgd.models.langevin_twin.memory:held"
    DECLARES: ClassVar[Declarations] = observables.DECLARES
    SCANNABLE: ClassVar[tuple[str, ...]] = (
        *("sgd", "noise", "time_step_fraction", "steps", "burn_in", "sample_every"),
    )
    SGD_KEYS: ClassVar[tuple[str, ...]] = (*ModelSection.SGD_KEYS, "weight_decay")
    SIZE_KEY: ClassVar[str] = "of"
    kind: Literal["langevin_twin"]
    """Always `langevin_twin`."""
    of: ModelName
    """The network that it is the twin of: it has its data, architecture, loss, weight decay, start and times."""
    noise: Literal["per_sample", "frozen", "diagonal", "isotropic", "svag"] = "per_sample"
    """per_sample: Gaussian, of the full C at every point. frozen: of C as it is where the replicas begin. diagonal: of
    its diagonal alone. isotropic: of tr C/d in every weight. svag: two minibatches of SGD in each step, with weights
    that make the noise as strong; at time_step_fraction 1 it is SGD."""
    time_step_fraction: Annotated[PositiveNumber, AfterValidator(_one_over_whole)] = 0.25
    """Time step over the learning rate, 1/l with a whole l; at 1 the steps are those of SGD with Gaussian noise."""
    replicas: Replicas = 64
    """Independent trajectories; error bars come from them."""
    steps: Steps | None = None
    """Length of the run in steps of SGD. null: that of the network."""
    burn_in: BurnIn | None = None
    """Steps of SGD left out of the stationary window. null: as the network has it."""
    sample_every: Steps | None = None
    """Steps of SGD between samples of the window. null: as the network has it."""
    sgd: SgdOverride | None = None
    """What this model changes in the sgd of the network."""

    @property
    def substeps(self) -> int:
        """l, its steps to one of SGD."""
        return round(1.0 / self.time_step_fraction)

    def network(self, study: Study) -> NetworkModel:
        """The network as the twin is run on it: with its replicas, steps and window, and nothing beside."""
        own: dict[str, Any] = {"replicas": self.replicas}
        if self.steps is not None:
            own |= {"steps": self.steps, "training_time": None}
        own |= {key: value for key in ("burn_in", "sample_every") if (value := getattr(self, key)) is not None}
        network: NetworkModel = study.models[self.of].of_twin(own)  # a consistent study names one
        return network

    def needs(self) -> tuple[tuple[str, str], ...]:
        """The network."""
        return (("of", self.of),)

    def need_at(self, key: str) -> KeyPath:
        """Its name is the value of the key itself."""
        return (key,)

    def total_steps(self, sgd: Sgd, lent: int | None) -> int:
        """Its own, or that of the network."""
        if self.steps is not None:
            return self.steps
        assert lent is not None  # the network has some
        return lent

    def engines(self) -> tuple[Engine, ...]:
        """torch, on any device."""
        return (TENSORS,)

    def emits(self) -> frozenset[str]:
        """What is recorded along the way, whatever the network."""
        return frozenset({"train_loss", "squared_displacement", "spread", "time_step_fraction", "twin_noise"})

    def emits_in(self, study: Study) -> frozenset[str]:
        """Variances of modes too, where the network has a stationary window."""
        network = study.models.get(self.of)
        copied = None if network is None else network.of_twin({})
        return self.emits() | (frozenset() if copied is None else copied.emits())

    def work(self, study: Study, name: str) -> Mapping[str, int]:
        """Steps, and looks in the stationary window."""
        steps, network = lineage.steps(study, name), self.network(study)
        if not network.has_stationary_window():
            return {"steps": steps}
        return {"steps": steps, "samples": expected_samples(steps, burn_in=network.burn_in, every=network.sample_every)}

    def shorter(self, study: Study, name: str, work: Mapping[str, int]) -> Mapping[str, Any]:
        """With fewer of them."""
        return {"steps": work["steps"], **(window_of(work["steps"], work["samples"]) if "samples" in work else {})}

    def problems(self, study: Study, name: str) -> Faults:
        """That what it is the twin of is a network."""
        networks = [other for other, model in study.models.items() if model.of_twin({}) is not None]
        target = study.models.get(self.of)
        if target is not None and self.of not in networks and self.of != name:
            hint = choice(self.of, networks, what="networks:") if networks else "the study has no network; add one"
            yield ("models", name, "of"), f'"{self.of}" is of kind {target.kind}, of which there are no twins; {hint}'

    def problems_with_sources(self, study: Study, name: str) -> Faults:
        """What has no twin: other rules than plain SGD, samples that change or mix, noise of no one place."""
        at: KeyPath = ("models", name)
        network, sgd = self.network(study), lineage.sgd(study, name)
        if network.update_rule != SgdRule(kind="sgd"):
            yield (
                (*at, "of"),
                f"the twin is that of plain SGD, and {self.of} has an update_rule of its own; remove that",
            )
        if sgd.momentum > 0:
            rate = sgd.learning_rate / (1 - sgd.momentum)
            yield (
                lineage.sgd_origin(study, name, "momentum"),
                f"must be 0 for {name}, got {sgd.momentum:g}: the twin is that of SGD without; where the rate is small "
                f"that of the effective rate is near, give {name} sgd: {{momentum: 0.0, learning_rate: {rate:g}}}",
            )
        if self.sgd is not None and self.sgd.sampling is not None:
            yield (*at, "sgd", "sampling"), "noise of a twin is drawn afresh at every step; remove it"
        if network.data.augment is not None or network.data.fresh_samples():
            yield (*at, "of"), f"samples of {self.of} change with every step, and the gradient of none is the drift's"
        if network.architecture.mixes_samples():
            yield (
                (*at, "of"),
                f"{MIXED} in {self.of}, so that its gradient is no mean over samples; give layer or group",
            )
        if network.start == "independent" and self.noise in ("frozen", "diagonal", "isotropic"):
            yield (
                (*at, "noise"),
                f"{self.noise} noise is that of where replicas begin, and those of {self.of} begin at points of their "
                "own; give per_sample, or start: shared there",
            )
        if network.start == "minimum" and self.sgd is not None and self.sgd.weight_decay is not None:
            yield (*at, "sgd", "weight_decay"), f"another decay has another minimum than that of {self.of}; remove it"
        yield from window_problems(at, network, network.length(sgd), exists=network.has_stationary_window())
