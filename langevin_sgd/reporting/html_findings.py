"""What was found, in the report: a sentence a model, what does not agree, contrasts, and all comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import xarray as xr

from langevin_sgd.checks.verdicts.labels import UNRANKED
from langevin_sgd.reporting import scan_table
from langevin_sgd.reporting.html_tables import MARKS, comparisons_table, counts_table
from langevin_sgd.reporting.scan_table import NAMED, ROWS_LISTED, Grouped, grouped, scans
from langevin_sgd.reporting.sentences import FAILED, Sentence, sentences
from langevin_sgd.reporting.verdict_table import Row, failed_models, rows, summary, unasked

_CONTRASTS = 16
"""Most contrasts that stand open."""


@dataclass(frozen=True)
class Rows:
    """The comparisons one by one, and those at the many points of a scan, which are counted."""

    table: xr.Dataset | None
    each: Sequence[Row] = ()
    counted: Grouped | None = None

    @classmethod
    def of(cls, table: xr.Dataset | None) -> Rows:
        """Those of a table, or none."""
        if table is None:
            return cls(None)
        counted = grouped(table)
        return cls(table, rows(table, counted.single), counted)


def found(tree: xr.DataTree, table: xr.Dataset | None, *, unfinished: str) -> str:
    """One sentence a model; then the verdict of the study, its counts and its rule, and what the run lacks."""
    told = "".join(map(_sentence, sentences(tree, table)))
    lacking = "".join(
        f"<li><b>{escape(model.name)}</b> {escape(model.status)}: {escape(model.reason)}</li>"
        for model in failed_models(tree)
    )
    lacking += "".join(f"<li><b>{escape(name)}</b>, scan: {escape(said)}</li>" for name, said in scans(tree).items())
    troubles = f'<ul class="failed">{lacking}</ul>' if lacking else ""
    if unfinished:
        troubles += f'<p class="failed"><b>This run is</b> {escape(unfinished)}.</p>'
    verdict, study = ("none", "<p>No comparisons were made.</p>") if table is None else _study(table)
    return (
        f'<section class="verdict {escape(verdict)}" id="found"><h2>What was found</h2>'
        f'<ul class="told">{told}</ul>{study}{troubles}</section>'
    )


def _sentence(sentence: Sentence) -> str:
    mark, word = MARKS.get(sentence.verdict, "·"), sentence.verdict or "nothing claimed"
    if sentence.verdict == FAILED:
        mark = "✗"
    where = f' <span class="quiet">({escape(sentence.run_with)})</span>' if sentence.run_with else ""
    marked = f'<span class="mark" role="img" aria-label="{escape(word)}">{mark}</span>'
    return (
        f'<li class="{escape(sentence.verdict)}">{marked}'
        f"<span><b>{escape(sentence.model)}</b>{where}{sentence.separator}{escape(sentence.text)}</span></li>"
    )


def _study(table: xr.Dataset) -> tuple[str, str]:
    if told := unasked(table):
        return "none", f"<p>{escape(told[0].upper() + told[1:])}.</p>"
    found = summary(table)
    verdict = str(found["verdict"])
    law, contrast = found["counts"]["law"], found["counts"]["contrast"]
    counts = f"Of {sum(law.values())} comparisons with a law, {law.get('agrees', 0)} agree, "
    counts += f"{law.get('disagrees', 0)} disagree and {law.get('inconclusive', 0)} are inconclusive. "
    beside = sum(contrast.values())
    counts += f"Beside them stand {beside} contrasts, which do not count." if beside else ""
    rejected = list(map(str, found.get("disagreeing", [])))
    named = "".join(f"<li>{escape(title)}</li>" for title in rejected[:NAMED])
    named += f"<li>and {len(rejected) - NAMED:,} more</li>" * (len(rejected) > NAMED)
    named = f"<p>Rejected:</p><ul>{named}</ul>" if named else ""
    return verdict, (
        f'<p class="study"><b class="headline">{MARKS.get(verdict, "")} {escape(verdict)}</b> {counts}</p>'
        f'<details class="quiet"><summary>By which rule</summary>{named}<p>Rule: {escape(str(found["rule"]))}</p>'
        "</details>"
    )


def not_agreeing(every: Rows) -> str:
    """The comparisons with a law that disagree, and those that are inconclusive with what would settle them."""
    if every.table is None:
        return ""
    laws = [row for row in every.each if row.role == "law"]
    off = {word: [row for row in laws if row.verdict == word] for word in ("disagrees", "inconclusive")}
    body = _scans(every)
    if off["disagrees"]:
        body += f"<h3>Disagrees</h3>{comparisons_table(off['disagrees'])}"
    if off["inconclusive"]:
        body += f"<h3>Inconclusive, and what would settle it</h3>{comparisons_table(off['inconclusive'])}"
    if body:
        return body
    return "<p>Every comparison with a law agrees.</p>" if laws else "<p>No comparison with a law was possible.</p>"


def _scans(every: Rows) -> str:
    """Of scans of many points: how many agree, by model and law, and behind a click the rows that do not."""
    counted = every.counted
    if counted is None or not counted.groups or every.table is None:
        return ""
    off, count = scan_table.not_agreeing(every.table, counted.in_groups, ROWS_LISTED)
    listed = ""
    if off:
        cut = f", the first {len(off):,} of them here" if count > len(off) else ""
        listed = (
            f"<details><summary>{count:,} law row{'s' * (count > 1)} of single points that do not agree{cut}</summary>"
            f"{comparisons_table(off)}</details>"
        )
    note = f"All {len(counted.in_groups):,} rows by point: <code>lsgd.check(RUN).to_dataframe()</code> in Python."
    laws = [group for group in counted.groups if group.role == "law"]
    open_ones = [group for group in laws if group.disagrees or group.inconclusive]
    counts = counts_table(open_ones) if open_ones else "<p>At every point every comparison with a law agrees.</p>"
    return f'<h3>Points of scans</h3>{counts}{listed}<p class="quiet">{note}</p>'


def contrasts(every: Rows) -> str:
    """The contrasts that tell most; all of them are among all comparisons, so that what counts is not lost."""
    beside = [row for row in every.each if row.role != "law"]
    groups = [] if every.counted is None else [group for group in every.counted.groups if group.role != "law"]
    number = len(beside) + sum(group.agrees + group.disagrees + group.inconclusive for group in groups)
    if not number:
        return ""
    telling = sorted((row for row in beside if row.rank < UNRANKED), key=lambda row: row.rank)[:_CONTRASTS]
    telling = [row for row in beside if row in telling]
    note = f"{number:,} contrast{'s' * (number > 1)}: other laws beside the same measurements, which do not count."
    if len(telling) < len(beside):
        note += f" Here are the {len(telling)} that tell most." if telling else " They are among all comparisons."
    body = counts_table([group for group in groups if group.rank < UNRANKED]) if groups else ""
    body += comparisons_table(telling, reasons=False) if telling else ""
    return f'<p class="quiet">{note}</p><div class="contrasts">{body}</div>'


def all_rows(every: Rows) -> str:
    """Every comparison with its reason, folded by model."""
    parts = []
    for model in dict.fromkeys(row.model for row in every.each):
        of = [row for row in every.each if row.model == model]
        laws = sum(row.role == "law" for row in of)
        head = f"{escape(model)}: {laws} with a law, {len(of) - laws} contrasts"
        parts.append(f"<details><summary>{head}</summary>{comparisons_table(of)}</details>")
    if every.counted is not None and every.counted.groups:
        parts.append(f"<details><summary>Scans, counted</summary>{counts_table(every.counted.groups)}</details>")
    return "".join(parts)
