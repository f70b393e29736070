"""Several runs of one script, with different seeds, as one run whose replicas they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from langevin_sgd import import_path
from langevin_sgd.checks import CHECKS
from langevin_sgd.errors import UserError
from langevin_sgd.models.section import ModelSection
from langevin_sgd.models.watched import merging
from langevin_sgd.models.watched.run import handing_over
from langevin_sgd.paths import local
from langevin_sgd.simulation import simulate
from langevin_sgd.study import store
from langevin_sgd.study.config import Study
from langevin_sgd.study.loading import load, parse
from langevin_sgd.study.run_config import flattened

_BY_DEFAULT = ("equilibrium",)
_OWN = ("name", "seed", "output", "description", "checks", "figures", "laws")
"""Keys in which the runs of one script may differ."""


def merge(
    runs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    checks: Sequence[str | Mapping[str, Any]] | None = None,
    overwrite: bool = False,
) -> xr.DataTree:
    """Make the runs of one script, left by `langevin_sgd.watch` with different seeds, the replicas of one run.

    `runs` are their directories, two or more, which stay as they are; the run that they make is left in `output`, in
    the order that they are given, and its DataTree returned. It is judged by `checks`, as in a config; by default by
    `equilibrium` if the runs have a stationary window. What is pooled over replicas, such as the stationary variance of
    each mode with its error, is worked out of what all replicas did. The weights that they visited are not kept.

    Raises `UserError` if something is no run of `watch` or has failed, if two are the same, have the same seed, or
    differ in anything but the seed, which is named; and if `output` exists or is one of them.
    """
    if isinstance(runs, str | os.PathLike):
        raise UserError(f"merge: {os.fspath(runs)} is one run; give a list of two or more")
    places = [os.fspath(local(run)) for run in runs]
    if len(places) < 2:
        raise UserError(f"merge: two runs or more make one, got {len(places)}")
    place = local(output)
    _refuse_places(places, os.fspath(place))
    store.refuse(place, overwrite=overwrite, resume=False, goes_on=False)
    with import_path.only():
        studies = {name: load(local(name) / store.CONFIG) for name in places}
    models = {name: merging.single(_only(study, name), name) for name, study in studies.items()}
    _refuse_different(studies)
    first = studies[places[0]]
    (called,) = first.models
    data = {name: _done(name, called) for name in places}
    model = merging.merged_model(models, list(data.values()))
    merged = merging.merged_data(model, data)
    written = first.as_written() | {"name": place.name, "output": os.fspath(place)}
    study = parse({**written, "models": {called: model.model_dump(mode="json")}})
    if checks is None:
        checks = [kind for kind in _BY_DEFAULT if CHECKS[kind](kind=kind).fits(study, called)]
    with handing_over(merged):
        return simulate({**study.as_written(), "checks": list(checks)}, output=place, device="cpu", overwrite=overwrite)


def _refuse_places(runs: Sequence[str], output: str) -> None:
    """Raise `UserError` for a run that is given twice, by whatever name, and for one that would be written over."""
    seen: dict[str, str] = {}
    for run in runs:
        where = os.path.realpath(run)
        if where in seen:
            raise UserError(f"{run}: is given twice; leave out one")
        seen[where] = run
    if os.path.realpath(output) in seen:
        raise UserError(f"{output}: is one of the runs to be merged, which stay as they are; choose another output")


def _only(study: Study, name: str) -> ModelSection:
    if len(study.models) > 1:
        raise UserError(f"{name}: is a study of {len(study.models)} models; runs of langevin_sgd.watch can be merged")
    return next(iter(study.models.values()))


def _refuse_different(studies: Mapping[str, Study]) -> None:
    """Raise `UserError` for runs whose configs differ in more than the seed and what they are called."""
    flat = {name: dict(flattened(study.as_written(without=_OWN))) for name, study in studies.items()}
    first, *others = flat
    for name in others:
        for key in {**flat[first], **flat[name]}:
            here, there = flat[name].get(key, "not set"), flat[first].get(key, "not set")
            if here != there and key.rpartition(".")[2] != "seeds":
                raise UserError(f"{name}: {key} is {here}, and is {there} in {first}; only the seeds may differ")


def _done(name: str, model: str) -> xr.Dataset:
    data = store.open_run(name, load=True).children[model].to_dataset(inherit=False)
    if data.attrs.get("status") != "done":
        raise UserError(f"{name}: {data.attrs.get('error') or data.attrs.get('status')}; leave it out")
    return data
