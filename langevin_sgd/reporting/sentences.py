"""One sentence a model: what was learnt of it, made from the rows of the table by what these say of themselves.

A check says of its quantities what a sentence calls them, or what it says of them by verdict, and a law what it is
called; here they are put together. Every law row of a model is told or counted, so that nothing that disagrees is
passed over, and each clause is that of the verdict in the table.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.checks.verdicts.labels import FIRST, UNRANKED, Fault
from langevin_sgd.observables.declared import is_trained
from langevin_sgd.reporting.deviation import in_words
from langevin_sgd.reporting.run_parameters import parameters
from langevin_sgd.reporting.scan_table import scans
from langevin_sgd.reporting.verdict_table import FailedModel, failed_models, summary
from langevin_sgd.study import store

GRAVEST_FIRST = ("disagrees", "inconclusive", "agrees")
FAILED = "failed"
_BESIDE = 3  # contrasts that a sentence tells
_AT_POINTS = {"agrees": "agrees", "disagrees": "disagrees", "inconclusive": "is open"}
_PLURAL = {
    "agrees": ("agree", "agrees"),
    "disagrees": ("disagree", "disagrees"),
    "inconclusive": ("are open", "is open"),
}
_LAW = {"agrees": "agrees with", "disagrees": "disagrees with", "inconclusive": "not decided against"}
_CONTRAST = {"agrees": "holds", "disagrees": "fails", "inconclusive": "is open"}


@dataclass(frozen=True)
class Sentence:
    """What is said of a model: `model` and `run_with` name it, `text` is the rest of the sentence.

    `verdict` is the gravest among its law rows, "failed" of a model without results, and empty where nothing is
    claimed.
    """

    model: str
    run_with: str
    text: str
    verdict: str

    @property
    def separator(self) -> str:
        """What stands between the model and the text."""
        return " " if self.verdict == FAILED else ": "

    def __str__(self) -> str:
        """The whole of it."""
        where = f" ({self.run_with})" if self.run_with else ""
        return f"{self.model}{where}{self.separator}{self.text}"


def sentences(tree: xr.DataTree, table: xr.Dataset | None) -> list[Sentence]:
    """One for every model of a run, in the order in which they matter: trained ones, then the others."""
    rows = _Columns(table) if table is not None else None
    lacking = {entry["model"]: entry for entry in _not_compared(table)}
    failed, unfinished = {each.name: each for each in failed_models(tree)}, scans(tree)
    models = {name: node.to_dataset(inherit=False) for name, node in tree.children.items() if name != store.CHECKS}
    models |= {name: xr.Dataset() for name in (rows.models if rows is not None else ()) if name not in models}
    trained = [name for name in models if is_trained(models[name])]
    told: list[Sentence] = []
    alone: list[str] = []
    for name in [*trained, *(name for name in models if name not in trained)]:
        of = rows.of(name, beside=bool(trained) and name not in trained) if rows is not None else []
        if not of and name not in {*failed, *lacking, *unfinished}:
            alone.append(name)
            continue
        run_with = parameters(models[name]) if name not in failed else ""
        text, verdict = _text(of, failed.get(name), str(lacking.get(name, {}).get("reason", "")))
        text += f"; {unfinished[name]}" if name in unfinished else ""
        told.append(Sentence(name, run_with, f"{text}.", verdict))
    if alone:
        text = f"no comparison of {'its' if len(alone) == 1 else 'their'} own."
        told.append(Sentence(", ".join(alone), "", text, ""))
    return told


def _not_compared(table: xr.Dataset | None) -> list[dict[str, str]]:
    found: list[dict[str, str]] = [] if table is None else summary(table).get("not_compared", [])
    return [entry for entry in found if "point" not in entry]


def _text(rows: Sequence[_Row], failed: FailedModel | None, reason: str) -> tuple[str, str]:
    if failed is not None:
        return f"{failed.status}: {failed.reason.rstrip('.')}", FAILED
    if not rows:
        return f"compared with nothing{f': {reason}' if reason else ''}", ""
    laws = [row for row in rows if row.role == "law"]
    clauses = [*_of_laws(laws), *_of_contrasts([row for row in rows if row.role != "law"])]
    text = "; ".join(clauses)
    return text if laws else f"no law is claimed of it; {text}", gravest(row.verdict for row in laws)


def gravest(verdicts: Any) -> str:
    """The gravest of some verdicts; empty if there are none."""
    there = set(verdicts)
    return next((verdict for verdict in GRAVEST_FIRST if verdict in there), "")


@dataclass(frozen=True)
class _Row:
    """What a sentence takes of a row; `at` is its point of the scan."""

    at: str
    role: str
    verdict: str
    said: Mapping[str, str]
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
        return self.said.get("what") or self.said.get("title", "it")

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


class _Columns:
    """The rows of a table, by model."""

    def __init__(self, table: xr.Dataset) -> None:
        self._table = table

    @cached_property
    def _columns(self) -> dict[str, Any]:
        names = (
            *("model", "point", "role", "verdict", "said", "law_said", "ratio", "ratio_low", "ratio_high"),
            *("predicted", "tolerance", "scale", "rank", "rank_beside", "fault"),
        )
        return {name: self._table[name].values for name in names}

    @property
    def models(self) -> list[str]:
        """The models that rows are about."""
        return list(dict.fromkeys(self._columns["model"].tolist()))

    def of(self, model: str, *, beside: bool) -> list[_Row]:
        """Those of one model, in their order; of one that is simulated beside a trained one with their rank there."""
        columns = self._columns
        phrases: dict[str, dict[str, str]] = {}
        found = []
        for place in np.flatnonzero(columns["model"] == model).tolist():
            cell = {name: values[place] for name, values in columns.items()}
            said = str(cell["said"])
            found.append(
                _Row(
                    at=str(cell["point"]),
                    role=str(cell["role"]),
                    verdict=str(cell["verdict"]),
                    said=phrases.setdefault(said, json.loads(said)),
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


def _groups(rows: Sequence[_Row]) -> list[list[_Row]]:
    """One quantity against one law at all points of a scan together; every row of a model without a scan alone."""
    found: dict[Any, list[_Row]] = {}
    for place, row in enumerate(rows):
        found.setdefault((row.what, row.law) if row.at and not row.whole else place, []).append(row)
    return list(found.values())


def _of_laws(rows: Sequence[_Row]) -> Iterator[str]:
    """What was altered or failed; the row that tells most, as far as it goes; the count of all others."""
    first = [row for row in rows if row.rank == FIRST and row.whole]
    yield from dict.fromkeys(row.said[row.verdict] for row in first)
    groups = _groups([row for row in rows if row not in first])
    if not groups:
        return
    able = [group for group in groups if group[0].may_lead and group[0].rank < UNRANKED] or groups
    lead = min(able, key=lambda group: (group[0].rank, GRAVEST_FIRST.index(gravest(row.verdict for row in group))))
    yield _clause(lead, law=True)
    others = [row for group in groups if group is not lead for row in group]
    if others:
        yield _counted(others)


def _clause(group: Sequence[_Row], law: bool) -> str:
    """What the rows of a group say of a law: by its verdict, or at how many points of a scan they say which."""
    counts = Counter(row.verdict for row in group)
    verdict = gravest(counts)
    worst = _worst([row for row in group if row.verdict == verdict])
    if len(group) == 1:
        return _alone(worst, law)
    verbs = _AT_POINTS if law else _CONTRAST
    at = f" (most at {worst.at}{worst.deviation})" if verdict != "agrees" else ""
    parts = [f"{verbs[each]} at {counts[each]}" for each in reversed(GRAVEST_FIRST) if counts[each]]
    parts[0] += f" of {len(group)} points"
    if len(parts) == 1:
        parts = [f"{verbs[verdict]} at all {len(group)} points"]
    parts[-1] += at
    if law and len(counts) == 1 and verdict != "inconclusive":
        return f"{verbs[verdict]} with {worst.law} in {worst.what} at all {len(group)} points{at}"
    return f"{'against ' * law}{worst.law} in {worst.what} {', '.join(parts)}"


def _alone(row: _Row, law: bool) -> str:
    if row.whole:
        number = in_words(
            row.ratio, row.low, row.high, predicted=row.predicted, tolerance=0.0, difference=row.difference
        )
        return row.said[row.verdict] + (f" ({number})" if number and not row.fault else "")
    if law:
        return f"{_LAW[row.verdict]} {row.law} in {row.what}{row.deviation}{row.edge}"
    return f"{row.law} {_CONTRAST[row.verdict]} in {row.what}{row.deviation}"


def _counted(rows: Sequence[_Row]) -> str:
    """How many other rows agree, disagree and are open; of those that disagree which is off most."""
    counts, number = Counter(row.verdict for row in rows), len(rows)
    told = [f"{counts[each]} {_PLURAL[each][counts[each] == 1]}" for each in reversed(GRAVEST_FIRST) if counts[each]]
    text = f"of {number} more rows of laws {', '.join(told)}"
    if len(told) == 1:
        (verdict,) = counts
        text = f"{number} more row{'s' * (number > 1)} of laws {_PLURAL[verdict][number == 1]}"
    if not counts["disagrees"]:
        return text
    worst = _worst([row for row in rows if row.verdict == "disagrees"])
    where = f" at {worst.at}" if worst.at else ""
    return f"{text} (most {worst.what} against {worst.law}{where}{worst.deviation})"


def _of_contrasts(rows: Sequence[_Row]) -> list[str]:
    """The conclusions, and of every other law beside it where it is furthest off; a few of them."""
    whole = sorted((row for row in rows if row.whole), key=lambda row: row.rank)
    by_law: dict[str, list[_Row]] = {}
    ranked = [row for row in rows if row.rank < UNRANKED]
    ranked = [row for row in ranked if row.may_lead] or ranked
    for row in rows:
        if not row.whole and any(each.law == row.law for each in ranked):
            by_law.setdefault(row.law, []).append(row)
    told = [(row.rank, _whole(row)) for row in whole]
    chosen = [_of_law(each) for each in by_law.values()]
    told += [(min(row.rank for row in group), _clause(group, law=False)) for group in chosen]
    return [text for _, text in sorted(told, key=lambda each: each[0])[:_BESIDE]]


def _whole(row: _Row) -> str:
    return f"{_alone(row, law=False)}{f' at {row.at}' if row.at else ''}"


def _of_law(rows: Sequence[_Row]) -> list[_Row]:
    """Of all rows against one law the group that says most: of the gravest verdict, ranked, and furthest off."""
    verdict = gravest(row.verdict for row in rows)
    groups = [group for group in _groups(rows) if any(row.verdict == verdict for row in group)]
    ranked = [group for group in groups if group[0].rank < UNRANKED and group[0].may_lead] or groups
    return max(ranked, key=lambda group: max(row.off for row in group if row.verdict == verdict))


def _worst(rows: Sequence[_Row]) -> _Row:
    return max(rows, key=lambda row: row.off)
