"""The .state folder of a run: what marks it as one, who writes it, which models are under way, the figures it drew."""

from __future__ import annotations

import json
import os
import shlex
import socket
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from langevin_sgd.checkpoint import Checkpoint
from langevin_sgd.errors import UserError
from langevin_sgd.paths import local
from langevin_sgd.zarr_groups import StoreError

STATE = ".state"
PARTIAL = "partial.zarr"
_MARKER = "run.json"
_WRITER = "writer.json"
_FIGURES_WRITTEN = "figures.json"
_FORMAT = 1


def holds_run(path: str | os.PathLike[str]) -> bool:
    """Whether a directory is marked as a run, finished or not."""
    return (local(path) / STATE / _MARKER).is_file()


def claim(path: Path) -> None:
    """Mark a directory as a run that this process writes to."""
    (path / STATE).mkdir(parents=True, exist_ok=True)
    replace_text(path / STATE / _MARKER, json.dumps({"format": _FORMAT}))
    replace_text(path / STATE / _WRITER, json.dumps({"host": socket.gethostname(), "process": os.getpid()}))


def release(path: Path) -> None:
    """End the writing of this process."""
    (path / STATE / _WRITER).unlink(missing_ok=True)


def refuse_other_writer(path: Path) -> None:
    """Raise `StoreError` for a run that another living process of this machine is writing to."""
    process = _living_writer(path)
    if process is not None and process != os.getpid():
        raise StoreError(
            f"{path}: process {process} is writing to this run; wait for it or stop it (if {process} is another "
            f"program, remove {path / STATE / _WRITER})"
        )


def checkpoint(path: Path, model: str) -> Checkpoint:
    """The file that keeps the state of an unfinished model."""
    return Checkpoint(path / STATE / f"{model}.npz")


def unfinished(path: Path, *, models: Iterable[str], present: Collection[str], finished: bool, config: Path) -> str:
    """One line on what a run still lacks and the command that goes on with it; empty if it lacks nothing.

    `models` are those that the run is to have, `present` those with results, `config` the file that resumes it.
    """
    lacking = [model for model in models if model not in present]
    if finished and not lacking:
        return ""
    lacks = _lacks(path, lacking) or "all models are there, the comparisons and the report are not"
    process = _living_writer(path)
    if process is not None:
        return f"unfinished: {lacks}; process {process} is still writing to this run"
    command = shlex.join(["langevin-sgd", "simulate", str(config), "--output", str(path), "--resume"])
    return f"unfinished: {lacks}; {command} finishes it"


def figures_written(path: Path) -> list[str]:
    """Names of the files in figures/ that the run wrote."""
    names = _read_json(path / STATE / _FIGURES_WRITTEN, mend="remove it; what lies in figures/ then stays there")
    return [] if names is None else [Path(str(name)).name for name in names]


def note_figures(path: Path, names: Iterable[str]) -> None:
    """Add to the names of the files in figures/ that the run wrote."""
    (path / STATE).mkdir(exist_ok=True)
    replace_text(path / STATE / _FIGURES_WRITTEN, json.dumps(sorted({*figures_written(path), *names})))


def replace_text(file: Path, text: str) -> None:
    """Write a text file in one stroke."""
    replace_file(file, text.encode("utf-8"))


def replace_file(file: Path, content: bytes | memoryview) -> None:
    """Write a file in one stroke; where that fails the one before stays, and nothing else."""
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def _lacks(path: Path, models: Iterable[str]) -> str:
    """Which models are stopped, and where, and which are missing."""
    stopped, missing = [], []
    for model in models:
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


def _living_writer(path: Path) -> int | None:
    """The process of this machine that writes to a run, as far as it lives."""
    file = path / STATE / _WRITER
    writer = _read_json(file, mend="remove it if no other process writes to this run")
    if writer is None or writer["host"] != socket.gethostname() or os.name != "posix":
        return None
    process = int(writer["process"])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return process


def _read_json(file: Path, *, mend: str) -> Any:
    """What a file of the state folder holds, None if it is not there."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{file}: is damaged ({' '.join(str(error).split())}); {mend}") from error
