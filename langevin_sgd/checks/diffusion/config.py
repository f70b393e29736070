"""The config of the check of growth of the squared displacement."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.fields import OpenFraction, PositiveNumber, Text


class DiffusionCheck(CheckSection):
    """Growth of the squared displacement against (ln t)^(4/alpha), laws that compete with it, and laws of position."""

    REQUIRES: ClassVar[frozenset[str]] = frozenset({"squared_displacement", "valid_range"})
    NOTHING: ClassVar[str] = "no model is a random_potential; add one, name a network in models, or remove the check"
    UNFIT: ClassVar[str] = "does not wander; name a random_potential or a network that starts away from the minimum"

    ROWS: ClassVar[str] = "langevin_sgd.checks.diffusion.rows:rows"
    kind: Literal["diffusion"]
    """Always `diffusion`."""
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Models to check. null: every model in a random potential, and every network with the probe tangent."""
    window: PositiveNumber = 10.0
    """ln t from which on the law is fitted; fix it before looking."""
    tolerance: OpenFraction = 0.1
    """Relative deviation of the exponent that still counts as agreement."""
    amplitude_tolerance: OpenFraction = 0.08
    """The same for the amplitude at the predicted exponent (line, alpha = 1)."""
    distribution_bound: OpenFraction = 0.025
    """Largest distance of the positions from the Kesten-Golosov law that counts as agreement."""
    aging_bound: OpenFraction = 0.03
    """Largest difference of a two-time probability from the law of aging that counts as agreement."""
    confidence: OpenFraction = 0.95
    """Confidence of the intervals."""

    def covers(self, emitted: frozenset[str], scanned: frozenset[str]) -> bool:
        """Walkers whose valid range is known, and a training beside which linear response runs."""
        return "tangent_spread" in emitted or super().covers(emitted, scanned)

    def takes(self, emitted: frozenset[str], scanned: frozenset[str]) -> bool:
        """Also a training that wanders, away from any minimum."""
        wanders = "train_loss" in emitted and "mode_variance" not in emitted
        return wanders or self.covers(emitted, scanned)
