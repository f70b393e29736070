"""The config of the check of displacements between two times."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import Flag, OpenFraction, Text


class AgeingCheck(CheckSection):
    """Displacements between two times: against the two-time law from the minimum, and what of them is common drift."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"squared_increment"})
    NOTHING: ClassVar[str] = "no network has probes: [two_time]; give it to one, or remove the check"
    UNFIT: ClassVar[str] = "has no displacements between two times; give it probes: [two_time]"
    ROWS: ClassVar[str] = "langevin_sgd.checks.ageing.rows:rows"
    kind: Literal["ageing"]
    """Always `ageing`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every network with the probe `two_time`."""
    tolerance: OpenFraction = 0.1
    """Relative deviation of a squared displacement from its law that still counts as agreement."""
    most_drift: OpenFraction = 0.5
    """Largest share of the common drift in a squared displacement that may still be called ageing."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""
    contrasts: Flag = True
    """State the share of common drift, and how increments depend on the earlier time, as well."""
