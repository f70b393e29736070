"""The config of the check of flat modes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import Flag, OpenFraction, Text, WholeNumber


class FlatModesCheck(CheckSection):
    """Whether the variance of every mode has stopped to grow, or is still that of a walk which nothing holds back."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"mode_position", "mode_growth_free"})
    NOTHING: ClassVar[str] = "no network has probes: [mode_growth], which this check reads; add it, or remove the check"
    UNFIT: ClassVar[str] = "has no probes: [mode_growth], which this check reads; add it"
    ROWS: ClassVar[str] = "langevin_sgd.checks.flat_modes.rows:rows"
    kind: Literal["flat_modes"]
    """Always `flat_modes`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every network with the probe `mode_growth`."""
    tolerance: OpenFraction = 0.1
    """Growth of a variance, in units of that without a restoring force, below which a mode counts as at rest."""
    bins: Annotated[WholeNumber, Field(ge=1, le=100)] = 8
    """Bins of modes, of equal width in the logarithm of the eigenvalue, in which growth is summed."""
    modes: Annotated[WholeNumber, Field(ge=0, le=1000)] = 10
    """How many of the flattest modes are told one by one."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""
    contrasts: Flag = True
    """Hold the growth of every bin against free diffusion and the linear process, and tell of single modes, as well."""
