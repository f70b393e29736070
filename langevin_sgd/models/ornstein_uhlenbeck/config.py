"""The `ornstein_uhlenbeck` model: a quadratic energy with constant Gaussian noise, given or measured on a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from langevin_sgd.config.errors import Faults, KeyPath, choice
from langevin_sgd.config.fields import RECORD_TIMES, BurnIn, Number, RecordTimes, Replicas, Section, Steps
from langevin_sgd.config.sgd import Sgd, SgdOverride
from langevin_sgd.config.window import window_problems
from langevin_sgd.families import imported
from langevin_sgd.models import lineage
from langevin_sgd.models.ornstein_uhlenbeck import stability
from langevin_sgd.models.quadratic.covariance import Covariance
from langevin_sgd.models.quadratic.hessian import Hessian
from langevin_sgd.models.section import ModelSection
from langevin_sgd.models.stationary_window import expected_samples, window_of
from langevin_sgd.observables.modes import MODES
from langevin_sgd.observables.variable import Declarations

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


class Displacement(Section):
    """A starting point away from the minimum."""

    displacement: Annotated[tuple[Number, ...], Field(min_length=1)]
    """w - w_min, d numbers in the coordinates in which H is given."""


def _start_tag(value: Any) -> str:
    return "displacement" if isinstance(value, Mapping | Displacement) else "name"


Start = Annotated[
    Annotated[Literal["minimum", "stationary"], Tag("name")] | Annotated[Displacement, Tag("displacement")],
    Discriminator(_start_tag),
]


class OrnsteinUhlenbeckModel(ModelSection):
    """E = w^T H w / 2 with per-sample gradient noise of constant covariance C, simulated exactly.

    Minibatches are drawn with replacement whatever the network that H and C come from does.
    """

    RUN: ClassVar[str] = "langevin_sgd.models.ornstein_uhlenbeck.run:run"
    PROCESS: ClassVar[str] = "langevin_sgd.models.ornstein_uhlenbeck.stored:process"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.ornstein_uhlenbeck.stored:follows"
    HELD: ClassVar[str] = "langevin_sgd.models.ornstein_uhlenbeck.memory:held"
    DECLARES: ClassVar[Declarations] = MODES
    SCANNABLE: ClassVar[tuple[str, ...]] = (
        *("hessian", "noise", "start", "sgd", "steps", "dynamics", "burn_in", "sample_every"),
    )
    FUSED: ClassVar[tuple[str, ...]] = ("hessian", "noise", "start", "sgd")
    kind: Literal["ornstein_uhlenbeck"]
    """Always `ornstein_uhlenbeck`."""
    hessian: Hessian
    """H: {from: NETWORK}, or kind diagonal or full."""
    noise: Covariance
    """C, the covariance of one per-sample gradient: {from: NETWORK}, or kind isotropic, diagonal or full."""
    replicas: Replicas = 256
    """Independent trajectories; error bars come from them."""
    steps: Steps | None = None
    """Length of the run in steps. null: that of the network which H and C come from."""
    burn_in: BurnIn | None = None
    """Steps left out of the stationary window. null: five relaxation times of the slowest noisy mode, at most half."""
    sample_every: Steps | None = None
    """Steps between samples of the stationary window. null: about 400 samples in all."""
    record_times: RecordTimes = RECORD_TIMES
    """Number of logarithmically spaced times at which energy and displacement are recorded."""
    start: Start = "minimum"
    """minimum, stationary (drawn from the stationary law), or {displacement: [...]}."""
    dynamics: Literal["discrete", "continuum"] = "discrete"
    """discrete: the map of SGD itself. continuum: the Ornstein-Uhlenbeck process in time t = eta * step."""
    sgd: SgdOverride | None = None
    """What this model changes in the sgd of the network it is measured on, or else in the study's."""

    def needs(self) -> tuple[tuple[str, str], ...]:
        """Where it takes measured values from: pairs (field, network); the noise first, as it sets the temperature."""
        named = (("noise", self.noise.source()), ("hessian", self.hessian.source()))
        return tuple((field, name) for field, name in named if name is not None)

    def points_at_once(self, study: Study, name: str) -> int:
        """As many as memory holds and jump in seconds."""
        function: Callable[[Study, str], int] = imported("langevin_sgd.models.ornstein_uhlenbeck.memory:points_at_once")
        return function(study, name)

    def work(self, study: Study, name: str) -> Mapping[str, int]:
        """Jumps of two kinds: to recorded times, each over another number of steps, and from sample to sample."""
        samples = expected_samples(lineage.steps(study, name), burn_in=self.burn_in, every=self.sample_every)
        return {"record_times": self.record_times, "samples": samples}

    def shorter(self, study: Study, name: str, work: Mapping[str, int]) -> Mapping[str, Any]:
        """With fewer jumps over the same steps."""
        window = window_of(lineage.steps(study, name), work["samples"])
        return {"record_times": work["record_times"], **window}

    def takes_all_from(self, source: str) -> bool:
        """Whether both H and the full C are that network's."""
        return self.noise.AS_MEASURED and self.hessian.source() == self.noise.source() == source

    def starts_away(self) -> bool:
        """Whether the replicas begin away from the minimum, so that every mode moves."""
        return isinstance(self.start, Displacement)

    def total_steps(self, sgd: Sgd, lent: int | None) -> int:
        """Its own, or that of the network it is measured on."""
        if self.steps is not None:
            return self.steps
        assert lent is not None  # a consistent study has one of the two
        return lent

    def emits(self) -> frozenset[str]:
        """The modes' variances, always."""
        return frozenset({"mode_variance", "squared_displacement", "spread"})

    def problems(self, study: Study, name: str) -> Faults:
        """Whether every model that it is measured on can lend H and C."""
        lenders = [other for other, candidate in study.models.items() if candidate.lends()]
        for field, source in self.needs():
            at: KeyPath = ("models", name, field, "from")
            target = study.models.get(source)
            if target is None:
                hint = choice(source, lenders, what="networks:") if lenders else "the study has no network; add one"
                yield at, f'no model named "{source}"; {hint}'
            elif not lineage.cycle(study, name, source) and (fault := target.refuses_to_lend(source, name, lenders)):
                path, message = fault
                yield path or at, message

    def problems_with_sources(self, study: Study, name: str) -> Faults:
        """Steps and window, one sgd, sizes, stability."""
        at: KeyPath = ("models", name)
        if self.sgd is not None and self.sgd.sampling == "epoch":
            yield (
                (*at, "sgd", "sampling"),
                "an ornstein_uhlenbeck model draws with replacement; remove it (the epoch law is compared by the "
                "check)",
            )
        yield from self._one_sgd(study, name)
        if self.steps is None and not self.needs():
            yield (*at, "steps"), "missing; expected a whole number, since no network lends its own"
        else:
            yield from window_problems(at, self, lineage.steps(study, name), exists=True)
        sizes_differ = list(self._dimensions(study, name))
        yield from sizes_differ
        if not sizes_differ:
            yield from stability.problems(study, name, self)

    def _one_sgd(self, study: Study, name: str) -> Faults:
        sources = lineage.sources(study, name)
        if len(sources) < 2:
            return
        first, second = (lineage.sgd(study, source) for source in sources)
        own = self.sgd.changed() if self.sgd is not None else ()
        for field in Sgd.model_fields:
            a, b = getattr(first, field), getattr(second, field)
            if a != b and field not in own and field != "sampling":
                yield (
                    ("models", name, "hessian", "from"),
                    f"{sources[0]} and {sources[1]} have different {field} ({a} and {b}); give {name} its own "
                    f"sgd.{field}",
                )

    def _dimensions(self, study: Study, name: str) -> Faults:
        at: KeyPath = ("models", name)
        dimension = self.hessian.size(study.models)
        if dimension is None:
            return
        measured = self.hessian.source()
        origin = "the Hessian" if measured is None else f"the Hessian of {measured}"
        key, size = self.noise.size(study.models)
        sizes: list[tuple[KeyPath, int | None]] = [((*at, "noise", key), size)]
        if isinstance(self.start, Displacement):
            sizes.append(((*at, "start", "displacement"), len(self.start.displacement)))
        for path, size in sizes:
            if size is not None and size != dimension:
                yield path, f"has dimension {size}, but {origin} has dimension {dimension}; they must be equal"
