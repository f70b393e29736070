"""The comparisons of networks whose sharpness or inherent structures were measured."""

from __future__ import annotations

from langevin_sgd.checks.flatness.config import FlatnessCheck
from langevin_sgd.checks.flatness.sharpness import flatness
from langevin_sgd.checks.flatness.structures import structure_rows
from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.models import lineage


def rows(judged: Judged, check: FlatnessCheck) -> list[Comparison]:
    """The comparisons of one network over its scan, and of its inherent structures."""
    own: list[Comparison] = []
    if lineage.scanned(judged.study, judged.name):
        own += flatness(
            judged.data,
            model=judged.name,
            tolerance=check.tolerance,
            accuracy_tolerance=check.accuracy_tolerance,
            confidence=check.confidence,
        )
    return own + structure_rows(
        judged.data, model=judged.name, tolerance=check.coefficient_tolerance, confidence=check.confidence
    )
