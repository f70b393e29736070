"""The checks of a study: which comparisons are made, and how strictly."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from langevin_sgd.config.fields import Flag, OpenFraction, Section, Text, WholeNumber


class EquilibriumCheck(Section):
    """Stationary fluctuations against the Ornstein-Uhlenbeck laws: variances, mean, energy, temperature, transients."""

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


def _by_name(value: Any) -> Any:
    # `checks: [equilibrium]` is short for `checks: [{kind: equilibrium}]`.
    return {"kind": value} if isinstance(value, str) else value


Check = Annotated[EquilibriumCheck, BeforeValidator(_by_name)]
