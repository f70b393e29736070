"""The run directory: what a study leaves behind, and what it needs to go on after an interruption.

    runs/NAME/  config.yaml (resolved)  data.zarr (DataTree, a group a model, and /checks)  report.html  figures/
                .state/ (marks the directory as a run; checkpoints of unfinished models)

A directory is written to only if it is new, empty or marked as a run, and only what a run wrote is ever removed.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.checkpoint import Checkpoint
from langevin_sgd.errors import UserError
from langevin_sgd.zarr_groups import read_tree, write_group, write_root

CONFIG = "config.yaml"
DATA = "data.zarr"
REPORT = "report.html"
FIGURES = "figures"
CHECKS = "checks"

_STATE = ".state"
_MARKER = "run.json"
_WRITER = "writer.json"
_FIGURES_WRITTEN = "figures.json"
_PARTIAL = "partial.zarr"
_FORMAT = 1
_NETCDF_SUFFIXES = (".nc", ".nc4")
# A resumed run may differ in these keys: they change no trajectory.
_FREE_KEYS = ("output", "description", "checks")


class StoreError(UserError):
    """A run directory or file that cannot be read or written as asked; one line, with the mend."""


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
        return Checkpoint(self.path / _STATE / f"{model}.npz")

    def finished(self) -> dict[str, xr.Dataset]:
        """The models that are stored with status "done", loaded into memory, by name."""
        children = open_run(self.path).children.items()
        return {
            name: node.to_dataset(inherit=False).load() for name, node in children if node.attrs.get("status") == "done"
        }

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
        stored = set(open_run(self.path).children)
        for name, node in tree.children.items():
            if name == CHECKS or name not in stored:
                _store_group(self.path, name, node.to_dataset(inherit=False))
        with _writing(self.path):
            write_root(self.data, {**{str(key): value for key, value in tree.attrs.items()}, "status": "finished"})
        (self.path / _STATE / _WRITER).unlink(missing_ok=True)


def prepare(
    path: str | os.PathLike[str], *, config: str, overwrite: bool = False, resume: bool = False
) -> RunDirectory:
    """Make a run directory ready to be written to, with the resolved config (YAML text) in it.

    A directory that holds anything is refused, unless `resume` continues the run of the same config in it, or
    `overwrite` replaces the run in it. Overwriting removes only what runs write; files of the user's own stay, and a
    directory that is no run is never overwritten. Raises `StoreError`, before anything is changed, if the directory is
    refused, and also if it cannot be written.
    """
    path = Path(path)
    if resume and overwrite:
        raise StoreError("--resume and --overwrite exclude each other; give one of them")
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path}: is a file, not a directory; choose another --output")
    occupied = path.is_dir() and any(path.iterdir())
    is_run = holds_run(path)
    if resume and not is_run:
        raise StoreError(f"{path}: there is no run here to resume; leave out --resume")
    if occupied and not is_run:
        raise StoreError(f"{path}: exists, is not empty and is no run of langevin-sgd; choose another --output")
    if is_run:
        if not (resume or overwrite):
            raise StoreError(f"{path}: holds a run already; continue it with --resume or replace it with --overwrite")
        _refuse_other_writer(path)
    if resume:
        _refuse_other_config(path, config)
    with _writing(path):
        if overwrite:
            _remove_run(path)
        (path / _STATE).mkdir(parents=True, exist_ok=True)
        _replace_text(path / _STATE / _MARKER, json.dumps({"format": _FORMAT}))
        _replace_text(path / _STATE / _WRITER, json.dumps({"host": socket.gethostname(), "process": os.getpid()}))
        _replace_text(path / CONFIG, config)
        write_root(path / DATA, {"status": "unfinished"})
    return RunDirectory(path)


def holds_run(path: str | os.PathLike[str]) -> bool:
    """Whether a directory is marked as a run, finished or not."""
    return (Path(path) / _STATE / _MARKER).is_file()


def open_run(path: str | os.PathLike[str]) -> xr.DataTree:
    """Open a run directory: one group a model, `checks` once they are there, provenance and status at the root.

    Arrays are read when first used. A run that is unfinished opens too, with the models that have finished.
    Raises `StoreError` if there is no run at `path`.
    """
    path = Path(path)
    if not (path / DATA).is_dir():
        missing = "holds no run of langevin-sgd" if path.is_dir() else "no such run directory"
        raise StoreError(f"{path}: {missing}{_nearby_runs(path)}")
    try:
        return read_tree(path / DATA, name=path.resolve().name)
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path / DATA}: cannot be read: {' '.join(str(error).split())}") from error


def read_config(path: str | os.PathLike[str]) -> str:
    """The resolved config of a run, as YAML text."""
    file = Path(path) / CONFIG
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {error.strerror}") from error


def save_checks(path: str | os.PathLike[str], table: xr.Dataset) -> None:
    """Replace the `checks` group of a run."""
    _store_group(Path(path), CHECKS, table)


def save_text(path: str | os.PathLike[str], name: str, text: str) -> Path:
    """Write a text file of the run, such as the report, in one stroke; returns its path."""
    with _writing(Path(path)):
        _replace_text(Path(path) / name, text)
    return Path(path) / name


def save_figures(path: str | os.PathLike[str], files: Mapping[str, bytes]) -> list[Path]:
    """Write files into figures/ of a run and note their names: overwriting the run removes these and no others."""
    path = Path(path)
    written = path / _STATE / _FIGURES_WRITTEN
    with _writing(path):
        (path / FIGURES).mkdir(exist_ok=True)
        written.parent.mkdir(exist_ok=True)
        for name, content in files.items():
            (path / FIGURES / name).write_bytes(content)
        _replace_text(written, json.dumps(sorted({*_figures_written(path), *files})))
    return [path / FIGURES / name for name in files]


def export(run: str | os.PathLike[str] | xr.DataTree, file: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a run to one netCDF-4 file, a group a model; returns its path.

    Raises `StoreError` if the file exists (unless `overwrite`), is not named *.nc, or cannot be written.
    """
    file = Path(file)
    if file.suffix not in _NETCDF_SUFFIXES:
        raise StoreError(f"{file}: a netCDF file is written, so its name must end in {' or '.join(_NETCDF_SUFFIXES)}")
    if file.exists() and not (overwrite and file.is_file()):
        raise StoreError(f"{file}: exists already; replace it with --overwrite or choose another name")
    tree = run if isinstance(run, xr.DataTree) else open_run(run)
    nodes = {node.path: _netcdf_attributes(node.to_dataset(inherit=False)) for node in tree.subtree}
    partial = file.with_name(f".{file.name}.partial")
    with _writing(file):
        try:
            xr.DataTree.from_dict(nodes).to_netcdf(partial, engine="h5netcdf")
            os.replace(partial, file)
        finally:
            partial.unlink(missing_ok=True)
    return file


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one line that names the file."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise StoreError(f"{where}: cannot be written: {error.strerror or error}; choose another place") from error


def _replace_text(file: Path, text: str) -> None:
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, file)


def _store_group(path: Path, name: str, dataset: xr.Dataset) -> None:
    with _writing(path):
        (path / _STATE).mkdir(exist_ok=True)
        write_group(path / DATA, name, dataset, scratch=path / _STATE / _PARTIAL)


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


def _refuse_other_writer(path: Path) -> None:
    """Refuse a run that another living process of this machine is writing to."""
    file = path / _STATE / _WRITER
    try:
        writer = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    process = writer["process"]
    if writer["host"] != socket.gethostname() or process == os.getpid() or os.name != "posix":
        return
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return
    except PermissionError:
        pass
    raise StoreError(
        f"{path}: process {process} is writing to this run; wait for it or stop it (if {process} is another program, "
        f"remove {file})"
    )


def _refuse_other_config(path: Path, config: str) -> None:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    before, now = (dict(_flatten(yaml.load(text))) for text in (read_config(path), config))
    for key in [*before, *(key for key in now if key not in before)]:
        if key.partition(".")[0] not in _FREE_KEYS and before.get(key) != now.get(key):
            was, new = before.get(key, "not set"), now.get(key, "not set")
            raise StoreError(
                f"{path}: cannot resume with another config: {key} was {was} and is {new} now; "
                "restore it, use --overwrite, or choose another --output"
            )


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flatten(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _remove_run(path: Path) -> None:
    figures = path / FIGURES
    for name in _figures_written(path):
        (figures / name).unlink(missing_ok=True)
    if figures.is_dir() and not any(figures.iterdir()):
        figures.rmdir()
    for name in (REPORT, CONFIG, DATA, _STATE):
        _remove(path / name)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _figures_written(path: Path) -> Iterable[str]:
    try:
        names: list[str] = json.loads((path / _STATE / _FIGURES_WRITTEN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [Path(name).name for name in names]


def _nearby_runs(path: Path) -> str:
    """Runs next to or inside a path that is none."""
    for folder in (path, path.parent, Path("runs")):
        if folder.is_dir():
            found = sorted(str(child) for child in folder.iterdir() if (child / DATA).is_dir())
            if found:
                return f"; there is {', '.join(found[:5])}"
    return ""
