"""The report of a run: one HTML page that holds everything it shows and asks nothing of the network."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import xarray as xr

from langevin_sgd import import_path, user_code
from langevin_sgd.errors import UserError
from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.paths import local
from langevin_sgd.progress import NullProgress, Progress, format_seconds
from langevin_sgd.reporting.html_tables import MARKS, comparisons_table, counts_table, scrolled
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.reporting.probe_costs import costs_table
from langevin_sgd.reporting.run_parameters import parameters
from langevin_sgd.reporting.scan_table import NAMED, ROWS_LISTED, Grouped, grouped, not_agreeing, scans
from langevin_sgd.reporting.verdict_table import FailedModel, Row, failed_models, plain, rows, summary
from langevin_sgd.study import store
from langevin_sgd.study.judge import check
from langevin_sgd.study.loading import load
from langevin_sgd.study.provenance import config as config_of
from langevin_sgd.study.provenance import recorded
from langevin_sgd.study.shelf import Shelf, shelf

_MEASURED = (
    ("noise_scale", "noise scale σ"),
    ("temperature", "temperature T"),
    ("thermal_energy", "thermal energy T/2"),
    ("effective_thermal_energy", "of the positions, T/2 over 1 − μ"),
    ("alpha", "exponent α of the structure function"),
    ("amplitude", "amplitude A of the structure function"),
    ("alignment", "alignment of H and C"),
    ("energy_at_minimum", "energy at the minimum"),
    ("gradient_norm_at_minimum", "gradient norm there"),
)
_READING = """
<p>A comparison is an equivalence test with three answers. It <b>agrees</b> if its whole confidence interval lies inside
the tolerance, <b>disagrees</b> if the whole interval lies outside, and is <b>inconclusive</b> if the interval straddles
an edge or the run cannot tell; the reason then says what would settle it. Errors come from independent replicas, so
correlated frames are never counted as independent. Where smallness is predicted, as for the shift of the mean, the
number itself is compared with a bound; a number with an explicit sign is measured less predicted.</p>
<p>A <b>law</b> is claimed to be exact for the very process that ran, at the measured Hessian H and noise covariance C,
and counts towards the verdict of the study. A <b>contrast</b> is another law beside the same numbers, such as the
continuum limit or isotropic noise; that it fails is a finding and counts for nothing. A model that truly disagrees with
training is a finding too, not a failure of the run.</p>
<p>In the tables, 0.01234(12) means 0.01234 with a standard error of 0.00012.</p>
"""


def report(run: str | os.PathLike[str] | store.RunDirectory, *, progress: Progress | None = None) -> Path:
    """Write report.html, and its figures as PNG into figures/, of a run directory; returns the path of the page.

    The page needs no other file. If another process writes to the run or that is not permitted, both go to a temporary
    folder, and this is warned of. Raises `StoreError` if there is no run there or a file cannot be written.
    """
    with shelf(run) as kept:
        return _report(run, kept, NullProgress() if progress is None else progress)


def _report(run: str | os.PathLike[str], kept: Shelf, progress: Progress) -> Path:
    progress.begin("report", unit="figures")
    tree = store.open_run(run, load=True)
    if store.CHECKS in tree.children and "said" not in tree[store.CHECKS].data_vars:  # of an earlier version
        tree[store.CHECKS] = xr.DataTree(check(tree))
    left_out = _compare_what_is_there(tree, run) if scans(tree) and store.CHECKS not in tree.children else []
    pictures, faults = plots.pictures(tree)
    faults = [*left_out, *faults]
    progress.update(len(pictures), len(pictures))
    progress.close()
    for fault in faults:
        user_code.left_out(fault)
    kept.figures({f"{name}.png": picture for name, picture in pictures.items()})
    return kept.text(store.REPORT, page(tree, config=store.read_config(run), pictures=pictures, faults=faults))


def _compare_what_is_there(tree: xr.DataTree, run: str | os.PathLike[str]) -> list[UserError]:
    """Judge the points that a scan of an unfinished run has; what its config says that cannot be read is returned."""
    try:
        with import_path.only():
            study = load(local(run) / store.CONFIG)
            if study.checks:
                tree[store.CHECKS] = xr.DataTree(check(tree, study))
    except UserError as fault:
        return [fault]
    return []


def page(tree: xr.DataTree, *, config: str, pictures: Mapping[str, bytes], faults: Sequence[UserError] = ()) -> str:
    """The HTML text of the report, with `pictures` as PNG by figure name and what is said of those left out."""
    missing = "".join(f'<p class="failed">{escape(fault.render())}</p>' for fault in faults)
    provenance = recorded(tree.attrs)
    name = str(config_of(tree.attrs).get("name") or tree.name or "run")
    checks = tree.children[store.CHECKS].to_dataset(inherit=False) if store.CHECKS in tree.children else None
    failed = failed_models(tree)
    captions = plots.captions(tree)
    shown = "".join(_figure(name, picture, captions[name]) for name, picture in pictures.items())
    counted = None if checks is None else grouped(checks)
    every = rows(checks, counted.single) if checks is not None and counted is not None else []
    sections = [
        _header(name, provenance),
        _verdict(checks, failed, scans(tree), unfinished=str(tree.attrs.get("unfinished", ""))),
        _section("Verdicts", _scans(checks, counted) + _laws(every, counted)) if checks is not None else "",
        _section("Figures", shown + missing),
        _section("Contrasts", _contrasts(every, counted)),
        _section("Models", _models(tree)),
        _section("What the probes cost", costs_table(tree)),
        _section("How to read the verdicts", _READING),
        _section("Config", f"<pre>{escape(config)}</pre>"),
        _section("Provenance", _provenance(provenance)) if provenance else "",
    ]
    style = resources.files("langevin_sgd.reporting").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)} · langevin-sgd</title><style>{style}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{body}</section>" if body else ""


def _header(name: str, provenance: Mapping[str, Any]) -> str:
    config = provenance.get("config", {})
    facts = [f"seed {provenance['seed']}"] if "seed" in provenance else []
    if "started" in provenance:
        started = str(provenance["started"]).replace("T", " ").replace("+00:00", " UTC")
        facts.append(started)
    if "elapsed_seconds" in provenance and "device" in provenance:
        facts.append(f"{format_seconds(float(provenance['elapsed_seconds']))} on {provenance['device']}")
    description = f"<p>{escape(str(config['description']))}</p>" if config.get("description") else ""
    return f'<header><h1>{escape(name)}</h1>{description}<p class="quiet">{escape(" · ".join(facts))}</p></header>'


def _verdict(
    checks: xr.Dataset | None, failed: Sequence[FailedModel], lacking: Mapping[str, str], *, unfinished: str
) -> str:
    troubles = "".join(
        f"<li><b>{escape(model.name)}</b> {escape(model.status)}: {escape(model.reason)}</li>" for model in failed
    )
    troubles += "".join(f"<li><b>{escape(name)}</b>, scan: {escape(told)}</li>" for name, told in lacking.items())
    troubles = f'<ul class="failed">{troubles}</ul>' if troubles else ""
    if unfinished:
        troubles += f'<p class="failed"><b>This run is</b> {escape(unfinished)}.</p>'
    if checks is None:
        return f'<section class="verdict none"><p class="headline">No comparisons were made</p>{troubles}</section>'
    found = summary(checks)
    verdict = str(found["verdict"])
    law, contrast = found["counts"]["law"], found["counts"]["contrast"]
    counts = f"Of {sum(law.values())} comparisons with a law, {law.get('agrees', 0)} agree, "
    counts += f"{law.get('disagrees', 0)} disagree and {law.get('inconclusive', 0)} are inconclusive. "
    counts += f"Beside them stand {sum(contrast.values())} contrasts, which do not count."
    rejected = list(map(str, found.get("disagreeing", [])))
    named = "".join(f"<li>{escape(title)}</li>" for title in rejected[:NAMED])
    named += f"<li>and {len(rejected) - NAMED:,} more</li>" * (len(rejected) > NAMED)
    named = f"<p>Rejected:</p><ul>{named}</ul>" if named else ""
    return (
        f'<section class="verdict {escape(verdict)}">'
        f'<p class="headline">{MARKS.get(verdict, "")} {escape(verdict)}</p>'
        f'<p>{counts}</p>{named}{troubles}<p class="quiet">Rule: {escape(str(found["rule"]))}</p></section>'
    )


def _scans(checks: xr.Dataset, counted: Grouped | None) -> str:
    """Of scans of many points: how many agree, by model and law, and behind a click the rows that do not."""
    if counted is None or not counted.groups:
        return ""
    off, count = not_agreeing(checks, counted.in_groups, ROWS_LISTED)
    listed = ""
    if off:
        cut = f", the first {len(off):,} of them here" if count > len(off) else ""
        listed = (
            f"<details><summary>{count:,} law row{'s' * (count > 1)} of single points that do not agree{cut}</summary>"
            f"{comparisons_table(off)}</details>"
        )
    note = f"All {len(counted.in_groups):,} rows by point: <code>lsgd.check(RUN).to_dataframe()</code> in Python."
    laws = [group for group in counted.groups if group.role == "law"]
    return f'<h3>Points of scans</h3>{counts_table(laws)}{listed}<p class="quiet">{note}</p>'


def _laws(every: Sequence[Row], counted: Grouped | None) -> str:
    laws = [row for row in every if row.role == "law"]
    if laws:
        return f"<h3>Laws</h3>{comparisons_table(laws)}"
    return "" if counted is not None and counted.groups else "<p>No comparison with a law was possible.</p>"


def _contrasts(every: Sequence[Row], counted: Grouped | None) -> str:
    """Behind a click, with their number, so that what counts is not lost among them."""
    contrasts = [row for row in every if row.role != "law"]
    groups = [] if counted is None else [group for group in counted.groups if group.role != "law"]
    number = len(contrasts) + sum(group.agrees + group.disagrees + group.inconclusive for group in groups)
    if not number:
        return ""
    count = f"{number:,} contrast{'s' * (number > 1)}: other laws beside the same measurements"
    note = "They do not count towards the verdict."
    body = (counts_table(groups) if groups else "") + (comparisons_table(contrasts) if contrasts else "")
    return (
        f'<div class="contrasts"><p class="quiet">{note}</p><details><summary>{count}</summary>{body}</details></div>'
    )


def _figure(name: str, picture: bytes, caption: str) -> str:
    data = base64.b64encode(picture).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{escape(name.replace("_", " "))}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _models(tree: xr.DataTree) -> str:
    """One column a model: what it was run with, and what was measured on it."""
    models = {name: node.to_dataset(inherit=False) for name, node in tree.children.items() if name != store.CHECKS}
    columns = [_facts(model) for model in models.values()]
    labels = dict.fromkeys(label for column in columns for label in column)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in models)
    lines = [
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{escape(column.get(label, '–'))}</td>" for column in columns)
        + "</tr>"
        for label in labels
    ]
    return scrolled(f'<thead><tr><th></th>{head}</tr></thead><tbody class="facts">{"".join(lines)}</tbody>')


def _facts(model: xr.Dataset) -> dict[str, str]:
    facts = {"kind": str(model.attrs.get("kind", "–")), "status": str(model.attrs.get("status", "–"))}
    if parameters(model):
        facts["run with"] = parameters(model)
    if "disorder" in model.sizes:
        facts["disorders"] = f"{model.sizes['disorder']:,}"
    if "replica" in model.sizes:
        facts["replicas"] = f"{model.sizes['replica']:,}"
    if "ln_time" in model:
        first, last = model["ln_time"].values[[0, -1]]
        facts["ln t"] = f"{first:g} to {last:g}"
    if "step" in model:
        last = model["step"].isel(time=-1)
        counts = dict.fromkeys(f"{int(number):,}" for number in (last.min(), last.max()))
        facts["steps"] = "–".join(counts)
    if "evaluated" in model:
        facts["loss, energy and accuracy"] = _evaluations(model)
    if "noisy" in model:
        noisy = model["noisy"].isel(dict.fromkeys(dimensions(model), 0), missing_dims="ignore").values.astype(bool)
        facts["modes, of which noise-free"] = f"{noisy.size:,}, {noisy.size - int(noisy.sum()):,}"
    if "hessian_eigenvalue" in model and "learning_rate" in model:
        largest = model["hessian_eigenvalue"].max("mode")
        facts["largest eigenvalue of H, times η"] = f"{_span(largest)}, {_span(model['learning_rate'] * largest)}"
    if "transient_deficit" in model:
        facts["variance still missing in the window"] = f"{float(model['transient_deficit'].max()):.1%}"
    return facts | {label: _span(model[key]) for key, label in _MEASURED if key in model}


def _evaluations(model: xr.Dataset) -> str:
    """At how many of the recorded times they were evaluated, on how many samples, and in what arithmetic."""
    times = f"at {_span(model['evaluated'].sum('time'))} of {model.sizes['time']:,} recorded times"
    return f"{times}, {_span(model['evaluation_samples'])} samples, {_span(model['evaluation_bits'])} bits"


def _span(values: xr.DataArray) -> str:
    """A number, or the range of it over a scan."""
    low, high = plain(float(values.min())), plain(float(values.max()))
    return low if low == high else f"{low}–{high}"


def _provenance(provenance: Mapping[str, Any]) -> str:
    entries: list[tuple[str, str]] = []
    for key, value in provenance.items():
        if key == "config":
            continue
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        entries.append((key.replace("_", " "), text if value is not None else "none"))
    listed = "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in entries)
    return f"<dl>{listed}</dl>"
