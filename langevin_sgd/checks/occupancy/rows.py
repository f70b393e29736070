"""The comparisons of a model of basins, at every point of a scan and over it."""

from __future__ import annotations

from dataclasses import replace

from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.occupancy.collapse import collapse
from langevin_sgd.checks.occupancy.config import OccupancyCheck
from langevin_sgd.checks.occupancy.crossing import crossing
from langevin_sgd.checks.occupancy.point import occupancy
from langevin_sgd.checks.verdicts.table import Comparison


def rows(judged: Judged, check: OccupancyCheck) -> list[Comparison]:
    """The comparisons of one model at every point of a scan, and over the scan."""
    name = judged.name
    own = [
        replace(row, point=label)
        for label, point in judged.points()
        for row in occupancy(
            point,
            model=name,
            tolerance=check.tolerance,
            log_odds_tolerance=check.log_odds_tolerance,
            escape_tolerance=check.escape_tolerance,
            density_tolerance=check.density_tolerance,
            circulation_tolerance=check.circulation_tolerance,
            moment_tolerance=check.moment_tolerance,
            confidence=check.confidence,
        )
    ]
    own += crossing(
        judged.data,
        model=name,
        tolerance=check.crossing_tolerance,
        odds_tolerance=check.log_odds_tolerance,
        confidence=check.confidence,
    )
    own += collapse(judged.data, model=name, tolerance=check.log_odds_tolerance, confidence=check.confidence)
    return own if check.contrasts else [row for row in own if row.role == "law"]
