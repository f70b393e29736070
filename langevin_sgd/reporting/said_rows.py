"""What sentences take of the rows of a table: verdict, numbers, and what each says of itself."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.checks.verdicts.labels import Fault
from langevin_sgd.reporting.deviation import in_words

GRAVEST_FIRST = ("disagrees", "inconclusive", "agrees")


@dataclass(frozen=True)
class SaidRow:
    """What a sentence takes of a row; `at` is its point of the scan."""

    at: str
    role: str
    verdict: str
    said: Mapping[str, str]
    title: str
    law: str
    ratio: float
    low: float
    high: float
    predicted: float
    tolerance: float
    difference: bool
    rank: int
    fault: str

    @property
    def whole(self) -> bool:
        """Whether it is a conclusion, told in a clause of its own."""
        return self.verdict in self.said

    @property
    def what(self) -> str:
        """What the sentence calls its quantity."""
        return self.said.get("what") or self.title

    @property
    def may_lead(self) -> bool:
        """Whether it may be told first."""
        return "what" in self.said or self.whole

    @property
    def deviation(self) -> str:
        """How far it is from the law, or why there is no verdict, behind a colon or in brackets."""
        words = in_words(
            self.ratio, self.low, self.high, predicted=self.predicted, tolerance=self.tolerance,
            difference=self.difference,
        )  # fmt: skip
        if self.fault:
            return f" ({Fault(self.fault).told})"
        return f": {words}" if words else ""

    @property
    def edge(self) -> str:
        """The tolerance, where the deviation does not tell it."""
        if self.fault or math.isnan(self.ratio) or self.predicted == 0 or not self.tolerance > 0:
            return ""
        word = {"agrees": "within", "disagrees": "beyond", "inconclusive": "asked within"}[self.verdict]
        return f", {word} {f'{self.tolerance:g}' if self.difference else f'{100 * self.tolerance:g}%'}"

    @property
    def off(self) -> float:
        """How far it is from what was predicted, on the scale of its quantity; no number is not far."""
        if math.isnan(self.ratio):
            return -1.0
        if self.difference or self.predicted == 0:
            return abs(self.ratio)
        return abs(math.log(self.ratio)) if self.ratio > 0 else math.inf


class SaidRows:
    """The rows of a table, by model."""

    def __init__(self, table: xr.Dataset) -> None:
        self._table = table

    @cached_property
    def _columns(self) -> dict[str, Any]:
        names = (
            *(
                "model",
                "point",
                "role",
                "verdict",
                "said",
                "quantity_title",
                "law_said",
                "ratio",
                "ratio_low",
                "ratio_high",
            ),
            *("predicted", "tolerance", "scale", "rank", "rank_beside", "fault"),
        )
        return {name: self._table[name].values for name in names}

    @property
    def models(self) -> list[str]:
        """The models that rows are about."""
        return list(dict.fromkeys(self._columns["model"].tolist()))

    def of(self, model: str, *, beside: bool) -> list[SaidRow]:
        """Those of one model, in their order; of one that is simulated beside a trained one with their rank there."""
        columns = self._columns
        phrases: dict[str, dict[str, str]] = {}
        found = []
        for place in np.flatnonzero(columns["model"] == model).tolist():
            cell = {name: values[place] for name, values in columns.items()}
            said = str(cell["said"])
            found.append(
                SaidRow(
                    at=str(cell["point"]),
                    role=str(cell["role"]),
                    verdict=str(cell["verdict"]),
                    said=phrases.setdefault(said, json.loads(said)),
                    title=str(cell["quantity_title"]),
                    law=str(cell["law_said"]),
                    ratio=float(cell["ratio"]),
                    low=float(cell["ratio_low"]),
                    high=float(cell["ratio_high"]),
                    predicted=float(cell["predicted"]),
                    tolerance=float(cell["tolerance"]),
                    difference=str(cell["scale"]) == "difference",
                    rank=int(cell["rank_beside" if beside else "rank"]),
                    fault=str(cell["fault"]),
                )
            )
        return found


def gravest(verdicts: Any) -> str:
    """The gravest of some verdicts; empty if there are none."""
    there = set(verdicts)
    return next((verdict for verdict in GRAVEST_FIRST if verdict in there), "")
