"""A check: do walkers turn as often as not?"""

from dataclasses import replace

import numpy as np

from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.section import CheckSection
from langevin_sgd.checks.verdicts.statistics import assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.config.fields import OpenFraction


class Turns(CheckSection):
    """Half of the steps of a free walk go the other way than the one before."""

    REQUIRES = frozenset({"turns"})
    NOTHING = "no model counts its turns; add one, or remove the check"
    UNFIT = "does not count its turns"
    tolerance: OpenFraction = 0.1
    """Relative deviation of the fraction that still counts as agreement."""

    def rows(self, judged: Judged) -> list[Comparison]:
        """One row at every point of a scan."""
        return [self._row(judged.name, label, point["turns"].values) for label, point in judged.points()]

    def _row(self, model: str, label: str, turns: np.ndarray) -> Comparison:
        measured, stderr = float(turns.mean()), float(turns.std(ddof=1) / np.sqrt(turns.size))
        row = Comparison.from_assessment(
            assess_ratio(
                measured,
                stderr,
                0.5,
                dof=turns.size - 1,
                tolerance=self.tolerance,
                confidence=self.confidence,
                name="turns",
            ),
            model=model,
            quantity="turns",
            law="free walk",
            role="law",
            measured=measured,
            standard_error=stderr,
            predicted=0.5,
            tolerance=self.tolerance,
            eigenvalues=np.empty(0),
        )
        return replace(row, point=label)
