"""The config of the check of effective temperatures."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import Flag, OpenFraction, Text, WholeNumber


class TemperatureCheck(CheckSection):
    """Temperature by response, displacement^2/(2 response): one for all modes, or one for each, as the laws have it?"""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"mode_thermal_energy"})
    NOTHING: ClassVar[str] = "no network has probes: [response]; give it to one, or remove the check"
    UNFIT: ClassVar[str] = "has no response to a field; give it probes: [response]"
    ROWS: ClassVar[str] = "langevin_sgd.checks.temperature.rows:rows"
    kind: Literal["temperature"]
    """Always `temperature`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every network with the probe `response`."""
    tolerance: OpenFraction = 0.05
    """Relative deviation of an effective temperature from its law that still counts as agreement; of two, over each
    other, twice as much."""
    response_tolerance: OpenFraction = 0.01
    """The same of the response of slow modes, learning rate x eigenvalue below 0.025, and of its linearity."""
    sharp_tolerance: OpenFraction = 0.05
    """The same of the response of the others, which feel how curvature changes within the fluctuations."""
    bins: Annotated[WholeNumber, Field(ge=1, le=1000)] = 8
    """Number of bins of modes with similar eigenvalue, or bath temperature; those of fewer than 8 modes are joined."""
    contrasts: Flag = True
    """State the deviation from one temperature, and from the bath's of each mode where no law is claimed, as well."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""
