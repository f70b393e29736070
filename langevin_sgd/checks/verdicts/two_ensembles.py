"""The ratio of what two independent ensembles measure, both with errors over their replicas."""

from __future__ import annotations

import math
from typing import NamedTuple

from langevin_sgd.checks.verdicts.statistics import (
    MINIMUM_REPLICAS,
    Assessment,
    assess_ratio,
    inconclusive,
    too_few_replicas,
)


class MeanOverReplicas(NamedTuple):
    """A value with its standard error over so many replicas."""

    value: float
    stderr: float
    replicas: int


def assess_ratio_of_two(
    measured: MeanOverReplicas,
    other: MeanOverReplicas,
    *,
    tolerance: float,
    confidence: float,
    name: str,
    cure: str,
) -> tuple[Assessment, float]:
    """`assess_ratio` of measured/other, and the standard error of `measured` with that of `other` in it.

    Both sides fluctuate: relative errors add in quadrature, with the degrees of freedom of Welch and Satterthwaite.
    """
    fewest = min(measured.replicas, other.replicas)
    if fewest < MINIMUM_REPLICAS or not (measured.value > 0 and other.value > 0):
        why = too_few_replicas(fewest) if fewest < MINIMUM_REPLICAS else f"{name} is not between positive numbers"
        return inconclusive(math.nan, math.nan, why), measured.stderr
    parts = ((measured.stderr / measured.value) ** 2, (other.stderr / other.value) ** 2)
    dofs = (measured.replicas - 1, other.replicas - 1)
    weight = sum(part**2 / dof for part, dof in zip(parts, dofs, strict=True))
    combined = measured.value * math.sqrt(sum(parts))
    assessed = assess_ratio(
        measured.value,
        combined,
        other.value,
        dof=sum(parts) ** 2 / weight if weight > 0 else float(min(dofs)),
        tolerance=tolerance,
        confidence=confidence,
        name=name,
        cure=cure,
    )
    return assessed, combined
