"""The config.yaml of a run directory: reading it, and telling another config from it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from langevin_sgd import options
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.paths import local
from langevin_sgd.storage.zarr_groups import StoreError
from langevin_sgd.study import yaml_source

CONFIG = "config.yaml"

# A resumed run may differ in these keys: they change no trajectory.
_FREE_KEYS = ("output", "description", "checks", "laws")

_DRAWN = ("random", "sobol")  # of which more values change none of those before
_RANGES = (*_DRAWN, "linear", "geometric")


def read_config(path: str | os.PathLike[str]) -> str:
    """The resolved config of a run, as YAML text."""
    file = local(path) / CONFIG
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{file}: is damaged: it is no text in UTF-8; put a copy of it back") from error


def config_data(path: Path) -> Mapping[str, Any]:
    """The config of a run as plain data. Raises `UserError` that names the file if it is damaged."""
    mend = f"put a copy of it back, or start the run anew with {options.flag('overwrite')}"
    try:
        data = yaml_source.parse_text(read_config(path), str(path / CONFIG)).data
    except ConfigError as error:
        raise StoreError(f"{error}; {mend}") from error
    if not isinstance(data, Mapping):
        raise StoreError(f"{path / CONFIG}: holds no config; {mend}")
    return data


def refuse_other_config(path: Path, config: str) -> None:
    """Raise `StoreError` that names the key if a run cannot go on with this config (YAML text).

    It can with values added to the end of a list of its scan, or more of those that are drawn.
    """
    before = dict(flattened(config_data(path)))
    now = dict(flattened(yaml_source.parse_text(config, CONFIG).data))
    for key in [*before, *(key for key in now if key not in before)]:
        section = key.partition(".")[0]
        if section in _FREE_KEYS or before.get(key) == now.get(key):
            continue
        if section == "scan" and _goes_on(key, before.get(key), now.get(key)):
            continue
        was, new = before.get(key, "not set"), now.get(key, "not set")
        mend = "restore it, or add values at its end" if section == "scan" and key in before else "restore it"
        raise StoreError(
            f"{path}: cannot resume with another config: {key} was {was} and is {new} now; "
            f"{mend}, use {options.flag('overwrite')}, or choose another {options.option('output')}"
        )


def _goes_on(key: str, before: Any, now: Any) -> bool:
    """Whether values of a scan begin with those that there were."""
    if not isinstance(before, list) or not isinstance(now, list):
        return False
    if key.rpartition(".")[2] in _RANGES:
        return before[:2] == now[:2] and before[2:] <= now[2:] and key.rpartition(".")[2] in _DRAWN
    return before == now[: len(before)]


def flattened(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a config with their keys, such as sgd.learning_rate."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flattened(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value
