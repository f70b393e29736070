"""The run directory: what a study leaves behind, and what it needs to go on after an interruption.

    runs/NAME/  config.yaml (resolved)  data.zarr (DataTree, a group a model, and /checks)  report.html  figures/
                .state/ (marks the directory as a run; checkpoints of unfinished models)

A directory is written to only if it is new, empty or marked as a run, and only what a run wrote is ever removed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from langevin_sgd import options
from langevin_sgd.paths import local
from langevin_sgd.storage.checkpoint import Checkpoint
from langevin_sgd.storage.replacing import SUFFIX, partial, replace_file, replace_text
from langevin_sgd.storage.scan_fragments import Fragments
from langevin_sgd.storage.zarr_groups import StoreError as StoreError
from langevin_sgd.storage.zarr_groups import (
    group_attributes,
    group_names,
    mend_root,
    refuse_damaged,
    take_away,
    write_group,
    write_root,
)
from langevin_sgd.study import run_state
from langevin_sgd.study.netcdf import export as export
from langevin_sgd.study.run_config import CONFIG as CONFIG
from langevin_sgd.study.run_config import read_config as read_config
from langevin_sgd.study.run_config import refuse_other_config
from langevin_sgd.study.run_lock import RunLock
from langevin_sgd.study.run_reading import CHECKS as CHECKS
from langevin_sgd.study.run_reading import DATA as DATA
from langevin_sgd.study.run_reading import open_run as open_run
from langevin_sgd.study.run_reading import refuse_no_data
from langevin_sgd.study.run_state import Denied as Denied
from langevin_sgd.study.run_state import holds_run as holds_run
from langevin_sgd.study.run_state import reading, writing

REPORT = "report.html"
FIGURES = "figures"
LANDMARKS = ".landmarks"  # no name of a model begins with a point


@dataclass(frozen=True)
class RunDirectory:
    """A run directory that this process alone writes to, until `close`; made by `prepare` and by `storing`."""

    path: Path
    lock: RunLock

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def data(self) -> Path:
        """The zarr store, one group a model."""
        return self.path / DATA

    def checkpoint(self, model: str) -> Checkpoint:
        """The file that keeps the state of an unfinished model."""
        return run_state.checkpoint(self.path, model)

    @property
    def landmarks(self) -> Checkpoint:
        """The file beside which lies what models of the study share, in parts, until the run is finished."""
        return run_state.checkpoint(self.path, LANDMARKS)

    def marks(self, model: str) -> Path:
        """The folder of marks of what is there of a scanned model that is unfinished."""
        return run_state.marks(self.path, model)

    def fragments(self, model: str) -> Fragments:
        """The results of a model that wait to be put into the store."""
        return Fragments(run_state.fragments(self.path, model))

    def settled(self, model: str) -> bool:
        """Whether nothing is left of how a finished scan was made: there are marks until its other files are gone."""
        return not any(self.marks(model).glob("*.json"))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on the file system of the run for what is under way."""
        with writing(self.path):
            folder = run_state.scratch(self.path)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def finished(self) -> dict[str, xr.Dataset]:
        """The models that are stored with status "done", loaded into memory, by name."""
        children = open_run(self.path, load=True).children.items()
        return {name: node.to_dataset(inherit=False) for name, node in children if node.attrs.get("status") == "done"}

    def save_model(self, name: str, dataset: xr.Dataset) -> None:
        """Store one model as soon as it has finished or failed, and drop its checkpoint if it is done.

        The group appears in one stroke: a run killed here has either all of it or nothing of it.
        """
        if name == CHECKS or "/" in name or name.startswith("."):
            raise ValueError(f"{name!r} cannot be the name of a model")
        self.save_group(name, dataset)
        if dataset.attrs.get("status") == "done":
            self.checkpoint(name).remove()

    def save_group(self, name: str, dataset: xr.Dataset | None) -> None:
        """Put a group into the store, in the place of the one of that name, or remove that with None."""
        with writing(self.path), self.scratch() as scratch:
            if dataset is None:
                take_away(self.data, name, scratch=scratch)
            else:
                write_group(self.data, name, dataset, scratch=scratch)

    def finalize(self, tree: xr.DataTree) -> None:
        """Store the checks, every model that is not stored yet and the attributes of the root: the run is finished."""
        stored = group_names(self.data)
        for name, node in tree.children.items():
            if name == CHECKS or name not in stored:
                self.save_group(name, node.to_dataset(inherit=False))
        if CHECKS not in tree.children:  # a resumed run may ask for none where it asked for some before
            self.save_group(CHECKS, None)
        attributes = {**{str(key): value for key, value in tree.attrs.items()}, "status": "finished"}
        with writing(self.path):
            write_root(self.data, attributes, order=tree.children)
            self.landmarks.remove()
        self.clear_shards()

    def clear_shards(self) -> None:
        """Remove what shards of a finished run left, but what one that lives is at."""
        with writing(self.path):
            run_state.clear_shards(self.path)

    def close(self) -> None:
        """Let others write to the run."""
        with writing(self.path):
            run_state.give_back(self.path, self.lock)


def prepare(
    path: str | os.PathLike[str],
    *,
    config: str,
    overwrite: bool = False,
    resume: bool = False,
    together: bool = False,
) -> RunDirectory:
    """Make a run directory ready to be written to, with the resolved config (YAML text) in it.

    A directory that holds anything is refused, unless `resume` continues the run of the same config in it, or
    `overwrite` replaces the run in it. Overwriting removes only what runs write; files of the user's own stay, and a
    directory that is no run is never overwritten. `together` is for one of several processes that make a run: it is
    resumed if it is there and started if it is not, and others that write to it for a moment are waited for. What an
    interrupted start has left is started anew by any of these.
    Raises `StoreError`, before anything is changed, if the directory is refused, if another process writes to it or if
    what is to be resumed is damaged, and also if it cannot be written.
    """
    path = local(path)
    if resume and overwrite:
        raise StoreError(
            f"{options.flag('resume')} and {options.flag('overwrite')} exclude each other; give one of them"
        )
    refuse(path, overwrite=overwrite, resume=resume or (together and holds_run(path)))
    run = _locked(path, brief=False, patient=together)
    try:
        with writing(path):
            run_state.note_writer(path, brief=together)
        resume = resume or (together and holds_run(path))
        refuse(path, overwrite=overwrite, resume=resume)  # what it was may have changed before it was locked
        if resume and holds_run(path):
            refuse_other_config(path, config)
            refuse_damaged(path / DATA)
            with writing(path):
                _clear_stale(path)
                # of those that share a run one finishes it, and then it is finished for all of them
                _begin(path, config, keep=together and read_config(path) == config)
        else:
            _refuse_living_shards(path)
            with writing(path):
                _start(path, config)
    except BaseException:
        try:
            with writing(path):
                if run_state.stage(path) == "begun":  # an interruption here leaves nothing that could be resumed
                    _remove_run(path)
                    shutil.rmtree(path / run_state.STATE)
        finally:
            run.close()
        raise
    return run


@contextmanager
def storing(path: str | os.PathLike[str] | RunDirectory) -> Iterator[RunDirectory]:
    """The lock of a run, for as long as what is made from its results is made and stored; it is clean then.

    A run that this process holds already is taken as it is. Raises `Denied` at once if another process writes to the
    run or the system does not permit it, `StoreError` if there is none or it is damaged.
    """
    if isinstance(path, RunDirectory):
        yield path
        return
    path = local(path)
    refuse_no_data(path)
    run = _locked(path, brief=True)
    try:
        with writing(run.path):
            run_state.note_writer(run.path, brief=True)
            _clear_stale(run.path)
            mend_root(run.data)
        yield run
    finally:
        run.close()


def save_checks(run: str | os.PathLike[str] | RunDirectory, table: xr.Dataset) -> None:
    """Replace the `checks` group of a run."""
    with storing(run) as directory:
        directory.save_group(CHECKS, table)


def save_answers(run: str | os.PathLike[str] | RunDirectory, name: str, model: xr.Dataset) -> None:
    """Put a finished model that laws have said more of in the place of itself."""
    with storing(run) as directory:
        directory.save_group(name, model)


def save_text(run: str | os.PathLike[str] | RunDirectory, name: str, text: str) -> Path:
    """Write a text file of the run, such as the report, in one stroke; returns its path."""
    with storing(run) as directory, writing(directory.path):
        replace_text(directory.path / name, text)
    return directory.path / name


def save_figures(run: str | os.PathLike[str] | RunDirectory, files: Mapping[str, bytes]) -> list[Path]:
    """Write files into figures/ of a run and note their names: overwriting the run removes these and no others."""
    with storing(run) as directory, writing(directory.path):
        run_state.note_figures(directory.path, files)
        folder = directory.path / FIGURES
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            replace_file(folder / name, content)
    return [folder / name for name in files]


def _locked(path: Path, *, brief: bool, patient: bool = False) -> RunDirectory:
    with writing(path):
        return RunDirectory(path, run_state.take(path, brief=brief, patient=patient))


def refuse(path: Path, *, overwrite: bool, resume: bool, goes_on: bool = True) -> None:
    """Raise `StoreError` if no run may be started, resumed or overwritten at `path`, whatever is asked for.

    `goes_on` says whether who asks could resume a run.
    """
    with reading(path):
        is_folder, occupied = path.is_dir(), path.is_dir() and any(path.iterdir())
        stage = run_state.stage(path)
    other = f"choose another {options.option('output')}"
    if not is_folder and path.exists():
        raise StoreError(f"{path}: is a file, not a directory; {other}")
    if stage == "begun":
        return
    if resume and stage == "none":
        raise StoreError(f"{path}: there is no run here to resume; leave out {options.flag('resume')}")
    if stage == "none" and occupied:
        raise StoreError(f"{path}: exists, is not empty and is no run of langevin-sgd; {other}")
    if stage == "run" and not (resume or overwrite):
        mend = f"continue it with {options.flag('resume')} or replace it" if goes_on else f"{other}, or replace it"
        raise StoreError(f"{path}: holds a run already; {mend} with {options.flag('overwrite')}")


def _refuse_living_shards(path: Path) -> None:
    with writing(path):
        shards = run_state.living_shards(path)
    if shards:
        raise Denied(f"{path}: shard {', '.join(shards)} of this run is being computed; wait for it or stop it")


def done(path: str | os.PathLike[str]) -> frozenset[str]:
    """The models of a run that are stored with status "done"; none where there is no run, or none that can be read."""
    try:
        attributes = group_attributes(local(path) / DATA)
    except (OSError, ValueError):  # who goes on with it says so
        return frozenset()
    return frozenset(name for name, each in attributes.items() if each.get("status") == "done")


def _start(path: Path, config: str) -> None:
    """A new run, in the place of what is there of an old one or of a start that was interrupted.

    From the first change on the directory is marked as started, so that a crash leaves nothing but a start to do again.
    """
    import zarr  # noqa: F401  a second of work, which is not to lie between the two marks

    run_state.figures_written(path)  # refused before anything is changed if it is damaged
    run_state.mark_started(path)
    _remove_run(path)
    _begin(path, config)
    run_state.mark_run(path)


def _begin(path: Path, config: str, *, keep: bool = False) -> None:
    """What a run has before its first model; one that is finished stays so with `keep`."""
    replace_text(path / CONFIG, config)
    if not keep:
        write_root(path / DATA, {"status": "unfinished"})
    for name, attributes in group_attributes(path / DATA).items():
        if attributes.get("status") == "done":  # stored, but stopped before this was removed
            run_state.checkpoint(path, name).remove()


def _clear_stale(path: Path) -> None:
    """Remove what crashed writers left half-written; in figures/ only if that is no link to another place."""
    files = [path / name for name in (CONFIG, REPORT)]
    if not (path / FIGURES).is_symlink():
        files += [path / FIGURES / name for name in run_state.figures_written(path)]
    run_state.clear_stale(path, files=files)
    for stale in (path / DATA).glob(f"*{SUFFIX}"):  # of the root, ours and zarr's
        stale.unlink()


def _remove_run(path: Path) -> None:
    """Remove what a run wrote, following no link; the data vanish in one stroke."""
    data = path / DATA
    if data.is_dir() and not data.is_symlink():
        os.replace(data, run_state.scratch(path) / DATA)
    else:
        data.unlink(missing_ok=True)
    figures = path / FIGURES
    if figures.is_dir() and not figures.is_symlink():
        for name in run_state.figures_written(path):
            for file in (figures / name, partial(figures / name)):
                if file.is_symlink() or not file.is_dir():
                    file.unlink(missing_ok=True)
        if not any(figures.iterdir()):
            figures.rmdir()
    for name in (REPORT, CONFIG):
        (path / name).unlink(missing_ok=True)
        partial(path / name).unlink(missing_ok=True)
    run_state.forget(path)
