"""The config of the check of basins."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import Flag, OpenFraction, PositiveNumber, Text


class OccupancyCheck(CheckSection):
    """Which basin noise chooses, how long it stays, and the density and the current: measured against every law.

    Of one well the mean and variance of the position in place of occupancies."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"occupancy_from"})
    NOTHING: ClassVar[str] = (
        "no model has basins to check; add one of kind basins or interpolation, or remove the check"
    )
    UNFIT: ClassVar[str] = "has no start in several basins; name a model of kind basins or interpolation"

    ROWS: ClassVar[str] = "langevin_sgd.checks.occupancy.rows:rows"
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
    moment_tolerance: OpenFraction = 0.02
    """Of one well: relative deviation of the variance, and of the mean in standard deviations."""
    crossing_tolerance: OpenFraction = 0.05
    """Relative deviation of the temperature at which two basins are equally occupied, over a scan of temperatures."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""
    contrasts: Flag = True
    """State the deviation from laws that are not claimed to hold (Laplace, Boltzmann, the slide's exponent) as well."""
