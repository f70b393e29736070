"""The `langevin` model: a landscape given by a formula, with noise of a given temperature or per-sample covariance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from langevin_sgd.config.errors import Faults, KeyPath, inconsistent
from langevin_sgd.config.fields import (
    RECORD_TIMES,
    Number,
    PositiveNumber,
    PositiveWholeNumber,
    RecordTimes,
    Replicas,
    Steps,
    Text,
)
from langevin_sgd.config.named import Named
from langevin_sgd.config.sgd import Sgd, SgdOverride
from langevin_sgd.devices import FUSED, SDEINT, TENSORS, Engine
from langevin_sgd.families import imported
from langevin_sgd.import_path import NotImported
from langevin_sgd.integrators import emitted_names
from langevin_sgd.integrators.schemes import SCHEMES, Scheme
from langevin_sgd.models import lineage
from langevin_sgd.models.langevin import observables
from langevin_sgd.models.langevin.noise import GradientNoise
from langevin_sgd.models.langevin.potential import ExpressionPotential, PotentialSection
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.variable import Declarations

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


RESERVED = ("learning_rate", "batch_size", "momentum", "time_step", "temperature", "noise_scale", "friction")
"""Parameters of the noise and the schemes, which a formula's own must not be called; variance_1, ... neither."""

_MADE_OF_A_COORDINATE = ("start_{}", "{}_histogram", "{}_outside", "{}_bin", "{}_mean", "{}_stderr")


def _taken(name: str, variables: Sequence[str]) -> str:
    """Why neither a coordinate nor a parameter may have a name, with the mend; empty if it may."""
    if name in RESERVED or name.startswith("variance_"):
        return "is a name that the model uses itself; choose another"
    if name in emitted_names.RESERVED:
        return f"is a name that the results use ({emitted_names.RESERVED[name]}); choose another"
    made = next((v for v in variables for form in _MADE_OF_A_COORDINATE if name == form.format(v)), None)
    return f"is a name that the results use for {made}; choose another" if made is not None else ""


Range = tuple[Number, Number, Annotated[PositiveWholeNumber, Field(le=100_000)]]


class LangevinEquation(ModelSection):
    """What every model of dw = -grad E dt + sqrt(T) dW, or sqrt(eta C(w)/B) dW, has."""

    SCANNABLE: ClassVar[tuple[str, ...]] = (
        *("temperature", "time_step", "friction", "sgd"),
        *("potential.parameters", "noise", "steps", "scheme", "increments", "precision", "backend"),
    )
    # not the momentum, without which the scheme is another, nor variances, which may be formulas
    FUSED: ClassVar[tuple[str, ...]] = (
        *("temperature", "time_step", "friction", "sgd.learning_rate", "sgd.batch_size"),
        *("potential.parameters", "noise.scale"),
    )
    kind: str
    """Name of the model."""
    potential: PotentialSection
    """The landscape."""
    temperature: PositiveNumber | None = None
    """T of isotropic noise sqrt(T) dW, the same at every learning rate; or give `noise`."""
    noise: GradientNoise | None = None
    """C, the covariance of one per-sample gradient: kind isotropic, diagonal, full, low_rank or formula."""
    steps: Steps
    """Length of the run in steps."""
    replicas: Replicas = 4096
    """Independent trajectories; error bars come from them."""
    time_step: PositiveNumber | None = None
    """Step of the integration in time t. null: the learning rate, so that the step is a step of SGD."""
    scheme: Annotated[Text, Named(SCHEMES)] | None = None
    """Integration scheme, or "module:attribute" of your own. null: the map of SGD, euler_maruyama, or heavy_ball with
    momentum."""
    friction: PositiveNumber = 1.0
    """Friction gamma of a scheme with inertia (baoab), in units of 1/time."""
    increments: Literal["gaussian", "three_point", "two_point"] = "gaussian"
    """Noise increments; the weak ones serve bulk averages of the continuum and are faster."""
    precision: Literal["mixed", "float32"] = "mixed"
    """mixed: float64 state with float32 noise. float32: throughout."""
    backend: Literal["auto", "fused", "batched", "sdeint"] = "auto"
    """auto: compiled from the formula. batched: torch. sdeint: that library, driven with the same increments."""
    record_times: RecordTimes = RECORD_TIMES
    """Number of logarithmically spaced times at which energy and displacement are recorded."""
    basins: dict[Text, Text] = Field(default_factory=dict)
    """{label: condition}, for example {left: "x < 0"}: fraction of replicas in each; the first that holds counts."""
    sgd: SgdOverride | None = None
    """What this model changes in the study's sgd."""

    @property
    def landscape(self) -> ExpressionPotential:
        """The potential as a formula."""
        return self.potential.formula()

    def declared_scheme(self) -> Scheme | None:
        """What the scheme says of itself; None without one, and for one that may not be imported to read a run."""
        try:
            return None if self.scheme is None else SCHEMES[self.scheme]
        except NotImported:
            return None

    @model_validator(mode="after")
    def _one_noise(self) -> Self:
        if (self.temperature is None) == (self.noise is None):
            found = "neither" if self.noise is None else "both"
            place = () if self.noise is None else ("temperature",)
            raise inconsistent([(place, f"needs exactly one of temperature and noise, got {found}")])
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [*self._sizes(), *self._formulas()]
        if faults:
            raise inconsistent(faults)
        return self

    def idle(self) -> tuple[str, ...]:
        """Keys of the sgd and of the model itself that change nothing, as the model stands."""
        scheme = self.declared_scheme()
        conditions = {
            "batch_size": self.temperature is not None,
            "learning_rate": self.temperature is not None and self.time_step is not None,
            "friction": scheme is None or "friction" not in scheme.parameters,
        }
        return tuple(key for key, idle in conditions.items() if idle)

    def needs_sgd(self) -> bool:
        """Whether anything of it depends on an sgd: its noise, its step or its momentum."""
        momentum = self.sgd.momentum if self.sgd is not None else None
        scheme = self.declared_scheme()
        of_sgd = scheme is not None and scheme.map_of_sgd
        return self.temperature is None or self.time_step is None or bool(momentum) or of_sgd

    def instead_of_sgd(self) -> str:
        """A temperature needs but a step beside it."""
        return "; or give it a time_step" if self.temperature is not None and self.time_step is None else ""

    def own_sgd(self) -> Sgd | None:
        """Its own step as the learning rate, B = 1 and no momentum."""
        return None if self.time_step is None or self.needs_sgd() else Sgd(learning_rate=self.time_step, batch_size=1)

    def total_steps(self, sgd: Sgd, lent: int | None) -> int:
        """Its own."""
        return self.steps

    def engines(self) -> tuple[Engine, ...]:
        """That of the backend."""
        return {"batched": (TENSORS,), "sdeint": (SDEINT,)}.get(self.backend, (FUSED,))

    def work(self, study: Study, name: str) -> Mapping[str, int]:
        """Steps, and looks at all replicas."""
        return {"steps": self.steps, "record_times": self.record_times}

    def points_at_once(self, study: Study, name: str) -> int:
        """As many as half a gigabyte holds and a few seconds take."""
        function: Callable[[Study, str], int] = imported("langevin_sgd.models.langevin.memory:points_at_once")
        return function(study, name)

    def problems(self, study: Study, name: str) -> Faults:
        """Sampling, and which schemes know momentum."""
        at: KeyPath = ("models", name)
        sgd = lineage.sgd(study, name)
        if self.sgd is not None and self.sgd.sampling == "epoch":
            yield (*at, "sgd", "sampling"), "the noise of this model is independent from step to step; remove it"
        scheme = self.declared_scheme()
        if sgd.momentum > 0 and scheme is not None and "momentum" not in scheme.parameters:
            yield (
                (*at, "scheme"),
                f"{self.scheme} knows no momentum, and momentum is {sgd.momentum:g}; give heavy_ball, null, or "
                "momentum 0",
            )
        given = ("momentum", "friction")
        for own, value in ({} if scheme is None else scheme.parameters).items():
            if value is None and own not in given:
                yield (*at, "scheme"), f"{self.scheme} takes {own} without a default, and no config gives it; add one"
        of_sgd = sgd.momentum > 0 if scheme is None else scheme.map_of_sgd
        if self.time_step is not None and of_sgd:
            name = self.scheme or "heavy_ball"
            yield (*at, "time_step"), f"{name} is a map whose step is the learning rate; remove it"

    def _sizes(self) -> Iterator[tuple[KeyPath, str]]:
        d = len(self.landscape.variables)
        sizes: list[tuple[KeyPath, int]] = list(self._more_sizes())
        if self.noise is not None:
            sizes += [(("noise", key), size) for key, size in self.noise.sizes()]
        for path, size in sizes:
            if size != d:
                yield path, f"has {size} entries, but the potential has {d} variables; give {d}"

    def _formulas(self) -> Iterator[tuple[KeyPath, str]]:
        from langevin_sgd.landscapes.condition import names_in_condition
        from langevin_sgd.landscapes.formula import FormulaError, names_in

        variables = self.landscape.variables
        for name in self.landscape.parameters:
            if fault := _taken(name, variables):
                yield ("potential", "parameters", name), fault
        for place, name in enumerate(variables):
            if fault := _taken(name, variables):
                yield ("potential", "variables", place), f"{name} {fault}"
        names = [*self.landscape.variables, *self.landscape.parameters]
        values = () if self.noise is None else self.noise.formulas()
        formulas: list[tuple[KeyPath, str]] = [(("noise", "variances", i), text) for i, text in enumerate(values)]
        conditions: list[tuple[KeyPath, str]] = [(("basins", label), text) for label, text in self.basins.items()]
        conditions += self._more_conditions()
        used = {name for text in (self.landscape.energy, *self.landscape.force) for name in names_in(text, names)}
        for path, text in [*formulas, *conditions]:
            try:
                read = names_in_condition if (path, text) in conditions else names_in
                used |= read(text, names)
            except FormulaError as error:
                yield path, str(error)
                return
        for name in self.landscape.parameters:
            if name not in used:
                yield ("potential", "parameters", name), "is in no formula of the model; remove it, or mend the formula"

    def _more_sizes(self) -> Iterator[tuple[KeyPath, int]]:
        """Lists with one entry a coordinate beside those of the noise, as (key path, length)."""
        yield from ()

    def _more_conditions(self) -> Iterator[tuple[KeyPath, str]]:
        """Conditions beside those of the basins."""
        yield from ()


class LangevinModel(LangevinEquation):
    """dw = -grad E dt + sqrt(T) dW or sqrt(eta C(w)/B) dW on a landscape given by a formula.

    The step is eta unless `time_step` says otherwise, so that euler_maruyama is SGD itself (heavy_ball with momentum)
    with Gaussian minibatch noise.
    """

    RUN: ClassVar[str] = "langevin_sgd.models.langevin.run:run"
    FOLLOWS: ClassVar[str] = "langevin_sgd.models.langevin.stored:follows"
    HELD: ClassVar[str] = "langevin_sgd.models.langevin.memory:held"
    DECLARES: ClassVar[Declarations] = observables.DECLARES
    SCANNABLE: ClassVar[tuple[str, ...]] = (*LangevinEquation.SCANNABLE, "start")
    FUSED: ClassVar[tuple[str, ...]] = (*LangevinEquation.FUSED, "start")
    kind: Literal["langevin"]
    """Always `langevin`."""
    potential: ExpressionPotential
    """The landscape: kind expression."""
    start: Annotated[tuple[Number, ...], Field(min_length=1)]
    """Position at step 0, one number a coordinate."""
    histogram: dict[Text, Range] = Field(default_factory=dict)
    """{variable: [LOW, HIGH, BINS]}: replicas by position at the recorded times."""
    first_passage: Text | None = None
    """Condition such as "x > 0.8", looked at after every step: the time at which each replica first meets it."""

    def _more_sizes(self) -> Iterator[tuple[KeyPath, int]]:
        yield ("start",), len(self.start)

    def _more_conditions(self) -> Iterator[tuple[KeyPath, str]]:
        if self.first_passage is not None:
            yield ("first_passage",), self.first_passage

    @model_validator(mode="after")
    def _histogram_fits(self) -> Self:
        faults = list(self._histogram_faults())
        if faults:
            raise inconsistent(faults)
        return self

    def _histogram_faults(self) -> Iterator[tuple[KeyPath, str]]:
        for name, (low, high, _) in self.histogram.items():
            if name not in self.landscape.variables:
                yield ("histogram", name), f"is no variable; expected one of {', '.join(self.landscape.variables)}"
            elif not low < high:
                yield ("histogram", name), f"needs LOW < HIGH, got {low} and {high}"
        if len({bins for _, _, bins in self.histogram.values()}) > 1:
            yield ("histogram",), "needs the same number of bins for every variable"
