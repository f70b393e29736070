"""The config of the check of stationary fluctuations."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import Flag, OpenFraction, Text, WholeNumber


class EquilibriumCheck(CheckSection):
    """Stationary fluctuations against the Ornstein-Uhlenbeck laws: variances, mean, energy, temperature, transients."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"mode_variance"})
    NOTHING: ClassVar[str] = (
        "no model has a stationary window to check; give a network start: minimum, or remove the check"
    )
    UNFIT: ClassVar[str] = "has no stationary window; give it start: minimum and measure_curvature: true"

    EMPTY: ClassVar[str] = "it has no stationary window and no predictions; start: minimum gives both"
    ROWS: ClassVar[str] = "langevin_sgd.checks.equilibrium.rows:rows"
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
