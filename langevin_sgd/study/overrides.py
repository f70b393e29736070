"""`--set KEY=VALUE`: values put into a config after it was read, each remembered by the text that brought it in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from langevin_sgd.config.errors import ConfigError, KeyPath, Problem, choice, shown
from langevin_sgd.study.yaml_source import parse_text


@dataclass(frozen=True)
class Override:
    """One `--set`: the path it sets, the value, and the text as given."""

    path: KeyPath
    value: Any
    text: str


def read_override(text: str) -> Override:
    """Parse `key.path=VALUE`, VALUE being YAML. Raises ConfigError."""
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise _error("must be KEY=VALUE with a dotted KEY, for example sgd.learning_rate=0.05", text)
    if parts[0] == "scan" and len(parts) > 1:
        # the key that is scanned is one key, and so is each of a group
        name, *members = ".".join(parts[1:]).split(".zip.", 1)
        parts = ["scan", name, *(["zip", *members] if members else [])]
    try:
        return Override(tuple(parts), parse_text(value, text).data, text)
    except ConfigError as error:
        raise ConfigError(
            *(Problem(problem.message, problem.key, override=text) for problem in error.problems)
        ) from None


def apply_overrides(data: Any, texts: Iterable[str]) -> tuple[Override, ...]:
    """Put every override into `data` (plain dicts and lists, changed in place); later ones win. Raises ConfigError."""
    if isinstance(texts, str):
        raise TypeError("overrides must be a sequence of KEY=VALUE texts, not one text")
    applied = []
    for text in texts:
        override = read_override(text)
        applied.append(_place(data, override))
    return tuple(applied)


def _place(data: Any, override: Override) -> Override:
    path: list[str | int] = []
    holder = data
    for part in override.path[:-1]:
        step = _step(holder, part, path, override)
        path.append(step)
        if isinstance(holder, dict) and holder.get(step) is None:
            if path[0] == "models" and len(path) == 2:
                hint = choice(part, holder, what="one of")
                raise _error(f'no model named "{part}"; {hint}', override.text)
            holder[step] = {}
        holder = holder[step]
    last = _step(holder, override.path[-1], path, override)
    holder[last] = override.value
    return Override((*path, last), override.value, override.text)


def _step(holder: Any, part: str | int, path: list[str | int], override: Override) -> Any:
    if isinstance(holder, dict):
        return part
    where = ".".join(str(step) for step in path) or "the config"
    if isinstance(holder, list):
        if str(part).isdecimal() and int(part) < len(holder):
            return int(part)
        known = f"0 to {len(holder) - 1}" if holder else "none, since it is empty"
        raise _error(f"{where} is a list; its positions are {known}", override.text)
    raise _error(f"{where} is {shown(holder)}, which has no keys inside", override.text)


def _error(message: str, text: str) -> ConfigError:
    return ConfigError(Problem(message, override=text))
