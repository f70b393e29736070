"""The config of the check of flat minima."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import OpenFraction, Text


class FlatnessCheck(CheckSection):
    """Does noise choose flat minima? Sharpness over a scan of learning rate and batch size: by eta/B alone, and in
    which direction; occupancy of inherent structures: by their energy and curvature."""

    NOTHING: ClassVar[str] = (
        "no network has probes: [inherent_structures], or [sharpness] with sgd.learning_rate or B in scan"
    )
    UNFIT: ClassVar[str] = (
        "has no sharpness over a scan of learning rate or batch size alone; give it probes: [sharpness]"
    )

    ROWS: ClassVar[str] = "langevin_sgd.checks.flatness.rows:rows"
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
