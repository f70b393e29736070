"""The report of a run: one HTML page that holds everything it shows and asks nothing of the network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path

import xarray as xr

from langevin_sgd import import_path, user_code
from langevin_sgd.errors import UserError
from langevin_sgd.paths import local
from langevin_sgd.progress import NullProgress, Progress
from langevin_sgd.reporting import html_figures, html_findings, html_run
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.reporting.probe_costs import costs_table
from langevin_sgd.reporting.scan_table import scans
from langevin_sgd.study import store
from langevin_sgd.study.judge import check
from langevin_sgd.study.loading import load
from langevin_sgd.study.provenance import config as config_of
from langevin_sgd.study.provenance import recorded
from langevin_sgd.study.shelf import Shelf, shelf

FIGURES_DRAWN = 14
"""Most figures of a page; `langevin-sgd plot` draws all."""


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
    found = plots.illustrations(tree, FIGURES_DRAWN)
    faults = [*left_out, *found.faults]
    progress.update(len(found.pictures), len(found.pictures))
    progress.close()
    for fault in faults:
        user_code.left_out(fault)
    kept.figures({f"{name}.png": picture.png for name, picture in found.pictures.items()})
    whole = page(
        tree, config=store.read_config(run), run=os.fspath(run), pictures=found.pictures, left=found.left, faults=faults
    )
    return kept.text(store.REPORT, whole)


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


def page(
    tree: xr.DataTree,
    *,
    config: str,
    run: str = "RUN",
    pictures: Mapping[str, plots.Picture],
    left: Sequence[str] = (),
    faults: Sequence[UserError] = (),
) -> str:
    """The HTML text of the report.

    First what was learnt, and the figure that shows it, the first of `pictures`; then what does not agree, contrasts,
    the other figures, and folded all rows, the models, config, time and provenance. `left` are the names of figures
    that were not drawn, and `faults` what is said of those that could not be.
    """
    provenance = recorded(tree.attrs)
    name = str(config_of(tree.attrs).get("name") or tree.name or "run")
    checks = tree.children[store.CHECKS].to_dataset(inherit=False) if store.CHECKS in tree.children else None
    shown, others = html_figures.chosen(pictures)
    rows = html_findings.Rows.of(checks)
    found = html_findings.found(tree, checks, unfinished=str(tree.attrs.get("unfinished", "")))
    parts = [
        ("off", "What does not agree", html_findings.not_agreeing(rows)),
        ("contrasts", "Contrasts", html_findings.contrasts(rows)),
        ("figures", "Figures", html_figures.gallery(shown[1:], [*others, *left], run=run, faults=faults)),
        ("rows", "All comparisons", html_findings.all_rows(rows)),
        ("models", "Models", _folded("What was run and measured", html_run.models(tree))),
        ("reading", "How to read the verdicts", _folded("Laws, contrasts, three answers", html_run.READING)),
        ("config", "Config", _folded("As it was run", f'<pre tabindex="0">{escape(config)}</pre>')),
        ("costs", "What the probes cost", costs_table(tree)),
        ("provenance", "Provenance", _folded("Versions, device and time", html_run.provenance(provenance))),
    ]
    there = [part for part in parts if part[2]]
    links = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, title, _ in there)
    lead = f'<div class="lead">{html_figures.figure(shown[0])}</div>' if shown else ""
    sections = "".join(f'<section id="{key}"><h2>{escape(title)}</h2>{body}</section>' for key, title, body in there)
    style = resources.files("langevin_sgd.reporting").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)} · langevin-sgd</title><style>{style}</style></head>"
        f'<body><a class="skip" href="#found">Skip to what was found</a><main>{html_run.header(name, provenance)}'
        f'<nav aria-label="Parts of this page"><ul>{links}</ul></nav>'
        f'<div class="top">{found}{lead}</div>{sections}</main></body></html>\n'
    )


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{body}</details>" if body else ""
