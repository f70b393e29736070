"""Displacements between two times against the law from the minimum; their common drift; how they depend on the time.

A process that has reached equilibrium moves as far in a given number of steps whenever one looks: a displacement that
depends on the earlier time is what ageing is called. Two things that look like it need no barriers: a process that
began at the minimum still spreads, which its own law tells without a fit, and one that began at random still descends.
What all replicas do alike is not wandering, so where the common drift has most of the displacement it is no ageing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.ageing.config import AgeingCheck
from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.verdicts.labels import Quantity, Said
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, assess, assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison, Role
from langevin_sgd.estimators.stationary import jackknife_stderr

Array = NDArray[np.float64]

NO_AGEING = "no ageing"
NO_DRIFT = "ageing without drift"


def rows(judged: Judged, check: AgeingCheck) -> list[Comparison]:
    """The comparisons of one model at every point of its scan."""
    return [
        replace(row, point=label)
        for label, point in judged.points()
        for row in ageing(
            point,
            model=judged.name,
            tolerance=check.tolerance,
            most_drift=check.most_drift,
            confidence=check.confidence,
        )
        if check.contrasts or row.role == "law"
    ]


def ageing(
    dataset: xr.Dataset, *, model: str, tolerance: float, most_drift: float, confidence: float
) -> list[Comparison]:
    """All comparisons of the squared increments of one model, for each earlier time t_w and separation.

    - `increment[t_w,n]` over the prediction of the process's own law, where there is one: from the minimum;
    - `common_drift[t_w,n]`, a contrast elsewhere: the share of the squared mean over replicas, predicted 0, and it
      disagrees where that is more than `most_drift`: the dependence on t_w is then that of the descent;
    - `dependence_on_waiting[n]`, a contrast: the increment from the first t_w over that from the last, 1 in
      equilibrium.

    Errors are those between replicas.
    """
    judge = _Judge(model, dataset, tolerance, confidence)
    found = list(judge.against_law() if "squared_increment_predicted" in dataset else judge.drift(most_drift))
    return found + list(judge.dependence())


@dataclass(frozen=True)
class _Judge:
    model: str
    dataset: xr.Dataset
    tolerance: float
    confidence: float

    def _values(self, name: str) -> Array:
        return np.asarray(self.dataset[name].values, dtype=np.float64)

    @property
    def squared(self) -> Array:
        """Squared increments (replica, waiting, separation)."""
        return np.asarray(
            self.dataset["squared_increment"].transpose("replica", "waiting", "separation").values, dtype=np.float64
        )

    def against_law(self) -> Iterator[Comparison]:
        """Increments over those of the process's own law."""
        squared, predicted = self.squared, self._values("squared_increment_predicted")
        law = str(self.dataset.attrs["law"])
        for place, quantity in self._pairs("increment", "increment"):
            each = squared[(slice(None), *place)]
            mean, stderr = _mean(each)
            assessed = assess_ratio(
                mean, stderr, float(predicted[place]), dof=each.size - 1, tolerance=self.tolerance,
                confidence=self.confidence, name="ratio", cure="replicas",
            )  # fmt: skip
            yield self._row(assessed, quantity, law, "law", (mean, stderr, float(predicted[place])), self.tolerance)

    def drift(self, most: float) -> Iterator[Comparison]:
        """The share of the common drift, where nothing is claimed."""
        drift, drift_error = self._values("increment_drift_squared"), self._values("increment_drift_squared_stderr")
        spread, spread_error = self._values("increment_spread"), self._values("increment_spread_stderr")
        for place, quantity in self._pairs("common_drift", "share of drift"):
            whole = drift[place] + spread[place]
            share = float(drift[place] / whole)
            stderr = math.hypot(spread[place] * drift_error[place], drift[place] * spread_error[place]) / whole**2
            assessed = assess(
                share, stderr, dof=self.squared.shape[0] - 1, band=Band(-math.inf, most), confidence=self.confidence,
                name="share of the common drift in the squared displacement", cure="replicas",
            )  # fmt: skip
            yield self._row(assessed, quantity, NO_DRIFT, "contrast", (share, stderr, 0.0), most)

    def dependence(self) -> Iterator[Comparison]:
        """Increments from the first earlier time over those from the last."""
        squared = self.squared
        waiting = self.dataset["waiting_step"].values
        if waiting.size < 2 or len(squared) < 2:
            return
        for column, steps in enumerate(self.dataset["separation_step"].values.tolist()):
            early, late = squared[:, 0, column], squared[:, -1, column]
            ratio = float(early.mean() / late.mean())
            without = (early.sum() - early) / (late.sum() - late)
            stderr = float(jackknife_stderr(without))
            assessed = assess_ratio(
                ratio, stderr, 1.0, dof=len(squared) - 1, tolerance=self.tolerance, confidence=self.confidence,
                name=f"increment from step {waiting[0]} over that from step {waiting[-1]}", cure="replicas",
            )  # fmt: skip
            about: dict[str, str | float] = {"separation_step": float(steps)}
            quantity = Quantity(
                f"dependence_on_waiting[{steps}]",
                f"early/late, {steps:,} steps",
                about=about,
                ranks=(2, 2),
                said=Said(
                    f"it moves as far early as late in {steps:,} steps",
                    f"how far it moves in {steps:,} steps depends on when one looks",
                    f"whether it moves as far early as late in {steps:,} steps is open",
                    "early over late",
                ),
            )
            yield self._row(assessed, quantity, NO_AGEING, "contrast", (ratio, stderr, 1.0), self.tolerance)

    def _pairs(self, name: str, title: str) -> Iterator[tuple[tuple[int, int], Quantity]]:
        """Places of all pairs of times with what a row of theirs is called; the latest times tell most."""
        waiting, separation = (self.dataset[each].values for each in ("waiting_step", "separation_step"))
        for row, column in np.ndindex(waiting.size, separation.size):
            begins, lasts = int(waiting[row]), int(separation[column])
            last = row == waiting.size - 1 and column == separation.size - 1
            yield (
                (row, column),
                Quantity(
                    f"{name}[{begins},{lasts}]",
                    f"{title}, {begins:,} + {lasts:,}",
                    about={"waiting_step": float(begins), "separation_step": float(lasts)},
                    ranks=(0, 0) if last else (1, 1),
                    said=f"the {title} over the last {lasts:,} steps" if last else "",
                ),
            )

    def _row(
        self,
        assessed: Assessment,
        quantity: Quantity,
        law: str,
        role: Role,
        numbers: tuple[float, float, float],
        tolerance: float,
    ) -> Comparison:
        """`numbers` are measured, its standard error, and predicted."""
        measured, stderr, predicted = numbers
        return Comparison.from_assessment(
            assessed, model=self.model, quantity=quantity, law=law, role=role,
            measured=measured, standard_error=stderr, predicted=predicted, tolerance=tolerance, eigenvalues=np.empty(0),
        )  # fmt: skip


def _mean(each: Array) -> tuple[float, float]:
    stderr = float(each.std(ddof=1)) / math.sqrt(each.size) if each.size > 1 else math.nan
    return float(each.mean()), stderr
