"""The run directory: what a study leaves behind, and what it needs to go on after an interruption.

    runs/NAME/  config.yaml (resolved)  data.zarr (DataTree, a group a model, and /checks)  report.html  figures/
                .state/ (marks the directory as a run; checkpoints of unfinished models)

A directory is written to only if it is new, empty or marked as a run, and only what a run wrote is ever removed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd import run_state
from langevin_sgd.checkpoint import Checkpoint
from langevin_sgd.config import ConfigError, yaml_source
from langevin_sgd.errors import refusal
from langevin_sgd.paths import local
from langevin_sgd.run_state import holds_run as holds_run
from langevin_sgd.run_state import replace_file, replace_text
from langevin_sgd.zarr_groups import StoreError as StoreError
from langevin_sgd.zarr_groups import group_names, read_tree, refuse_damaged, write_group, write_root

CONFIG = "config.yaml"
DATA = "data.zarr"
REPORT = "report.html"
FIGURES = "figures"
CHECKS = "checks"

_NETCDF_SUFFIXES = (".nc", ".nc4")
# A resumed run may differ in these keys: they change no trajectory.
_FREE_KEYS = ("output", "description", "checks")


@dataclass(frozen=True)
class RunDirectory:
    """A run directory that this process writes to; made by `prepare`."""

    path: Path

    @property
    def data(self) -> Path:
        """The zarr store, one group a model."""
        return self.path / DATA

    def checkpoint(self, model: str) -> Checkpoint:
        """The file that keeps the state of an unfinished model."""
        return run_state.checkpoint(self.path, model)

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
        _store_group(self.path, name, dataset)
        if dataset.attrs.get("status") == "done":
            self.checkpoint(name).remove()

    def finalize(self, tree: xr.DataTree) -> None:
        """Store the attributes of the root, the checks, and every model that is not stored yet; end the writing."""
        stored = group_names(self.data)
        for name, node in tree.children.items():
            if name == CHECKS or name not in stored:
                _store_group(self.path, name, node.to_dataset(inherit=False))
        with _writing(self.path):
            write_root(self.data, {**{str(key): value for key, value in tree.attrs.items()}, "status": "finished"})
        run_state.release(self.path)


def prepare(
    path: str | os.PathLike[str], *, config: str, overwrite: bool = False, resume: bool = False
) -> RunDirectory:
    """Make a run directory ready to be written to, with the resolved config (YAML text) in it.

    A directory that holds anything is refused, unless `resume` continues the run of the same config in it, or
    `overwrite` replaces the run in it. Overwriting removes only what runs write; files of the user's own stay, and a
    directory that is no run is never overwritten. Raises `StoreError`, before anything is changed, if the directory is
    refused or what is to be resumed is damaged, and also if it cannot be written.
    """
    path = local(path)
    if resume and overwrite:
        raise StoreError("--resume and --overwrite exclude each other; give one of them")
    with _reading(path):
        is_folder, occupied = path.is_dir(), path.is_dir() and any(path.iterdir())
        is_run = holds_run(path)
    if not is_folder and path.exists():
        raise StoreError(f"{path}: is a file, not a directory; choose another --output")
    if resume and not is_run:
        raise StoreError(f"{path}: there is no run here to resume; leave out --resume")
    if occupied and not is_run:
        raise StoreError(f"{path}: exists, is not empty and is no run of langevin-sgd; choose another --output")
    if is_run:
        if not (resume or overwrite):
            raise StoreError(f"{path}: holds a run already; continue it with --resume or replace it with --overwrite")
        run_state.refuse_other_writer(path)
    if resume:
        _refuse_other_config(path, config)
        refuse_damaged(path / DATA)
    with _writing(path):
        if overwrite:
            _remove_run(path)
        try:
            run_state.claim(path)
            replace_text(path / CONFIG, config)
            write_root(path / DATA, {"status": "unfinished"})
        except BaseException:
            if not resume and path.is_dir():  # an interruption here leaves nothing that could be resumed
                _remove_run(path)
            raise
    return RunDirectory(path)


def open_run(path: str | os.PathLike[str], *, load: bool = False) -> xr.DataTree:
    """Open a run directory: one group a model, `checks` once they are there, provenance and status at the root.

    Arrays are read when first used, or all at once with `load`. A run that is unfinished opens too, with the models
    that have finished, and says in the attribute `unfinished` what it lacks and which command goes on with it.
    Raises `StoreError` if there is no run at `path` or if it is damaged.
    """
    if isinstance(path, xr.DataTree):
        raise StoreError("a run directory is needed, not a tree: lsgd.simulate(..., output=DIR) leaves one in DIR")
    path = local(path)
    with _reading(path):
        if not (path / DATA).is_dir():
            if holds_run(path):
                raise StoreError(f"{path / DATA}: is missing; put it back, or start the run anew with --overwrite")
            missing = "holds no run of langevin-sgd" if path.is_dir() else "no such run directory"
            raise StoreError(f"{path}: {missing}{_nearby_runs(path)}")
        tree = read_tree(path / DATA, name=path.resolve().name, load=load)
    lacks = run_state.unfinished(
        path,
        models=_planned_models(path, tree),
        present=tree.children,
        finished=tree.attrs.get("status") != "unfinished",
        config=path / CONFIG,
    )
    if lacks:
        tree.attrs["unfinished"] = lacks
    return tree


def _planned_models(path: Path, tree: xr.DataTree) -> list[str]:
    """The models that a run is to have: a finished one needs no config any more."""
    if tree.attrs.get("status") == "unfinished":
        config = _config_data(path)
    else:
        config = json.loads(tree.attrs.get("provenance", "{}")).get("config", {})
    return list(config.get("models") or ())


def read_config(path: str | os.PathLike[str]) -> str:
    """The resolved config of a run, as YAML text."""
    file = local(path) / CONFIG
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{file}: is damaged: it is no text in UTF-8; put a copy of it back") from error


def save_checks(path: str | os.PathLike[str], table: xr.Dataset) -> None:
    """Replace the `checks` group of a run."""
    _store_group(local(path), CHECKS, table)


def save_text(path: str | os.PathLike[str], name: str, text: str) -> Path:
    """Write a text file of the run, such as the report, in one stroke; returns its path."""
    path = local(path)
    with _writing(path):
        replace_text(path / name, text)
    return path / name


def save_figures(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> list[Path]:
    """Write files into figures/ of a run and note their names: overwriting the run removes these and no others."""
    path = local(path)
    with _writing(path):
        (path / FIGURES).mkdir(exist_ok=True)
        for name, content in files.items():
            replace_file(path / FIGURES / name, content)
        run_state.note_figures(path, files)
    return [path / FIGURES / name for name in files]


def export(run: str | os.PathLike[str] | xr.DataTree, file: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a run to one netCDF-4 file, a group a model; returns its path.

    Raises `StoreError` if the file exists (unless `overwrite`), is not named *.nc, or cannot be written.
    """
    file = local(file)
    if file.suffix not in _NETCDF_SUFFIXES:
        raise StoreError(f"{file}: a netCDF file is written, so its name must end in {' or '.join(_NETCDF_SUFFIXES)}")
    with _reading(file):
        taken = file.exists() and not (overwrite and file.is_file())
    if taken:
        raise StoreError(f"{file}: exists already; replace it with --overwrite or choose another name")
    tree = run if isinstance(run, xr.DataTree) else open_run(run, load=True)
    nodes = {node.path: _netcdf_attributes(node.to_dataset(inherit=False)) for node in tree.subtree}
    # The HDF5 library ends the process where a disk fills while it writes, so it writes to memory.
    content = xr.DataTree.from_dict(nodes).to_netcdf(engine="h5netcdf")
    with _writing(file):
        replace_file(file, content)
    return file


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn a file or folder that the operating system does not let us read into one line that names it."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one line that names the file."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or path}: {refusal(error)}") from error


def _store_group(path: Path, name: str, dataset: xr.Dataset) -> None:
    with _writing(path):
        (path / run_state.STATE).mkdir(exist_ok=True)
        write_group(path / DATA, name, dataset, scratch=path / run_state.STATE / run_state.PARTIAL)


def _netcdf_attributes(dataset: xr.Dataset) -> xr.Dataset:
    """Attributes that netCDF can hold: it knows neither truth values nor nested ones."""

    def plain(value: Any) -> Any:
        if isinstance(value, bool | np.bool_):
            return np.int8(value)
        return json.dumps(value) if value is None or isinstance(value, dict) else value

    converted = dataset.copy()
    converted.attrs = {key: plain(value) for key, value in dataset.attrs.items()}
    for name, variable in dataset.variables.items():
        converted[name].attrs = {key: plain(value) for key, value in variable.attrs.items()}
    return converted


def _refuse_other_config(path: Path, config: str) -> None:
    before = dict(_flatten(_config_data(path)))
    now = dict(_flatten(yaml_source.parse_text(config, CONFIG).data))
    for key in [*before, *(key for key in now if key not in before)]:
        if key.partition(".")[0] not in _FREE_KEYS and before.get(key) != now.get(key):
            was, new = before.get(key, "not set"), now.get(key, "not set")
            raise StoreError(
                f"{path}: cannot resume with another config: {key} was {was} and is {new} now; "
                "restore it, use --overwrite, or choose another --output"
            )


def _config_data(path: Path) -> Mapping[str, Any]:
    """The config of a run as plain data. Raises `UserError` that names the file if it is damaged."""
    mend = "put a copy of it back, or start the run anew with --overwrite"
    try:
        data = yaml_source.parse_text(read_config(path), str(path / CONFIG)).data
    except ConfigError as error:
        raise StoreError(f"{error}; {mend}") from error
    if not isinstance(data, Mapping):
        raise StoreError(f"{path / CONFIG}: holds no config; {mend}")
    return data


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flatten(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _remove_run(path: Path) -> None:
    figures = path / FIGURES
    for name in run_state.figures_written(path):
        (figures / name).unlink(missing_ok=True)
    if figures.is_dir() and not any(figures.iterdir()):
        figures.rmdir()
    for name in (REPORT, CONFIG, DATA, run_state.STATE):
        _remove(path / name)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _nearby_runs(path: Path) -> str:
    """Runs next to or inside a path that is none."""
    for folder in (path, path.parent, Path("runs")):
        with suppress(OSError):  # it is about another place, which need not be readable
            found = sorted(str(child) for child in folder.iterdir() if (child / DATA).is_dir())
            if found:
                return f"; there is {', '.join(found[:5])}"
    return ""
