"""The table of comparisons: one row each, as an xarray.Dataset, and the verdict of the whole study with its rule."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from langevin_sgd.checks.verdicts.labels import UNRANKED, Fault, Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Verdict, holm
from langevin_sgd.laws.cache import title_by_name

Role = Literal["law", "contrast"]
Scale = Literal["ratio", "difference"]


@dataclass(frozen=True)
class Comparison:
    """One row: a measured quantity of one model against one law.

    `role` is "law" if the law is claimed exact for this very process, and "contrast" if the deviation is wanted for
    its own sake. `scale` says what `ratio` with its interval [`ratio_low`, `ratio_high`] holds and `tolerance` bounds:

    - "ratio": measured/predicted; where smallness is predicted (0), the measured value itself;
    - "difference": measured - predicted, as of occupancies and log-odds.

    `modes`, `eigenvalue_low` and `eigenvalue_high` say which modes a row is about, `point` which point of a scan.
    Everything is dimensionless. `quantity_title` and `law_title` are what prints call them, `about` holds the labels of
    the quantity, `rank` how telling the row is (0 first, 9 in full tables only), `rank_beside` the same of a model
    beside a trained one, and `fault` why there is no verdict where that is no matter of the numbers.
    """

    model: str
    quantity: str
    law: str
    role: Role
    measured: float
    standard_error: float
    predicted: float
    ratio: float
    ratio_low: float
    ratio_high: float
    tolerance: float
    verdict: Verdict
    reason: str
    p_value: float
    modes: int
    eigenvalue_low: float
    eigenvalue_high: float
    point: str = ""
    scale: Scale = "ratio"
    law_title: str = ""
    quantity_title: str = ""
    about: Mapping[str, str | float] = field(default_factory=dict)
    rank: int = UNRANKED
    rank_beside: int = UNRANKED
    fault: Fault = Fault.NONE

    @property
    def title(self) -> str:
        """Model, point of the scan, quantity and law in one text, as the printed table calls them."""
        where = f"{self.model} at {self.point}" if self.point else self.model
        return f"{where}: {self.quantity_called} ({self.law_called})"

    @property
    def quantity_called(self) -> str:
        """The quantity in print; by its name in words where the row tells no title."""
        return self.quantity_title or Quantity(self.quantity).called()

    @property
    def law_called(self) -> str:
        """The law in print, likewise."""
        return self.law_title or title_by_name(self.law)

    def spoiled(self, fault: str) -> Comparison:
        """The same numbers without a verdict, because of `fault`."""
        if not fault:
            return self
        return replace(self, verdict=Verdict.INCONCLUSIVE, reason=fault, p_value=math.nan, fault=Fault.UNFIT)

    @classmethod
    def from_assessment(
        cls,
        assessment: Assessment,
        *,
        model: str,
        quantity: str | Quantity,
        law: str,
        role: Role,
        measured: float,
        standard_error: float,
        predicted: float,
        tolerance: float,
        eigenvalues: np.ndarray[Any, np.dtype[np.float64]],
        scale: Scale = "ratio",
        law_title: str = "",
        fault: Fault = Fault.NONE,
    ) -> Comparison:
        """The row of an assessed ratio or difference, about the modes with the given eigenvalues.

        A `quantity` given by its name alone is called so in words, and shown where there is room.
        """
        what = quantity if isinstance(quantity, Quantity) else Quantity(quantity, ranks=(1, 5))
        rank, rank_beside = what.rank(role == "law")
        return cls(
            model=model,
            quantity=what.name,
            law=law,
            role=role,
            measured=measured,
            standard_error=standard_error,
            predicted=predicted,
            ratio=assessment.estimate,
            ratio_low=assessment.low,
            ratio_high=assessment.high,
            tolerance=tolerance,
            verdict=assessment.verdict,
            reason=assessment.reason,
            p_value=assessment.p_value,
            modes=int(eigenvalues.size),
            eigenvalue_low=float(eigenvalues.min(initial=math.inf)) if eigenvalues.size else math.nan,
            eigenvalue_high=float(eigenvalues.max(initial=-math.inf)) if eigenvalues.size else math.nan,
            scale=scale,
            law_title=law_title,
            quantity_title=what.called(),
            about=what.about,
            rank=rank,
            rank_beside=rank_beside,
            fault=fault,
        )


_LONG_NAMES = {
    "model": "model",
    "quantity": "quantity",
    "law": "law compared with",
    "role": "law (claimed exact, counts) or contrast (stated, does not count)",
    "measured": "measured value",
    "standard_error": "standard error of the measured value, over replicas",
    "predicted": "predicted value",
    "ratio": "measured/predicted (the measured value where smallness is predicted), or measured - predicted",
    "ratio_low": "lower end of the confidence interval of the ratio or difference",
    "ratio_high": "upper end of the confidence interval of the ratio or difference",
    "tolerance": "deviation that counts as agreement",
    "verdict": "agrees, disagrees or inconclusive",
    "reason": "reason for the verdict",
    "p_value": "p-value of the hypothesis that the truth lies inside the tolerance",
    "modes": "number of Hessian modes in the row",
    "eigenvalue_low": "smallest Hessian eigenvalue in the row",
    "eigenvalue_high": "largest Hessian eigenvalue in the row",
    "point": "point of the scan, empty without one",
    "law_title": "what the law is called in print",
    "quantity_title": "what the quantity is called in print",
    "about": "labels of the quantity, as JSON",
    "rank": "how telling the row is, 0 first; 9 of rows for full tables only",
    "rank_beside": "the same where the model is simulated beside a trained one",
    "fault": "why there is no verdict, where that is no matter of the numbers",
    "scale": "what the columns ratio, ratio_low and ratio_high hold: ratio or difference",
}


def to_dataset(rows: Sequence[Comparison], *, level: float, not_compared: Sequence[Mapping[str, str]]) -> xr.Dataset:
    """The rows as a Dataset with dimension `comparison`, and the study's summary as JSON in attrs["summary"]."""
    rows = [replace(row, law_title=row.law_called, quantity_title=row.quantity_called) for row in rows]
    variables: dict[str, xr.Variable] = {}
    for each in fields(Comparison):
        column: list[Any] = [getattr(row, each.name) for row in rows]
        attrs = {"long_name": _LONG_NAMES[each.name]}
        if each.type in ("float", "int"):
            array = np.asarray(column, dtype=np.float64 if each.type == "float" else np.int64)
            attrs["units"] = "1"
        else:
            array = np.array([_text(value) for value in column], dtype=np.str_)
        variables[each.name] = xr.Variable(("comparison",), array, attrs)
    return xr.Dataset(variables, attrs={"summary": json.dumps(summarise(rows, level=level, not_compared=not_compared))})


def _text(value: Any) -> str:
    return json.dumps(dict(value)) if isinstance(value, Mapping) else str(value)


def summarise(
    rows: Sequence[Comparison], *, level: float, not_compared: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """The verdict of the study, its rule, and the rows behind it.

    Rows are correlated, since most read the same replicas; Holm's rule holds for any dependence. A row that gives no
    p-value (no equilibrium, too few replicas) does not enter it.
    """
    laws = [row for row in rows if row.role == "law"]
    rejected = holm([row.p_value for row in laws], level)
    refuted = [row for row, reject in zip(laws, rejected, strict=True) if reject and row.verdict is Verdict.DISAGREES]
    missing = [entry for entry in not_compared if entry["status"] != "done"]
    if refuted:
        verdict = Verdict.DISAGREES
    elif laws and not missing and all(row.verdict is Verdict.AGREES for row in laws):
        verdict = Verdict.AGREES
    else:
        verdict = Verdict.INCONCLUSIVE
    tested = sum(not math.isnan(row.p_value) for row in laws)
    over = {0: "tested law rows (there are none)", 1: "1 tested law row"}.get(tested, f"{tested} tested law rows")
    rule = (
        f"disagrees if a law row's interval lies outside the tolerance and Holm's rule at {100 * level:.3g}% over the "
        f"{over} rejects it; agrees if all law rows agree and no model failed; else inconclusive. Contrast rows do not "
        "count."
    )

    def count(role: Role) -> dict[str, int]:
        return {str(v): sum(row.role == role and row.verdict is v for row in rows) for v in Verdict}

    return {
        "verdict": str(verdict),
        "rule": rule,
        "level": level,
        "counts": {"law": count("law"), "contrast": count("contrast")},
        "disagreeing": [row.title for row in refuted],
        "disagreeing_alone": [r.title for r in laws if r.verdict is Verdict.DISAGREES and r not in refuted],
        "inconclusive": [row.title for row in laws if row.verdict is Verdict.INCONCLUSIVE],
        "not_compared": [dict(entry) for entry in not_compared],
    }
