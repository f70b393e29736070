"""What the commands print: the table of verdicts, on one screen or in full, readable from 80 columns on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TextIO

import xarray as xr
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from langevin_sgd.observables.declared import is_trained
from langevin_sgd.observables.points_done import points_done
from langevin_sgd.observables.scanned import points
from langevin_sgd.reporting.outcomes import OUTCOMES
from langevin_sgd.reporting.probe_costs import costs_line
from langevin_sgd.reporting.run_parameters import parameters
from langevin_sgd.reporting.scan_table import NAMED, Group, Grouped, grouped, not_agreeing, scans, telling
from langevin_sgd.reporting.sentences import FAILED, sentences
from langevin_sgd.reporting.verdict_table import (
    ROWS_ON_ONE_SCREEN,
    Row,
    failed_models,
    most_telling,
    plain,
    rows,
    state,
    summary,
    unasked,
    with_error,
)
from langevin_sgd.study import store

_WIDE = 104
_ROOM_FOR_PREDICTED = 90
_ROOM_FOR_HEADING = 120  # in one line
_RATIO = "ratio or difference [a, b]"
_STYLES = {"agrees": "green", "disagrees": "bold red", "inconclusive": "yellow"}
_MARKS = {"agrees": "✓ agrees", "disagrees": "✗ disagrees", "inconclusive": "? inconclusive"}
_LEGEND = (
    "(12) is the standard error of the last digits, [a, b] the interval of measured/predicted, with a sign that of "
    "measured − predicted, or of the value itself where smallness is predicted. Verdicts in brackets are contrasts, "
    "which do not count."
)
_NARROW = f"✓ agrees, ✗ disagrees, ? is inconclusive. Predicted values are shown from {_ROOM_FOR_PREDICTED} columns on."
_SENTENCES = 8
"""Most models of which one screen tells."""
_FEWEST = 12
"""Rows that one screen has at least, however much is said before them."""
_TOLD = {
    "agrees": ("✓", "green"),
    "disagrees": ("✗", "bold red"),
    "inconclusive": ("?", "yellow"),
    FAILED: ("✗", "bold red"),
}
_LISTED = 40  # rows of a scan of many points with their reasons
_PLURALS = {"agrees": "agree", "disagrees": "disagree", "inconclusive": "inconclusive"}


def print_verdicts(
    tree: xr.DataTree,
    table: xr.Dataset,
    *,
    full: bool,
    verbose: bool = False,
    run: str,
    width: int | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print a sentence a model, the comparisons, the verdict of the study with its rule, and the models that failed.

    `full` prints all comparisons, with a short reason where one with a law does not agree, or if `verbose` the whole
    reason of each; otherwise the most telling ones, and a count of the rest with the command that shows them. Of a scan
    of many points the verdicts are counted.
    """
    console = Console(file=stream or sys.stdout, width=width, highlight=False)
    networks = [name for name, node in tree.children.items() if is_trained(node.to_dataset(inherit=False))]
    taken = _print_sentences(console, tree, table, most=None if full else _SENTENCES)
    room = max(ROWS_ON_ONE_SCREEN - taken, _FEWEST)
    counted = grouped(table)
    if counted.groups:
        _print_scans(console, tree, table, counted, networks=networks, full=full, verbose=verbose, room=room, run=run)
    every = rows(table, counted.single)
    shown = every if full else most_telling(every, networks, room)
    for model in dict.fromkeys(row.model for row in shown):
        chosen = [row for row in shown if row.model == model]
        console.print(_heading(model, tree, state([row for row in every if row.model == model])))
        console.print(_table(chosen, shown, console.width, header=model == shown[0].model))
        for row in chosen if full else []:
            if verbose or (row.role == "law" and row.verdict != "agrees"):
                console.print(_reason(row, whole=verbose))
    if shown:
        console.print(Text(_LEGEND if console.width >= _ROOM_FOR_PREDICTED else f"{_LEGEND} {_NARROW}", "dim"))
    if full and not verbose and table.sizes["comparison"]:
        console.print(Text(f"The reason for every verdict: langevin-sgd check --verbose {run}", "dim"), soft_wrap=True)
    hidden = len(every) - len(shown)
    if hidden:
        counts = {verdict: sum(row.verdict == verdict for row in every) for verdict in _STYLES}
        for row in shown:
            counts[row.verdict] -= 1
        listed = ", ".join(f"{count} {_PLURALS[verdict]}" for verdict, count in counts.items() if count)
        console.print(
            Text(f"{hidden} more row{'s' * (hidden > 1)} ({listed}): langevin-sgd check {run}", "dim"), soft_wrap=True
        )
    console.print()
    _print_costs(console, tree)
    _print_summary(console, tree, table)


def _print_sentences(console: Console, tree: xr.DataTree, table: xr.Dataset | None, *, most: int | None) -> int:
    """What was learnt of each model, before all numbers; returns how many lines it takes."""
    told, lines = sentences(tree, table), 0
    for sentence in told[:most]:
        mark, style = _TOLD.get(sentence.verdict, ("·", "dim"))
        where = f" ({sentence.run_with})" if sentence.run_with else ""
        text = Text.assemble((sentence.model, "bold"), (where, "dim"), sentence.separator, sentence.text)
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_row(Text(mark, style), text)
        lines += len(console.render_lines(line))
        console.print(line)
    if len(told) > len(told[:most]):
        console.print(Text(f"and of {len(told) - len(told[:most])} more models", "dim"))
    if told:
        console.print()
    return lines


def _print_scans(
    console: Console,
    tree: xr.DataTree,
    table: xr.Dataset,
    counted: Grouped,
    *,
    networks: Sequence[str],
    full: bool,
    verbose: bool,
    room: int,
    run: str,
) -> None:
    """The verdicts at all points by model and law; if `full`, those that do not agree with their reasons."""
    shown = counted.groups if full else telling(counted.groups, networks, room)
    for model in dict.fromkeys(group.model for group in shown):
        console.print(_heading(model, tree, ""))
        console.print(_counts([group for group in shown if group.model == model], shown, console.width))
    hidden = len(counted.in_groups)
    if full:
        off, count = not_agreeing(table, counted.in_groups, _LISTED)
        for row in off:
            console.print(_reason(row, named=True, whole=verbose))
        in_python = f'lsgd.check("{run}").to_dataframe() in Python'
        if count:
            console.print(
                Text(f"{len(off)} of {count:,} law rows that do not agree; all {hidden:,} rows: {in_python}", "dim"),
                soft_wrap=True,
            )
    else:
        console.print(Text(f"{hidden:,} rows in all, by point: langevin-sgd check {run}", "dim"), soft_wrap=True)


def _counts(chosen: Sequence[Group], every: Sequence[Group], width: int) -> Table:
    """How many points agree, disagree and are inconclusive, with the point that is off most."""
    law = min(_longest(group.law for group in every) + 2, 24 if width >= _WIDE else 13)
    quantity = min(_longest(group.quantity for group in every) + 1, 24)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(" quantity", width=quantity, overflow="fold")
    table.add_column("law", width=law, overflow="fold")
    for mark in ("✓", "✗", "?"):
        table.add_column(mark, justify="right", no_wrap=True)
    table.add_column("off most: ratio or difference [a, b]", overflow="fold")
    for group in chosen:
        counts = group.role == "law"
        numbers = [
            Text(f"{number:,}", (_STYLES[verdict] if counts else "dim") if number else "dim")
            for verdict, number in (
                ("agrees", group.agrees), ("disagrees", group.disagrees), ("inconclusive", group.inconclusive),
            )
        ]  # fmt: skip
        worst = Text(f"{group.point}: {group.worst.ratio}", "" if counts else "dim")
        name = group.law if counts else f"({group.law})"
        table.add_row(Text(f" {group.quantity}"), Text(name, "" if counts else "dim"), *numbers, worst)
    return table


def print_run(tree: xr.DataTree, *, run: str, brief: bool = False, width: int | None = None) -> None:
    """Print what a run came to: the table on one screen, or the verdict alone if `brief`; then what failed."""
    console = Console(width=width, highlight=False)
    if store.CHECKS in tree.children:
        table = tree.children[store.CHECKS].to_dataset(inherit=False)
        if not brief:
            print_verdicts(tree, table, full=False, run=run, width=width)
            return
        console.print(verdict_line(tree, table))
    elif not brief:
        _print_sentences(console, tree, None, most=_SENTENCES)
        console.print(_outcomes(tree))
        _print_costs(console, tree)
        console.print("No comparisons: the config asks for no checks.")
    _print_failures(console, tree)


_POINTS_SHOWN = 16


def _outcomes(tree: xr.DataTree) -> Table:
    """Where every model, or every point of its scan, ended: mean over replicas at the last recorded step."""
    models = {name: node.to_dataset(inherit=False) for name, node in tree.children.items() if "time" in node.dims}
    shown = [(key, label) for key, label in OUTCOMES if any(key in model for model in models.values())]
    basins = dict.fromkeys(str(b) for model in models.values() if "occupancy" in model for b in model["basin"].values)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("model")
    for label in ("steps", *(label for _, label in shown), *(f"in {basin}" for basin in basins)):
        table.add_column(label, justify="right")
    for name, model in models.items():
        for label, point in islice(points(model), _POINTS_SHOWN):
            last = point.isel(time=-1)
            cells = [plain(float(last[key].mean())) if key in last else "–" for key, _ in shown]
            cells += [_occupancy(last, basin) for basin in basins]
            steps = f"{int(last['step']):,}" if "step" in last else "–"
            table.add_row(Text.assemble((name, "bold"), f" at {label}" * bool(label)), steps, *cells)
        found = points_done(model)
        if found is not None and found.done > _POINTS_SHOWN:
            table.add_row(Text(f"{name}: {found.done - _POINTS_SHOWN:,} more points", "dim"))
    return table


def _occupancy(last: xr.Dataset, basin: str) -> str:
    if "occupancy" not in last or basin not in last["basin"].values:
        return "–"
    return with_error(float(last["occupancy"].sel(basin=basin)), float(last["occupancy_stderr"].sel(basin=basin)))


def verdict_line(tree: xr.DataTree, table: xr.Dataset) -> Text:
    """The verdict of the study and the counts behind it."""
    if told := unasked(table):
        return Text.assemble("Study: ", told)
    found = summary(table)
    verdict = str(found["verdict"])
    counts = {role: dict(by_verdict) for role, by_verdict in found["counts"].items()}
    laws = counts["law"]
    text = Text.assemble("Study: ", (_MARKS.get(verdict, verdict), _STYLES.get(verdict, "")), "  ")
    text.append(
        f"{sum(laws.values())} law row{'s' * (sum(laws.values()) != 1)}: "
        + ", ".join(f"{laws.get(v, 0)} {plural}" for v, plural in _PLURALS.items())
        + f"; {sum(counts['contrast'].values())} contrasts, not counted"
    )
    failed = len(failed_models(tree))
    if failed:
        text.append(f"; {failed} model{'s' * (failed > 1)} without results", "bold red")
    return text


def _print_summary(console: Console, tree: xr.DataTree, table: xr.Dataset) -> None:
    found = summary(table)
    console.print(verdict_line(tree, table))
    if unasked(table):
        _print_failures(console, tree)
        return
    console.print(Padding(Text(f"Rule: {found['rule']}", "dim"), (0, 0, 0, 2)))
    rejected = list(map(str, found.get("disagreeing", [])))
    for title in rejected[:NAMED]:
        console.print(Text.assemble(("  ✗ ", "bold red"), title))
    if len(rejected) > NAMED:
        console.print(Text(f"  ✗ and {len(rejected) - NAMED:,} more that are rejected", "bold red"))
    _print_failures(console, tree)


def _print_costs(console: Console, tree: xr.DataTree) -> None:
    if told := costs_line(tree):
        console.print(Text(told, "dim"))


def _print_failures(console: Console, tree: xr.DataTree) -> None:
    """The models without results, the points that scans lack, and what an unfinished run lacks."""
    for model in failed_models(tree):
        console.print(Text.assemble((f"  ✗ {model.name} {model.status}: ", "bold red"), model.reason))
    for name, told in scans(tree).items():
        console.print(Text.assemble((f"  {name}, scan: ", "bold yellow"), told), soft_wrap=True)
    if "unfinished" in tree.attrs:
        # one line, so that its command can be copied
        console.print(Text(f"{tree.attrs['unfinished']}", "bold yellow"), soft_wrap=True)


def _heading(model: str, tree: xr.DataTree, found: str) -> Text:
    text = Text.assemble((model, "bold"), f": {found}" if found else "")
    if model in tree.children and model != store.CHECKS:
        node = tree.children[model].to_dataset(inherit=False)
        text.append(f"  {node.attrs.get('kind', '')}  {parameters(node)}".rstrip(), "dim")
    return text


def _table(chosen: Sequence[Row], every: Sequence[Row], width: int, *, header: bool) -> Table:
    """The rows of one model, in columns as wide as those of the other models."""
    wide, predicted, words = width >= _WIDE, width >= _ROOM_FOR_PREDICTED, width >= _ROOM_FOR_PREDICTED
    gap = 2 if wide else 1
    law = min(_longest(row.law for row in every), 24 if wide else 18)
    heading = _RATIO if width >= _ROOM_FOR_HEADING or not predicted else _RATIO.replace(" or ", " or\n")
    measured = max(_longest(row.measured for row in every), 8)
    ratio = max(_longest(row.ratio for row in every), _longest(heading.splitlines()))
    verdict = _longest(_MARKS.values()) if words else 3
    wanted = _longest(row.quantity for row in every) + 1
    rest = law + (9 + gap if predicted else 0) + ratio + verdict + 4 * gap
    shown = predicted or wanted + rest + measured <= width
    rest += measured if shown else -gap
    quantity = max(min(wanted, width - rest), 12)
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="dim", show_header=header)
    table.add_column(" quantity", width=quantity, overflow="fold")
    table.add_column("law", width=law, overflow="fold")
    if shown:
        table.add_column("measured", width=measured, no_wrap=True, justify="right")
    if predicted:
        table.add_column("predicted", width=9, no_wrap=True, justify="right")
    table.add_column(Text(heading), width=ratio, no_wrap=True)
    table.add_column("verdict" if words else "", width=verdict, no_wrap=True)
    for row in chosen:
        counts = row.role == "law"
        numbers = [row.measured] * shown + [row.predicted] * predicted
        style = _STYLES.get(row.verdict, "")
        table.add_row(
            Text(f" {row.quantity}"),
            Text(row.law, "" if counts else "dim"),
            *numbers,
            row.ratio,
            Text(_verdict(row, words=words), style if counts else f"dim {style.removeprefix('bold ')}"),
        )
    return table


def _verdict(row: Row, *, words: bool) -> str:
    """The verdict in words or by its mark alone, in brackets if it does not count."""
    marked = _MARKS.get(row.verdict, row.verdict)
    if row.role == "law":
        return marked if words else f" {marked[0]}"
    return f"({row.verdict if words else marked[0]})"


def _reason(row: Row, *, named: bool = False, whole: bool) -> Padding:
    """Why a comparison came out as it did, the `whole` or in short; bright where a law does not agree. `named` says of
    which model."""
    verdict = row.verdict if row.role == "law" else f"({row.verdict})"
    telling = row.role == "law" and row.verdict != "agrees"
    model = f"{row.model}: " if named else ""
    title = (f"{model}{row.quantity}, {row.law} {verdict}: ", _STYLES.get(row.verdict, "") if telling else "dim")
    return Padding(Text.assemble(title, (row.reason if whole else row.short, "" if telling else "dim")), (0, 0, 0, 4))


def _longest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)
