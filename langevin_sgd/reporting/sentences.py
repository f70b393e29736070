"""One sentence a model: what was learnt of it, made from the rows of the table by what these say of themselves.

A check says of its quantities what a sentence calls them, or what it says of them by verdict, and a law what it is
called; here they are put together. Every law row of a model is told or counted, so that nothing that disagrees is
passed over, and each clause is that of the verdict in the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from langevin_sgd.checks.verdicts.labels import FIRST, UNRANKED
from langevin_sgd.observables.declared import is_trained
from langevin_sgd.reporting.deviation import in_words
from langevin_sgd.reporting.outcomes import ended
from langevin_sgd.reporting.run_parameters import parameters
from langevin_sgd.reporting.said_rows import GRAVEST_FIRST, SaidRow, SaidRows, gravest
from langevin_sgd.reporting.scan_table import scans
from langevin_sgd.reporting.verdict_table import FailedModel, failed_models, summary
from langevin_sgd.study import store

FAILED = "failed"
_FINDINGS_FIRST = ("disagrees", "agrees", "inconclusive")
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
    rows = SaidRows(table) if table is not None else None
    lacking = {entry["model"]: entry for entry in _not_compared(table)}
    failed, unfinished = {each.name: each for each in failed_models(tree)}, scans(tree)
    models = {name: node.to_dataset(inherit=False) for name, node in tree.children.items() if name != store.CHECKS}
    models |= {name: xr.Dataset() for name in (rows.models if rows is not None else ()) if name not in models}
    trained = [name for name in models if is_trained(models[name])]
    told: list[Sentence] = []
    alone: list[str] = []
    for name in [*trained, *(name for name in models if name not in trained)]:
        of = rows.of(name, beside=bool(trained) and name not in trained) if rows is not None else []
        where = "" if name in failed or (rows is not None and rows.models) else ended(models[name])
        if not (of or where) and name not in {*failed, *lacking, *unfinished}:
            alone.append(name)
            continue
        run_with = parameters(models[name]) if name not in failed else ""
        text, verdict = _text(of, failed.get(name), str(lacking.get(name, {}).get("reason", "")), where)
        text += f"; {unfinished[name]}" if name in unfinished else ""
        told.append(Sentence(name, run_with, f"{text}.", verdict))
    if alone:
        text = f"no comparison of {'its' if len(alone) == 1 else 'their'} own."
        told.append(Sentence(", ".join(alone), "", text, ""))
    return told


def _not_compared(table: xr.Dataset | None) -> list[dict[str, str]]:
    found: list[dict[str, str]] = [] if table is None else summary(table).get("not_compared", [])
    return [entry for entry in found if "point" not in entry]


def _text(rows: Sequence[SaidRow], failed: FailedModel | None, reason: str, where: str) -> tuple[str, str]:
    if failed is not None:
        return f"{failed.status}: {failed.reason.rstrip('.')}", FAILED
    if not rows:
        why = f"compared with nothing{f': {reason}' if reason else ''}"
        return f"{where}; {why}" if where else why, ""
    laws = [row for row in rows if row.role == "law"]
    clauses = [*_of_laws(laws), *_of_contrasts([row for row in rows if row.role != "law"])]
    text = "; ".join(clauses)
    return text if laws else f"no law is claimed of it; {text}", gravest(row.verdict for row in laws)


def _groups(rows: Sequence[SaidRow]) -> list[list[SaidRow]]:
    """One quantity against one law at all points of a scan together; every row of a model without a scan alone."""
    found: dict[Any, list[SaidRow]] = {}
    for place, row in enumerate(rows):
        found.setdefault((row.what, row.law) if row.at and not row.whole else place, []).append(row)
    return list(found.values())


def _of_laws(rows: Sequence[SaidRow]) -> Iterator[str]:
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
        yield _counted(others, lead[0].law)


def _clause(group: Sequence[SaidRow], law: bool) -> str:
    """What the rows of a group say of a law: by its verdict, or at how many points of a scan they say which."""
    counts = Counter(row.verdict for row in group)
    verdict = gravest(counts)
    worst = _worst([row for row in group if row.verdict == verdict])
    if len(group) == 1:
        return _alone(worst, law)
    verbs = _AT_POINTS if law else _CONTRAST
    most = f"most at {worst.at}" if law else "furthest"
    at = f" ({most}{worst.deviation})" if verdict != "agrees" and (law or worst.deviation) else ""
    everywhere = "at both points" if len(group) == 2 else f"at all {len(group)} points"
    parts = [f"{verbs[each]} at {counts[each]}" for each in reversed(GRAVEST_FIRST) if counts[each]]
    parts[0] += f" of {len(group)} points"
    if len(parts) == 1:
        parts = [f"{verbs[verdict]} {everywhere}"]
    parts[-1] += at
    if law and len(counts) == 1 and verdict != "inconclusive":
        return f"{verbs[verdict]} with {worst.law} in {worst.what} {everywhere}{at}"
    return f"{'against ' * law}{worst.law} in {worst.what} {', '.join(parts)}"


def _alone(row: SaidRow, law: bool) -> str:
    if row.whole:
        number = in_words(
            row.ratio, row.low, row.high, predicted=row.predicted, tolerance=0.0, difference=row.difference
        )
        called = row.said.get("number")
        return row.said[row.verdict] + (f" ({called} {number})" if called and number and not row.fault else "")
    if law:
        return f"{_LAW[row.verdict]} {row.law} in {row.what}{row.deviation}{row.edge}"
    within = row.edge if row.verdict == "agrees" else ""  # "holds" alone would not go with 14% above
    return f"{row.law} {_CONTRAST[row.verdict]} in {row.what}{row.deviation}{within}"


def _counted(rows: Sequence[SaidRow], told_of: str) -> str:
    """How many other rows agree, disagree and are open; of those that disagree which is off most.

    The law that was told of before is not named again.
    """
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
    against = "" if worst.law == told_of else f" against {worst.law}"
    return f"{text} (most {worst.what}{against}{where}{worst.deviation})"


def _of_contrasts(rows: Sequence[SaidRow]) -> list[str]:
    """The conclusions, and of every other law beside it where it is furthest off; a few of them."""
    whole = sorted((row for row in rows if row.whole), key=lambda row: row.rank)
    by_law: dict[str, list[SaidRow]] = {}
    ranked = [row for row in rows if row.rank < UNRANKED]
    ranked = [row for row in ranked if row.may_lead] or ranked
    for row in rows:
        if not row.whole and any(each.law == row.law for each in ranked):
            by_law.setdefault(row.law, []).append(row)
    told = [((row.rank, 0), _whole(row)) for row in whole]
    for group in map(_of_law, by_law.values()):
        found = _FINDINGS_FIRST.index(gravest(row.verdict for row in group))
        told.append(((min(row.rank for row in group), found), _clause(group, law=False)))
    return [text for _, text in sorted(told, key=lambda each: each[0])[:_BESIDE]]


def _whole(row: SaidRow) -> str:
    return f"{_alone(row, law=False)}{f' at {row.at}' if row.at else ''}"


def _of_law(rows: Sequence[SaidRow]) -> list[SaidRow]:
    """Of all rows against one law the group that says most: of the gravest verdict, ranked, and furthest off."""
    verdict = gravest(row.verdict for row in rows)
    groups = [group for group in _groups(rows) if any(row.verdict == verdict for row in group)]
    ranked = [group for group in groups if group[0].rank < UNRANKED and group[0].may_lead] or groups
    return max(ranked, key=lambda group: max(row.off for row in group if row.verdict == verdict))


def _worst(rows: Sequence[SaidRow]) -> SaidRow:
    return max(rows, key=lambda row: row.off)
