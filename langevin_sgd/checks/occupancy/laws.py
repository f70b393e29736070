"""The laws that a run of basins comes with: which are exact for it, and what they take for granted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import inconclusive
from langevin_sgd.checks.verdicts.table import Comparison

_PREDICTED = ("mean_occupancy_law", "escape_time_law", "density_law", "circulation_law", "position_variance_law")
_OF_ESCAPE = ("kramers", "eyring_kramers")
_OF_BOTH = ("fokker_planck", "chain")


@dataclass(frozen=True)
class OccupancyLaw:
    """A law by name; `exact` if it is claimed for this very process."""

    name: str
    exact: bool
    note: str

    def answers(self, dataset: xr.Dataset) -> bool:
        """Whether it predicts anything."""
        return any(bool(dataset[name].sel(law=self.name).notnull().any()) for name in _PREDICTED if name in dataset)

    def is_asked(self, dataset: xr.Dataset) -> bool:
        """Whether it could be expected to predict what the run measures: laws of escape or of where replicas stay."""
        escaping = "escape_time_law" in dataset
        return self.name in _OF_BOTH or (self.name in _OF_ESCAPE) == escaping

    def without_answer(self, model: str, quantity: str, tolerance: float) -> Comparison:
        """The contrast that says why the law predicts nothing of `quantity`."""
        return Comparison.from_assessment(
            inconclusive(math.nan, math.nan, self.note or "the law has no answer here"),
            model=model,
            quantity=Quantity(quantity, ranks=(0, 5)),
            law=self.name,
            role="contrast",
            measured=math.nan,
            standard_error=math.nan,
            predicted=math.nan,
            tolerance=tolerance,
            eigenvalues=np.empty(0),
        )


def laws(dataset: xr.Dataset) -> list[OccupancyLaw]:
    """The laws in the order of `law`; none without the coordinate.

    Where a scan has points at which a law is lacking, its `law_is_exact` and `law_note` are no flag and no text there.
    """
    if "law" not in dataset.coords:
        return []
    names = [str(name) for name in dataset["law"].values]
    exact = dataset["law_is_exact"].values if "law_is_exact" in dataset else np.zeros(len(names))
    notes = dataset["law_note"].values if "law_note" in dataset else np.full(len(names), "")
    return [
        OccupancyLaw(name, flag == 1, note if isinstance(note, str) else "")
        for name, flag, note in zip(names, exact.tolist(), notes.tolist(), strict=True)
    ]
