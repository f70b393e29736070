"""The checks of a study: which comparisons are made, and how strictly."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from langevin_sgd.config.fields import Flag, OpenFraction, PositiveNumber, Section, Text, WholeNumber


class CheckSection(Section):
    """The base of all checks: of which models one can be made, by the observables that they emit."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset()
    """Observables without which there is nothing to check."""
    NOTHING: ClassVar[str]
    """What is said if a study has no model to check."""
    UNFIT: ClassVar[str]
    """What is said of a model that is named and cannot be checked."""
    kind: str
    models: tuple[Text, ...] | None = None

    def covers(self, emitted: frozenset[str], scanned: frozenset[str]) -> bool:
        """Whether it is made of a model that emits these observables over these scanned keys, if none is named."""
        return emitted >= self.REQUIRES

    def takes(self, emitted: frozenset[str], scanned: frozenset[str]) -> bool:
        """Whether it can be made of such a model that is named."""
        return self.covers(emitted, scanned)


class EquilibriumCheck(CheckSection):
    """Stationary fluctuations against the Ornstein-Uhlenbeck laws: variances, mean, energy, temperature, transients."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"mode_variance"})
    NOTHING: ClassVar[str] = (
        "no model has a stationary window to check; give a network start: minimum, or remove the check"
    )
    UNFIT: ClassVar[str] = "has no stationary window; give it start: minimum and measure_curvature: true"

    kind: Literal["equilibrium"]
    """Always `equilibrium`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every model with a stationary window."""
    tolerance: OpenFraction = 0.05
    """Relative deviation of totals (variance, temperature) that still counts as agreement."""
    bin_tolerance: OpenFraction = Field(default_factory=lambda earlier: min(2 * earlier.get("tolerance", 0.05), 0.9))
    """The same for bins of modes and for transients, which rest on less data. Default: twice the tolerance."""
    energy_bound: OpenFraction = 0.05
    """Largest distance between the measured and the predicted energy distribution that counts as agreement."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""
    bins: Annotated[WholeNumber, Field(ge=1, le=1000)] = 8
    """Number of bins of modes with similar eigenvalue."""
    contrasts: Flag = True
    """State the deviation from laws that are not claimed to hold (continuum, isotropic) as well."""


class DiffusionCheck(CheckSection):
    """Growth of the squared displacement against (ln t)^(4/alpha), laws that compete with it, and laws of position."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"squared_displacement", "valid_range"})
    NOTHING: ClassVar[str] = "no model is a random_potential; add one, name a network in models, or remove the check"
    UNFIT: ClassVar[str] = "does not wander; name a random_potential or a network that starts away from the minimum"

    kind: Literal["diffusion"]
    """Always `diffusion`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every model in a random potential."""
    window: PositiveNumber = 10.0
    """ln t from which on the law is fitted; fix it before looking."""
    tolerance: OpenFraction = 0.1
    """Relative deviation of the exponent that still counts as agreement."""
    amplitude_tolerance: OpenFraction = 0.08
    """The same for the amplitude at the predicted exponent (line, alpha = 1)."""
    distribution_bound: OpenFraction = 0.025
    """Largest distance of the positions from the Kesten-Golosov law that counts as agreement."""
    aging_bound: OpenFraction = 0.03
    """Largest difference of a two-time probability from the law of aging that counts as agreement."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""

    def takes(self, emitted: frozenset[str], scanned: frozenset[str]) -> bool:
        """Also a training that wanders, away from any minimum."""
        wanders = "train_loss" in emitted and "mode_variance" not in emitted
        return wanders or self.covers(emitted, scanned)


class OccupancyCheck(CheckSection):
    """Which basin noise chooses, how long it stays, and the density and the current: measured against every law."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"occupancy_from"})
    NOTHING: ClassVar[str] = (
        "no model has basins to check; add one of kind basins or interpolation, or remove the check"
    )
    UNFIT: ClassVar[str] = "has no start in several basins; name a model of kind basins or interpolation"

    kind: Literal["occupancy"]
    """Always `occupancy`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every model with basins that are left and entered (basins, interpolation)."""
    tolerance: OpenFraction = 0.005
    """Difference of an occupancy from a law's, or of a start's from the mean over starts, that counts as agreement."""
    log_odds_tolerance: PositiveNumber = 0.1
    """The same of the log-odds of two basins."""
    escape_tolerance: OpenFraction = 0.03
    """Relative deviation of the mean first-passage time."""
    density_tolerance: OpenFraction = 0.03
    """Largest L1 distance of the density, the integral of |measured - law|."""
    circulation_tolerance: OpenFraction = 0.05
    """Relative deviation of the circulation of the probability current."""
    crossing_tolerance: OpenFraction = 0.05
    """Relative deviation of the temperature at which two basins are equally occupied, over a scan of temperatures."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""
    contrasts: Flag = True
    """State the deviation from laws that are not claimed to hold (Laplace, Boltzmann, the slide's exponent) as well."""


class FlatnessCheck(CheckSection):
    """Does noise choose flat minima? Sharpness over a scan of learning rate and batch size: by eta/B alone, and in
    which direction; occupancy of inherent structures: by their energy and curvature."""

    NOTHING: ClassVar[str] = (
        "no network has probes: [inherent_structures], or [sharpness] with sgd.learning_rate or B in scan"
    )
    UNFIT: ClassVar[str] = (
        "has no sharpness over a scan of learning rate or batch size alone; give it probes: [sharpness]"
    )

    kind: Literal["flatness"]
    """Always `flatness`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every network with the probe `sharpness` whose learning rate or batch size is scanned, and
    every one with the probe `inherent_structures`."""
    tolerance: OpenFraction = 0.1
    """Relative deviation of the sharpness at equal eta/B that still counts as agreement."""
    accuracy_tolerance: OpenFraction = 0.01
    """Difference of an accuracy that counts as none."""
    coefficient_tolerance: OpenFraction = 0.2
    """Relative deviation of the coefficients of energy and curvature in the occupancy of inherent structures."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""

    def covers(self, emitted: frozenset[str], scanned: frozenset[str]) -> bool:
        """Sharpness over a scan of nothing but the noise, or inherent structures."""
        over_noise = bool(scanned) and scanned <= {"learning_rate", "batch_size"}
        return ("sharpness_trace" in emitted and over_noise) or "structure" in emitted


def _by_name(value: Any) -> Any:
    # `checks: [equilibrium]` is short for `checks: [{kind: equilibrium}]`.
    return {"kind": value} if isinstance(value, str) else value


Check = Annotated[
    EquilibriumCheck | DiffusionCheck | OccupancyCheck | FlatnessCheck,
    Field(discriminator="kind"),
    BeforeValidator(_by_name),
]


def check_defaults(kind: str) -> dict[str, Any]:
    """The settings of a check by default."""
    sections = get_args(get_args(Check)[0])
    chosen = next(section for section in sections if kind in get_args(section.model_fields["kind"].annotation))
    return dict(chosen(kind=kind).model_dump())
