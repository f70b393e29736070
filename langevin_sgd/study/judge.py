"""The checks: laws against observables, with honest intervals and three-valued verdicts."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd import import_path, user_code
from langevin_sgd.checks import CHECKS, possible
from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.places import placed
from langevin_sgd.checks.section import CheckSection
from langevin_sgd.checks.stored import restored
from langevin_sgd.checks.verdicts.labels import FIRST, Fault, Quantity, Said
from langevin_sgd.checks.verdicts.statistics import inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, to_dataset
from langevin_sgd.errors import UserError
from langevin_sgd.laws.cache import title_of, unanswered
from langevin_sgd.laws.evaluate import known
from langevin_sgd.models import lineage
from langevin_sgd.observables.points_done import PointsDone, points_done
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.paths import local
from langevin_sgd.study import provenance, store
from langevin_sgd.study.config import Study
from langevin_sgd.study.loading import load, parse
from langevin_sgd.study.shelf import shelf


def check(run: xr.DataTree | str | os.PathLike[str], study: Study | Mapping[str, Any] | None = None) -> xr.Dataset:
    """The comparisons of a study, one row each: those of `judged`, for a tree or a run directory.

    A run directory is judged by its own config.yaml, and the table is kept in it, as the command does; with `study` it
    is judged by that, and nothing is written. If the table cannot be kept, because another process writes to the run or
    because that is not permitted, this is warned of. Code that the config of the run names is used if it is imported
    already, and is not imported for its sake. Raises `UserError` if there is no run there or it is damaged, or if such
    code is needed.
    """
    with import_path.only():
        if not isinstance(run, str | os.PathLike):
            return judged(run, study)
        if study is not None:
            return judged(store.open_run(run, load=True), study)
        with shelf(run) as kept:
            table, answered = _judged(store.open_run(run, load=True), load(local(run) / store.CONFIG), fresh=False)
            for name, data in answered.items():
                kept.model(name, data)
            kept.checks(table)
        return table


def judged(tree: xr.DataTree, study: Study | Mapping[str, Any] | None = None, *, fresh: bool = False) -> xr.Dataset:
    """Evaluate the comparisons of a study on its results, fresh or read back from disk.

    Returns a Dataset with dimension `comparison`, one row a comparison, and with attrs["summary"], JSON with the
    study's verdict, its rule, the counts by role and verdict, the rows that disagree or are inconclusive, and the
    models that were not compared; `unasked`, of a study without checks, names those that could be made. Columns: model,
    quantity, law, role, measured, standard_error, predicted, ratio, ratio_low, ratio_high, tolerance, verdict, reason,
    p_value, rejected, modes, eigenvalue_low, eigenvalue_high, point, scale, and for prints law_title, quantity_title,
    about (labels, as JSON), rank, rank_beside, fault (all dimensionless; `ratio` and its interval hold a difference
    where `scale` says so; see `Comparison`). The keys of a scan are coordinates along `comparison`, and columns of
    `to_dataframe()`. Points of a scan that failed or are to come are among what was not compared.

    What is stored beside the measurements (laws, estimates, what a model was run with) is worked out again, unless the
    results are `fresh`; where it differs the comparisons take it as it follows, and a row `stored[NAME]`, inconclusive,
    names what was altered. Answers of laws that are missing, or of another version, are added.

    A check of the user's own that fails is a row `check[KIND]`, inconclusive, that says how, and is warned of.

    `study` says which checks to make; by default it is the config in the tree's provenance. The study `disagrees` if
    a row of role "law" does so and is rejected by Holm's rule at 1 - confidence (the smallest of the checks);
    `agrees` if all of them agree; else it is inconclusive. Raises `ValueError` if there is neither a study nor a
    provenance.
    """
    return _judged(tree, _study(tree, study), fresh=fresh)[0]


@one_blas_thread()
def _judged(tree: xr.DataTree, resolved: Study, *, fresh: bool) -> tuple[xr.Dataset, dict[str, xr.Dataset]]:
    """The comparisons, and the models of which laws say what the run does not hold, if nothing was altered."""
    rows: list[Comparison] = []
    not_compared: list[dict[str, str]] = []
    done = _finished(tree, resolved, not_compared)
    stored = dict(done)
    laws, answered = known(resolved.laws), {}
    if not fresh:
        for name in [name for name in lineage.order(resolved) if name in done]:
            done[name], told = restored(resolved, name, done, laws)
            rows += told
            if not told and unanswered(stored[name], laws):
                answered[name] = done[name]
    remarks = _remarks(resolved, done)
    for place, criteria in enumerate(resolved.checks):
        for name in [name for name in criteria.covered(resolved) if name in done]:
            own = _rows(criteria, Judged(resolved, name, done, stored))
            own = [_remarked(row, remarks.get((name, row.point), {}), place) for row in own]
            if not own and criteria.EMPTY:
                not_compared.append({"model": name, "status": "done", "reason": criteria.EMPTY})
            titled = [replace(row, law_title=row.law_title or title_of(row.law, done[name])) for row in own]
            rows += placed(titled, done[name])
    level = 1.0 - max((criteria.confidence for criteria in resolved.checks), default=0.95)
    unasked = None if resolved.checks else possible(resolved)
    return to_dataset(rows, level=level, not_compared=not_compared, unasked=unasked), answered


def _study(tree: xr.DataTree, study: Study | Mapping[str, Any] | None) -> Study:
    if isinstance(study, Study):
        return study
    if study is not None:
        return parse(study)
    if "provenance" not in tree.attrs:
        raise ValueError("the tree has no provenance attribute that names its checks; pass study=")
    try:
        return parse(provenance.config(tree.attrs))
    except ValueError as error:
        raise UserError(f"{tree.name or 'the tree'}: {error}; pass study=") from error


def _finished(tree: xr.DataTree, study: Study, not_compared: list[dict[str, str]]) -> dict[str, xr.Dataset]:
    """The datasets of the models that are done, of a scanned one if any of its points is.

    The others are noted with their reason, and so are the points that a scan lacks.
    """
    done: dict[str, xr.Dataset] = {}
    for name in study.models:
        if name not in tree.children:
            not_compared.append({"model": name, "status": "missing", "reason": "the run holds no results of it"})
            continue
        dataset = tree.children[name].to_dataset(inherit=False)
        status, found = str(dataset.attrs.get("status", "done")), points_done(dataset)
        if found.done > 0 if found is not None else status == "done":
            done[name] = dataset
        elif found is None:
            reason = str(dataset.attrs.get("error", "")) or status
            not_compared.append({"model": name, "status": status, "reason": reason})
        if found is not None:
            not_compared += _lacking(name, found)
    return done


def _lacking(model: str, found: PointsDone) -> Iterator[dict[str, str]]:
    """The points of a scan that are not compared: the first that failed one by one, the others by their number."""
    for label, error in found.failed:
        yield {"model": model, "status": "failed", "reason": error, "point": label}
    if found.failures > len(found.failed):
        more = f"{found.failures - len(found.failed):,} more points failed; their errors are in {model}.error"
        yield {"model": model, "status": "failed", "reason": more}
    if found.pending:
        yield {
            "model": model,
            "status": "pending",
            "reason": f"{found.pending:,} of {found.total:,} points are to come",
        }


def _remarks(study: Study, done: Mapping[str, xr.Dataset]) -> dict[tuple[str, str], dict[int, str]]:
    """What each check, by its place, has to say to the rows of others, of every model and point of which it does."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for place, check in enumerate(study.checks):
        if type(check).remark is CheckSection.remark:
            continue
        for name in [name for name in check.covered(study) if name in done]:
            for label, point in Judged(study, name, done, done).points():
                if text := _remark(check, name, point):
                    found.setdefault((name, label), {})[place] = text
    return found


def _remark(check: CheckSection, model: str, point: xr.Dataset) -> str:
    if CHECKS.is_own(check.kind):
        return check.remark(point)
    try:
        return str(user_code.call(f"check {check.kind} of {model}: its remark failed", check.remark, point))
    except UserError as fault:
        user_code.left_out(fault)
        return ""


def _remarked(row: Comparison, remarks: Mapping[int, str], own: int) -> Comparison:
    """A row with what the other checks say of its model and point behind its reason."""
    others = [text for place, text in remarks.items() if place != own]
    return replace(row, reason="; ".join([row.reason, *others])) if others else row


def _rows(check: CheckSection, judged: Judged) -> list[Comparison]:
    """The comparisons of one model; what a check of somebody else's raises or returns is told in a line."""
    if CHECKS.is_own(check.kind):
        return check.rows(judged)
    try:
        return _rows_of_users(check, judged)
    except import_path.NotImported:
        raise
    except UserError as fault:  # what has run, and what other checks say of it, must not be lost by it
        user_code.left_out(fault)
        return [_failed(check, judged.name, fault.render())]


def _rows_of_users(check: CheckSection, judged: Judged) -> list[Comparison]:
    own: Any = user_code.call(f"check {check.kind} of {judged.name}", check.rows, judged)
    if not isinstance(own, list | tuple) or not all(isinstance(row, Comparison) for row in own):
        raise UserError(f"check {check.kind} of {judged.name}: returned something else than a list of Comparison")
    return list(own)


def _failed(check: CheckSection, model: str, reason: str) -> Comparison:
    """The row, without a verdict, in the place of those of a check that failed."""
    told = f"the check {check.kind} gave no answer"
    return Comparison.from_assessment(
        inconclusive(math.nan, math.nan, reason),
        model=model,
        quantity=Quantity(
            f"check[{check.kind}]",
            f"check {check.kind}",
            {"check": check.kind},
            (FIRST, FIRST),
            said=Said(told, told, told),
        ),
        law="none",
        law_title="no answer",
        role="law",
        measured=math.nan,
        standard_error=math.nan,
        predicted=math.nan,
        tolerance=math.nan,
        eigenvalues=np.empty(0),
        fault=Fault.UNFIT,
    )
