"""The .state folder of a run: what marks it as one, who writes it, which models are under way, the figures it drew."""

from __future__ import annotations

import errno
import json
import math
import os
import shlex
import shutil
import socket
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from langevin_sgd import options
from langevin_sgd.errors import UserError, refusal
from langevin_sgd.paths import local
from langevin_sgd.storage.checkpoint import Checkpoint
from langevin_sgd.storage.replacing import SUFFIX, partial, replace_text
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.study import run_lock
from langevin_sgd.study.run_lock import RunLock

STATE = ".state"
_SCRATCH = "scratch-"
_TASKS = "tasks"
_FRAGMENTS = "fragments"
_SHARDS = "shards"
_CLAIMS = "claims"
_OLD_SCRATCH = "partial.zarr"  # what older versions wrote groups to
_MARKER = "run.json"
_WRITER = "writer.json"
_FIGURES_WRITTEN = "figures.json"
_FORMAT = 1
_SECONDS_FOR_THE_BRIEF = 60.0
_PAUSE = 0.05
_NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)

Stage = Literal["none", "begun", "run"]


class Denied(StoreError):
    """A run directory that this process may not write to: another one does, or the system does not permit it."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn a file or folder that the operating system does not let us read into one line that names it."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one line that names the file."""
    try:
        yield
    except OSError as error:
        kind = Denied if error.errno in _NOT_PERMITTED else StoreError
        raise kind(f"{error.filename or path}: {refusal(error)}") from error


def stage(path: str | os.PathLike[str]) -> Stage:
    """Whether a directory holds a run, or a start that has not come so far, or neither.

    Raises `StoreError` if the mark of the run is damaged or a newer version's.
    """
    path = local(path)
    folder = path / STATE
    marker = folder / _MARKER
    if marker.is_file():
        return "begun" if _mark(marker).get("starting") else "run"
    if folder.is_symlink() or not folder.is_dir():
        return "none"
    alone = all(child.name == STATE for child in path.iterdir())
    if alone and all(_left_by_a_start(child.name) for child in folder.iterdir()):
        return "begun"
    return stage(path) if marker.is_file() else "none"  # another process may have marked it meanwhile


def holds_run(path: str | os.PathLike[str]) -> bool:
    """Whether a directory is marked as a run, finished or not."""
    return stage(path) == "run"


def take(path: Path, *, brief: bool, patient: bool = False) -> RunLock:
    """The lock of a run, for this process.

    `brief` is for those that only store what they made of a run's results: they give up at once if another process
    writes, while all others wait for them, for a minute or as long as it takes if `patient`. Raises `Denied` that names
    the other process, `StoreError` if its note is damaged.
    """
    (path / STATE).mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + (math.inf if patient else _SECONDS_FOR_THE_BRIEF)
    while (lock := run_lock.take(path / STATE)) is None:
        writer = _writer(path)
        if writer is not None and not _may_live(writer):
            writer = None  # whoever holds the lock has not noted itself yet
        if brief or (writer is not None and not writer.get("brief")) or time.monotonic() > deadline:
            who = "another process" if writer is None else f"process {writer['process']}"
            if writer is not None and writer["host"] != socket.gethostname():
                who += f" on {writer['host']}"
            raise Denied(f"{path}: {who} is writing to this run; wait for it or stop it")
        time.sleep(_PAUSE)
    return lock


def note_writer(path: Path, *, brief: bool) -> None:
    """Note this process, which holds the lock of a run, as its writer. Raises `StoreError` if the note is damaged."""
    _writer(path)  # a run whose files somebody damaged is not written to before that is mended
    replace_text(path / STATE / _WRITER, _note(brief=brief))


def give_back(path: Path, lock: RunLock) -> None:
    """End the writing of this process; a note that is not its own stays."""
    file = path / STATE / _WRITER
    try:
        if file.is_file() and file.read_bytes() in [_note(brief=brief).encode() for brief in (False, True)]:
            file.unlink()
    finally:
        lock.release()


def mark_started(path: Path) -> None:
    """Mark a directory as that of a run which has nothing yet: what a crash leaves of it is started anew."""
    replace_text(path / STATE / _MARKER, json.dumps({"format": _FORMAT, "starting": True}))


def mark_run(path: Path) -> None:
    """Mark a directory as a run."""
    replace_text(path / STATE / _MARKER, json.dumps({"format": _FORMAT}))


def scratch(path: Path) -> Path:
    """A new folder to write to before moving it into place, of this process alone."""
    return Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=path / STATE))


def clear_stale(path: Path, *, files: Iterable[Path]) -> None:
    """Remove what crashed writers left half-written: in the state folder, and beside `files`."""
    for child in (path / STATE).iterdir():
        if child.name.startswith(_SCRATCH) or child.name == _OLD_SCRATCH:
            shutil.rmtree(child)
        elif child.name.endswith(SUFFIX):
            child.unlink()
    for file in files:
        partial(file).unlink(missing_ok=True)


def forget(path: Path) -> None:
    """Remove all of the state but the mark, the lock and who holds it."""
    for child in (path / STATE).iterdir():
        if child.name in (_MARKER, _WRITER, run_lock.LOCK):
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


def checkpoint(path: Path, model: str) -> Checkpoint:
    """The file that keeps the state of an unfinished model."""
    return Checkpoint(path / STATE / f"{model}.npz")


def marks(path: Path, model: str) -> Path:
    """The folder of marks of what is there of a scanned model."""
    return path / STATE / _TASKS / model


def fragments(path: Path, model: str) -> Path:
    """The folder of results of a model that wait to be put into the store."""
    return path / STATE / _FRAGMENTS / model


def shard(path: Path, name: str) -> Path:
    """The folder of one of the processes that make a run together, such as 1/3, for what is under way."""
    return path / STATE / _SHARDS / name.replace("/", "-of-")


def take_shard(path: Path, name: str) -> RunLock:
    """The lock of such a process. Raises `Denied` if another one is this shard."""
    with writing(path):
        shard(path, name).mkdir(parents=True, exist_ok=True)
        lock = run_lock.take(shard(path, name))
    if lock is None:
        raise Denied(f"{path}: another process is shard {name} of this run; wait for it or stop it")
    return lock


def claim(path: Path, name: str) -> Path:
    """The folder of a computation that several shards need."""
    return path / STATE / _CLAIMS / name


def take_claim(folder: Path) -> RunLock | None:
    """The lock of such a computation, None if another process is at it."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return run_lock.take(folder)


def living_shards(path: Path) -> list[str]:
    """The shards of a run that are being computed."""
    folders = sorted(path.glob(f"{STATE}/{_SHARDS}/*"))
    return [folder.name.replace("-of-", "/") for folder in folders if not _idle(folder)]


def clear_shards(path: Path) -> None:
    """Remove what shards of a finished run left, but what one that lives is at."""
    shutil.rmtree(path / STATE / _FRAGMENTS, ignore_errors=True)
    for kind in (_SHARDS, _CLAIMS):
        for folder in path.glob(f"{STATE}/{kind}/*"):
            if _idle(folder):
                shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # not empty, or not there
            (path / STATE / kind).rmdir()


def _idle(folder: Path) -> bool:
    lock = run_lock.take(folder)
    if lock is not None:
        lock.release()
    return lock is not None


def unfinished(
    path: Path,
    *,
    models: Iterable[str],
    comparisons: bool,
    present: Collection[str],
    finished: bool,
    config: Path,
    scans: Mapping[str, str] | None = None,
) -> str:
    """One line on what a run still lacks and the command that goes on with it; empty if it lacks nothing.

    `models` are those that the run is to have, `comparisons` whether it is to have those too, `present` the groups with
    results, `config` the file that resumes it, and `scans` how far those are that have some of their points.
    """
    lacking = [model for model in models if model not in present]
    if finished and not lacking and not comparisons:
        return ""
    process = living_writer(path)
    still = "" if process is None else f"process {process} is still writing to this run"
    if finished and not lacking:
        mend = f"{shlex.join(['langevin-sgd', 'check', str(path)])} makes them anew"
        return f"unfinished: the comparisons are missing; {still or mend}"
    lacks = _lacks(path, lacking, scans or {}) or "all models are there, the comparisons and the report are not"
    command = shlex.join(["langevin-sgd", "simulate", str(config), "--output", str(path), "--resume"])
    return f"unfinished: {lacks}; {still or f'{command} finishes it'}"


def figures_written(path: Path) -> list[str]:
    """Names of the files in figures/ that the run wrote."""
    file = path / STATE / _FIGURES_WRITTEN
    mend = "remove it; what lies in figures/ then stays there"
    names = _read_json(file, mend=mend)
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) and name == Path(name).name for name in names):
        raise StoreError(f"{file}: is damaged (it lists no names of files); {mend}")
    return [name for name in names if name not in ("", "..")]


def note_figures(path: Path, names: Iterable[str]) -> None:
    """Add to the names of the files in figures/ that the run wrote."""
    replace_text(path / STATE / _FIGURES_WRITTEN, json.dumps(sorted({*figures_written(path), *names})))


def _note(*, brief: bool) -> str:
    return json.dumps({"host": socket.gethostname(), "process": os.getpid(), "brief": brief})


def _left_by_a_start(name: str) -> bool:
    return name in (run_lock.LOCK, _WRITER) or name.endswith(SUFFIX)


def _mark(marker: Path) -> Mapping[str, Any]:
    """What marks a run, its format looked at."""
    mend = f'put {{"format": {_FORMAT}}} into it, or choose another {options.option("output")}'
    mark = _read_json(marker, mend=mend)
    version = mark.get("format") if isinstance(mark, dict) else None
    if not isinstance(mark, dict) or not isinstance(version, int) or isinstance(version, bool):
        raise StoreError(f"{marker}: is damaged (it names no format); {mend}")
    if version > _FORMAT:
        raise StoreError(
            f"{marker}: this run has format {version}, of a newer langevin-sgd than this one, which knows formats up "
            f"to {_FORMAT}; update langevin-sgd, or choose another {options.option('output')}"
        )
    return mark


def _lacks(path: Path, models: Iterable[str], scans: Mapping[str, str]) -> str:
    """Which models are stopped, and where, and which are missing."""
    stopped, missing = [], []
    for model in models:
        if model in scans:
            stopped.append(f"{model} has {scans[model]}")
            continue
        kept = checkpoint(path, model)
        try:
            reached = kept.reached()
        except UserError:
            stopped.append(f"{model} is stopped with a damaged checkpoint ({kept.path})")
            continue
        if reached is None:
            missing.append(model)
        else:
            stopped.append(f"{model} is stopped at {reached}")
    if missing:
        stopped.append(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    return ", ".join(stopped)


def living_writer(path: Path) -> int | None:
    """The process of this machine that is noted as the writer of a run, as far as it lives.

    Good enough for words; who may write is settled by the lock alone.
    """
    writer = _writer(path)
    here = writer is not None and writer["host"] == socket.gethostname() and os.name == "posix"
    return int(writer["process"]) if writer is not None and here and _may_live(writer) else None


def _may_live(writer: Mapping[str, Any]) -> bool:
    """Whether a noted process lives, as far as it can be told: one of another machine may."""
    if writer["host"] != socket.gethostname() or os.name != "posix":
        return True
    try:
        os.kill(writer["process"], 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _writer(path: Path) -> Mapping[str, Any] | None:
    """Who is noted as the writer of a run, with host and process."""
    file = path / STATE / _WRITER
    mend = "remove it if no other process writes to this run"
    writer = _read_json(file, mend=mend)
    if writer is None:
        return None
    known = isinstance(writer, dict) and isinstance(writer.get("host"), str) and type(writer.get("process")) is int
    if not known or writer["process"] <= 0:
        raise StoreError(f"{file}: is damaged (it names no process); {mend}")
    return dict(writer)


def _read_json(file: Path, *, mend: str) -> Any:
    """What a file of the state folder holds, None if it is not there."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{file}: is damaged ({' '.join(str(error).split())}); {mend}") from error
