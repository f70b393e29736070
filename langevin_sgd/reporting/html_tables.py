"""The tables of the report: comparisons one by one with their reasons, and those at the points of a scan counted."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from langevin_sgd.reporting.scan_table import Group
from langevin_sgd.reporting.verdict_table import Row, state

MARKS = {"agrees": "✓", "disagrees": "✗", "inconclusive": "?"}

_COLUMNS = ("quantity", "law", "verdict", "measured", "predicted", "ratio or difference [interval]")
_NUMBERS = ("measured", "predicted", "ratio or difference [interval]")


def comparisons_table(chosen: Sequence[Row], *, reasons: bool = True) -> str:
    """Two lines a comparison: its numbers, and the reason for its verdict. Those that do not count are in brackets."""
    width = len(_COLUMNS)
    lines = []
    model = None
    for row in chosen:
        if row.model != model:
            model = row.model
            found = state([each for each in chosen if each.model == model])
            title = f"{model}: {found}" if found else model
            lines.append(f'<tr class="model"><th colspan="{width}" scope="rowgroup">{escape(title)}</th></tr>')
        numbers = "".join(
            f'<td class="number" data-label="{label}">{escape(text)}</td>'
            for label, text in zip(_NUMBERS, (row.measured, row.predicted, row.ratio), strict=True)
        )
        verdict = f"{MARKS.get(row.verdict, '')} {row.verdict}"
        verdict = verdict if row.role == "law" else f"({verdict})"
        lines.append(
            f'<tr class="numbers"><th scope="row">{escape(row.quantity)}</th>'
            f'<td data-label="law">{escape(row.law)}</td>'
            f'<td class="badge {escape(row.verdict)}">{escape(verdict)}</td>{numbers}</tr>'
        )
        if reasons:
            lines.append(f'<tr class="reason"><td colspan="{width}"><p>{escape(row.reason)}</p></td></tr>')
    heads = [f'<th scope="col"{" class=number" * (title in _NUMBERS)}>{title}</th>' for title in _COLUMNS]
    return f'<table class="rows"><thead><tr>{"".join(heads)}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def scrolled(table: str, title: str) -> str:
    """A table that scrolls on its own where the window is narrow, by the keyboard too."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(title)}"><table>{table}</table></div>'


def counts_table(groups: Sequence[Group]) -> str:
    """One line a quantity of a model against a law: how many points of the scan agree, and which one is off most."""
    heads = ("model", "quantity", "law", "agree", "disagree", "inconclusive", "off most at", "ratio or difference")
    numbers = ("agree", "disagree", "inconclusive", "ratio or difference")
    lines = []
    for group in groups:
        counts = (("agrees", group.agrees), ("disagrees", group.disagrees), ("inconclusive", group.inconclusive))
        cells = "".join(f'<td class="number {verdict if n else "quiet"}">{n:,}</td>' for verdict, n in counts)
        lines.append(
            f"<tr><td>{escape(group.model)}</td><td>{escape(group.quantity)}</td>"
            f"<td>{escape(group.law)}</td>{cells}<td>{escape(group.point)}</td>"
            f'<td class="number">{escape(group.worst.ratio)}</td></tr>'
        )
    head = "".join(f'<th scope="col"{" class=number" * (title in numbers)}>{title}</th>' for title in heads)
    return scrolled(f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>", "How many points agree")
