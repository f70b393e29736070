"""Run a study: every model after what it is measured on, then the checks, into one DataTree and a run directory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import xarray as xr

from langevin_sgd import devices, user_code
from langevin_sgd.config.errors import FaultAtKey
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws import Law
from langevin_sgd.laws.evaluate import known
from langevin_sgd.models import lineage
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.paths import local
from langevin_sgd.progress import Forecast, Progress, QuietProgress
from langevin_sgd.storage.checkpoint import NoCheckpoint
from langevin_sgd.study import loading as config
from langevin_sgd.study import store
from langevin_sgd.study.answers import answered
from langevin_sgd.study.config import Study
from langevin_sgd.study.engines.engine import Engine, Here
from langevin_sgd.study.estimate import estimated, refuse_too_large
from langevin_sgd.study.judge import judged
from langevin_sgd.study.provenance import provenance
from langevin_sgd.study.run_model import Surroundings, run_model
from langevin_sgd.study.run_scan import faults, is_whole, run_scan, without_data
from langevin_sgd.study.shards.gather import gather
from langevin_sgd.study.shards.part import take_part
from langevin_sgd.study.shards.shares import Shard
from langevin_sgd.study.trial import import_code, try_models

RESUMABLE = "resumable"
"""The attribute of a model that failed of what is no part of the config, and may do better when it is resumed."""


@dataclass(frozen=True)
class Report:
    """What is left in a run directory beside the results.

    `ready` raises `UserError` before anything runs if it could not be made of the study; `make` makes it.
    """

    ready: Callable[[Study], object]
    make: Callable[[store.RunDirectory, Progress], object]


def execute(
    study: str | os.PathLike[str] | Mapping[str, Any] | Study,
    *,
    report: Report,
    output: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    engine: Callable[[], Engine] = Here,
    shard: Shard | None = None,
) -> xr.DataTree:
    """Run a study and return its DataTree, as `langevin_sgd.simulate` says; `report` is made of a run directory.

    `engine` makes what runs the tasks of scanned models. Of a study that is shared with other processes those of
    `shard` are run; the tree is what is there, with the attribute `unfinished`, unless this was the last one.
    """
    if shard is not None and (output is None or overwrite):
        why = "needs an output directory" if output is None else "and overwrite exclude each other"
        raise UserError(f"shard {why}: several processes write to it")
    given, study = study, _study(study, overrides)
    told = progress is not None
    progress = QuietProgress() if progress is None else progress
    with _placed_in(given, overrides):
        placed, laws = _started(study, device, report)
        where = {name: each.device for name, each in placed.items()}
        large = refuse_too_large(study, devices=where, output=output)
        if output is not None and shard is None:
            store.refuse(local(output), overwrite=overwrite, resume=resume)
        try_models(study, devices=where, finished=store.done(output) if resume and output is not None else ())
    for text in large:
        progress.notice(text)
    started = datetime.now(UTC)
    running = engine()
    run = None
    try:

        def around(name: str, models: Mapping[str, xr.Dataset]) -> Surroundings:
            kept = NoCheckpoint() if run is None else run.checkpoint(name)
            shared = NoCheckpoint() if run is None else run.landmarks
            return Surroundings(models, laws, placed[name].device, progress, kept, shared)

        shares = None
        if shard is not None and output is not None:
            shares = take_part(
                study,
                shard,
                local(output),
                config=config.resolved_yaml(study),
                around=lambda name: around(name, {}),
                single=_run_single,
                engine=running,
            )
        if output is not None:
            text = config.resolved_yaml(study)
            run = store.prepare(
                output, config=text, overwrite=overwrite, resume=resume and shard is None, together=shard is not None
            )
        elif resume or overwrite:
            raise UserError("resume and overwrite need an output directory")
        lost: Mapping[str, xr.Dataset] = {}
        if run is not None and shares is not None:
            gathered = gather(run, shares)
            if gathered.missing:
                said = f"shard {shard} is done; not run yet: {shares.said(gathered.missing)}"
                tree = store.open_run(run)
                tree.attrs["unfinished"] = said
                return tree
            lost = gathered.lost
        models: dict[str, xr.Dataset] = {**({} if run is None else run.finished()), **lost}
        settled = [name for name in models if run is None or run.settled(name)]
        there = {*lost, *(name for name in settled if is_whole(study, name, models[name]))}
        if run is not None and shares is not None and there >= {*study.models}:
            tree = store.open_run(run, load=True)
            if tree.attrs.get("status") == "finished":  # by another shard, while this one was still at its part
                run.clear_shards()
                return tree
        for name in lineage.order(study):
            if name in lost:
                continue
            if name in there:
                models[name] = _with_new_laws(study, name, models, run)
            else:
                models[name] = _run_one(study, name, around(name, models), run, running)
        running.close()
        tree = _finish(study, models, device=device, started=started, progress=progress, run=run, report=report)
    finally:
        try:
            running.close(at_once=True)
            progress.close()
        finally:
            if run is not None:
                run.close()
    for name, fault in ({} if told else failures(tree)).items():
        mend = "; mend that, then go on with resume=True" if run is not None and name in resumable(tree) else ""
        warnings.warn(f"{name}: {fault}{mend}", RuntimeWarning, stacklevel=3)
    return tree


def planned(
    study: str | os.PathLike[str] | Mapping[str, Any] | Study,
    *,
    report: Report,
    output: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
) -> xr.Dataset:
    """What `execute` would take with the same arguments, as `langevin_sgd.plan` says."""
    given, study = study, _study(study, overrides)
    with _placed_in(given, overrides):
        placed, laws = _started(study, device, report)
        where = {name: each.device for name, each in placed.items()}
        refuse_too_large(study, devices=where, output=output)
        try_models(study, devices=where)
    return estimated(study, devices=where, laws=laws, output=output)


def _started(study: Study, device: str, report: Report) -> tuple[Mapping[str, devices.Placed], tuple[Law, ...]]:
    """Where every model runs, and the laws of the study; all that the config names is there then.

    Raises `UserError` for a study that can be read alone, and for what is not there.
    """
    for name, model in study.models.items():
        if (reason := model.unrunnable()) is not None:
            raise UserError(f"models.{name} {reason}")
        for key, fault in model.absent():
            raise FaultAtKey(("models", name, *key), fault)
    placed = devices.place_all(device, {name: model.engines() for name, model in study.models.items()})
    import_code(study)
    laws = known(study.laws)
    report.ready(study)
    return placed, laws


@contextmanager
def _placed_in(given: Any, overrides: Sequence[str]) -> Iterator[None]:
    """Around what refuses a study that was read: told with the line of the config, if that is a file."""
    try:
        yield
    except FaultAtKey as error:
        if not isinstance(given, str | os.PathLike):
            raise
        raise config.located(error, given, overrides) from None


def _finish(
    study: Study,
    models: Mapping[str, xr.Dataset],
    *,
    device: str,
    started: datetime,
    progress: Progress,
    run: store.RunDirectory | None,
    report: Report,
) -> xr.DataTree:
    """The tree of a study whose models have run, checked, and written with its report if there is a run directory."""
    tree = xr.DataTree.from_dict({name: models[name] for name in study.models}, name=study.name)
    tree.attrs["provenance"] = provenance(
        study.model_dump(mode="json", by_alias=True),
        seed=study.seed,
        device_asked=device,
        devices={name: str(models[name].attrs.get("device", "none")) for name in study.models},
        backends={name: str(models[name].attrs.get("backend", "none")) for name in study.models},
        started=started,
    )
    if study.checks:
        tree["checks"] = xr.DataTree(judged(tree, study, fresh=True))
    if run is not None:
        run.finalize(tree)
        report.make(run, progress)
    return tree


def _study(study: str | os.PathLike[str] | Mapping[str, Any] | Study, overrides: Sequence[str]) -> Study:
    if isinstance(study, str | os.PathLike):
        return config.load(study, overrides)
    if overrides:
        raise UserError("overrides go with the path of a config; change the mapping itself instead")
    return study if isinstance(study, Study) else config.parse(study)


def _run_one(
    study: Study, name: str, around: Surroundings, run: store.RunDirectory | None, engine: Engine
) -> xr.Dataset:
    """One model's Dataset, with its status; stored in the run directory if there is one."""
    told = Forecast(around.progress, name)
    told.begin(name)
    around = replace(around, progress=told)
    if lineage.scanned(study, name):
        return run_scan(study, name, around, run, engine)
    result = _run_single(study, name, around)
    if result.attrs["status"] != "done":
        around.progress.message(f"{name}: {result.attrs['status']}: {result.attrs['error']}")
    if run is not None:
        run.save_model(name, result)
    return result


def _run_single(study: Study, name: str, around: Surroundings) -> xr.Dataset:
    """The Dataset of a model that is not scanned, or an empty one that says what went wrong."""
    kind = study.models[name].kind
    missing = [source for source in lineage.sources(study, name) if around.finished[source].attrs["status"] != "done"]
    if missing:
        return without_data(kind, "skipped", f"{', '.join(missing)} failed, and {name} is measured on it")
    try:
        result = run_model(study, name, around)
        result.attrs.update(kind=kind, status="done", device=around.device)
        return result
    except store.StoreError:
        raise  # what cannot be kept is no fault of the model
    except (Diverged, UserError) as error:
        lost = without_data(kind, "failed", PointFailed(error).told(name))
        return lost.assign_attrs({RESUMABLE: "true"}) if user_code.raised(error) else lost


def _with_new_laws(
    study: Study, name: str, models: Mapping[str, xr.Dataset], run: store.RunDirectory | None
) -> xr.Dataset:
    """A model that had finished before, with what laws say of it that the study has named since then."""
    data = answered(study, name, models)
    if run is not None and data is not models[name]:
        run.save_group(name, data)
    return data


def failures(tree: xr.DataTree) -> dict[str, str]:
    """The models of a run that have no data, or lack points of their scan, with what went wrong."""
    return {name: fault for name, node in tree.children.items() if (fault := faults(node.to_dataset(inherit=False)))}


def resumable(tree: xr.DataTree) -> list[str]:
    """The models of a run that failed of code of the user's own: they are run again, from where they were, when the run
    is resumed."""
    return [name for name, node in tree.children.items() if node.attrs.get(RESUMABLE) == "true"]
