"""Running a study from its config to its report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import xarray as xr

from langevin_sgd.errors import UserError
from langevin_sgd.progress import Progress
from langevin_sgd.study import store
from langevin_sgd.study.config import Study
from langevin_sgd.study.engines.choice import chosen
from langevin_sgd.study.execute import Report, execute, planned
from langevin_sgd.study.loading import load
from langevin_sgd.study.shards.shares import shard as as_shard


def simulate(
    study: str | os.PathLike[str] | Mapping[str, Any] | Study,
    *,
    output: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    executor: Executor | None = None,
    shard: str | tuple[int, int] | None = None,
) -> xr.DataTree:
    """Run a study and return its DataTree: a group a model, `checks`, and the provenance as an attribute of the root.

    `study` is the path of a config, a mapping with the same keys, or a `Study`; `overrides` are KEY=VALUE texts as
    `--set` takes them (paths only). With `output` the run is also left in that directory, with its report, each model
    as soon as it has finished, and can be resumed there after an interruption; without it nothing is written.

    The points of a scan run in this process, or in `workers` processes of this machine (then the script that calls this
    must be importable, its own work under `if __name__ == "__main__":`), on the dask cluster whose `scheduler` is at
    an address, or in any `concurrent.futures.Executor`: to the same bits. `shard` "2/3" is the second of three
    processes that run the study together, each a part of it, into the same `output`, at once or one after the other,
    and that go on from where they were when they are started again. The one that ends last returns the whole tree, all
    others what is there, with what is missing in the attribute `unfinished`.

    A model that diverges or cannot be run is kept as an empty group with `status` "failed" and `error`; models that are
    measured on it are "skipped"; all others run. Either is warned of (`RuntimeWarning`) unless `progress` is given,
    which is told. Raises `ConfigError` or another `UserError` before anything is run or
    written if the config, the device, a module that the config names or the directory will not do, if a model would not
    fit into memory, or if the results would not fit on the disk. What takes more than half of the memory or more than
    ten minutes is said on stderr.
    """
    return execute(
        study,
        report=Report(_ready, _report),
        output=output,
        overrides=overrides,
        device=device,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
        engine=lambda: chosen(workers=workers, scheduler=scheduler, executor=executor),
        shard=None if shard is None else as_shard(shard),
    )


def plan(
    study: str | os.PathLike[str] | Mapping[str, Any] | Study,
    *,
    output: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
) -> xr.Dataset:
    """What `simulate` would take with the same arguments, before it is run: one row a model; writes nothing.

    Of every `model` its `kind`, the `points` of its scan, the `launches` in which they are run, the `seconds` that it
    takes in one process, the most `memory` that it holds and the size of its results on `disk` before they are
    compressed, in bytes; in `note` what could not be estimated, which is NaN. The attributes have `seconds`, `memory`
    and `disk` of all, and what is free. `.to_dataframe()` makes a table of it.

    The time is that of small pieces of at most three launches of each model, which are run in memory and temporary
    folders, in proportion to steps and looks; checks and report are not in it, nor what a run has done already. Raises
    what `simulate` raises before it runs anything, so also `ConfigError` if the memory, or the disk of `output`, will
    not do.
    """
    return planned(study, report=Report(_ready, _report), output=output, overrides=overrides, device=device)


def scan(
    study: str | os.PathLike[str] | Mapping[str, Any] | Study,
    over: Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    **options: Any,
) -> xr.DataTree:
    """`simulate` at every combination of values of some keys, which become leading dimensions of the results.

    `over` is what a config has as `scan`: {"sgd.learning_rate": [0.1, 0.2], "seed": {"linear": [1, 9, 9]}}; it is
    added to what the study scans already, and takes the place of values of the same key. Everything else is as in
    `simulate`, `options` included. Results are by value: `tree["network"].mode_variance.sel(learning_rate=0.2)`.
    """
    if isinstance(study, str | os.PathLike):
        study = load(study, overrides)
    elif overrides:
        raise UserError("overrides go with the path of a config; change the mapping itself instead")
    data = study.as_written() if isinstance(study, Study) else dict(study)
    return simulate({**data, "scan": {**(data.get("scan") or {}), **over}}, **options)


def _ready(study: Study) -> None:
    if study.figures:
        from langevin_sgd.reporting.plots.drawn import ready  # matplotlib

        ready(study.figures)


def _report(run: store.RunDirectory, progress: Progress) -> None:
    from langevin_sgd.reporting.html import report  # matplotlib is not needed for runs that are not written

    report(run, progress=progress)
