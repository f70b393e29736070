"""The table of comparisons: one row each, as an xarray.Dataset, and the verdict of the whole study with its rule."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.labels import UNRANKED, Fault, Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment, Verdict, holm
from langevin_sgd.laws.cache import said_by_name, title_by_name

Role = Literal["law", "contrast"]
Scale = Literal["ratio", "difference"]


@dataclass(frozen=True)
class Comparison:
    """One row: a measured quantity of one model against one law.

    `role` is "law" if the law is claimed exact for this very process, and "contrast" if the deviation is wanted for
    its own sake. `scale` says what `ratio` with its interval [`ratio_low`, `ratio_high`] holds and `tolerance` bounds:

    - "ratio": measured/predicted; where smallness is predicted (0), the measured value itself;
    - "difference": measured - predicted, as of occupancies and log-odds.

    `said` is what sentences call the quantity, or say of it by verdict, and `law_said` what they call the law; `short`
    is the reason without the remarks behind it.

    `modes`, `eigenvalue_low` and `eigenvalue_high` say which modes a row is about, `point` which point of a scan in
    words and `at` by its scanned keys (`checks.places`), which become columns.
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
    at: Mapping[str, float | int | str] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    law_said: str = ""
    short: str = ""

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
        return replace(
            self, verdict=Verdict.INCONCLUSIVE, reason=fault, short=fault, p_value=math.nan, fault=Fault.UNFIT
        )

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
        law_said: str = "",
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
            said=what.phrases(),
            law_said=law_said,
            short=assessment.short or assessment.reason,
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
    "said": "what sentences call the quantity, or say of it by verdict, as JSON",
    "law_said": "what sentences call the law",
    "short": "reason for the verdict without remarks",
    "rejected": "whether the row counts against the study: a law row that disagrees and that Holm's rule rejects",
    "scale": "what the columns ratio, ratio_low and ratio_high hold: ratio or difference",
}


def to_dataset(
    rows: Sequence[Comparison],
    *,
    level: float,
    not_compared: Sequence[Mapping[str, str]],
    unasked: Sequence[str] | None = None,
) -> xr.Dataset:
    """The rows as a Dataset with dimension `comparison`, and the study's summary as JSON in attrs["summary"].

    The keys of a scan are coordinates along `comparison`: `table.where(table.learning_rate == 0.1)`, and a column each
    of `table.to_dataframe()`. A row that has none holds NaN, or "" among names; a key that is called like a column is
    `scan_KEY`. `rejected` says which rows Holm's rule rejects. `unasked` is given for a study that asks for no checks:
    the kinds that could be made of it, which the summary then names.
    """
    rows = [
        replace(
            row,
            law_title=row.law_called,
            law_said=row.law_said or said_by_name(row.law) or row.law_called,
            quantity_title=row.quantity_called,
            short=row.short or row.reason,
        )
        for row in rows
    ]
    variables: dict[str, xr.Variable] = {}
    for each in fields(Comparison):
        if each.name == "at":
            continue
        column: list[Any] = [getattr(row, each.name) for row in rows]
        attrs = {"long_name": _LONG_NAMES[each.name]}
        if each.type in ("float", "int"):
            array = np.asarray(column, dtype=np.float64 if each.type == "float" else np.int64)
            attrs["units"] = "1"
        else:
            array = np.array([_text(value) for value in column], dtype=np.str_)
        variables[each.name] = xr.Variable(("comparison",), array, attrs)
    found = _rejected(rows, level)
    variables["rejected"] = xr.Variable(("comparison",), found, {"long_name": _LONG_NAMES["rejected"], "units": "1"})
    coords = {f"scan_{key}" if key in variables else key: _column(key, rows) for key in _scan_keys(rows)}
    summary = _summary(rows, found, level=level, not_compared=not_compared)
    summary |= {} if unasked is None else {"unasked": list(unasked)}
    return xr.Dataset(variables, coords=coords, attrs={"summary": json.dumps(summary)})


def _text(value: Any) -> str:
    return json.dumps(dict(value)) if isinstance(value, Mapping) else str(value)


def _scan_keys(rows: Sequence[Comparison]) -> dict[str, None]:
    return {key: None for row in rows for key in row.at}


def _column(key: str, rows: Sequence[Comparison]) -> xr.Variable:
    """A scanned key of all rows, as numbers unless it has names somewhere; whole ones if each row has such a one."""
    values = [row.at.get(key) for row in rows]
    attrs = {"long_name": f"{key.replace('_', ' ')} of the point of the scan"}
    if any(isinstance(value, str) for value in values):
        names = ["" if value is None else value if isinstance(value, str) else f"{value:g}" for value in values]
        return xr.Variable(("comparison",), np.array(names, dtype=np.str_), attrs)
    if values and all(type(value) is int for value in values):
        return xr.Variable(("comparison",), np.asarray(values, dtype=np.int64), attrs)
    numbers = [math.nan if value is None else value for value in values]
    return xr.Variable(("comparison",), np.asarray(numbers, dtype=np.float64), attrs)


def _rejected(rows: Sequence[Comparison], level: float) -> NDArray[np.bool_]:
    """Which rows disagree and are rejected by Holm's rule over all law rows."""
    tested = [row.p_value if row.role == "law" else math.nan for row in rows]
    return holm(tested, level) & np.array([row.verdict is Verdict.DISAGREES for row in rows], dtype=np.bool_)


def summarise(
    rows: Sequence[Comparison], *, level: float, not_compared: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """The verdict of the study, its rule, and the rows behind it.

    Rows are correlated, since most read the same replicas; Holm's rule holds for any dependence. A row that gives no
    p-value (no equilibrium, too few replicas) does not enter it.

    The rule is over all law rows of the study, so over all points of a scan: whoever looks at a map of 24 points and
    asks whether any is off makes all these tests at once. It costs little, since its bound on one p-value only enters
    by the logarithm of their number. At 5%, and with the error e of a row from 64 replicas, a row counts where it lies
    3.1 e outside its tolerance among the 36 of one point of three models, and 4.1 e among the 864 of 24 points.
    """
    return _summary(rows, _rejected(rows, level), level=level, not_compared=not_compared)


def _summary(
    rows: Sequence[Comparison],
    rejected: NDArray[np.bool_],
    *,
    level: float,
    not_compared: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    laws = [row for row in rows if row.role == "law"]
    refuted = [row for row, reject in zip(rows, rejected, strict=True) if reject]
    alone = [
        row
        for row, reject in zip(rows, rejected, strict=True)
        if row.role == "law" and row.verdict is Verdict.DISAGREES and not reject
    ]
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
        "disagreeing_alone": [row.title for row in alone],
        "inconclusive": [row.title for row in laws if row.verdict is Verdict.INCONCLUSIVE],
        "not_compared": [dict(entry) for entry in not_compared],
    }
