"""What a bad config says: one line a fault, naming the place, what is wrong and how to mend it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from langevin_sgd.errors import UserError, readable

KeyPath = tuple[str | int, ...]
"""Where a value sits in the config: mapping keys and list positions, outermost first."""
Faults = Iterator[tuple[KeyPath, str]]
"""What is wrong, as (key path, message), each at the line that is best changed."""

FAULTS_SHOWN = 10
"""Lines of a message that has many faults; the rest is counted."""

_NAMES_SHOWN = 15
_LONGEST_KEY = 200


@dataclass(frozen=True)
class Problem:
    """One fault: `file:line: key.path: message`, or `--set key.path=value: message` when an override brought it in."""

    message: str
    key: str = ""
    file: str = "<config>"
    line: int | None = None
    override: str | None = None

    def render(self) -> str:
        """The fault as a single line."""
        if self.override is not None:
            overridden = self.override.partition("=")[0]
            place = f"--set {_cut(self.override)}"
            key = "" if self.key == overridden else _cut(self.key)
        else:
            place = self.file if self.line is None else f"{self.file}:{self.line}"
            key = _cut(self.key)
        # Whatever a file holds, it must not break the line or the terminal.
        return readable(" ".join(": ".join(part for part in (place, key, self.message) if part).split()))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_KEY else f"{text[:60]}..."


class ConfigError(UserError):
    """A config that cannot be run. `problems` holds every fault found, the main one first.

    `lines()` gives one line a fault; `render()` and `str(error)` the first ten of them and how many more there are.
    """

    def __init__(self, *problems: Problem) -> None:
        if not problems:
            raise ValueError("a ConfigError needs at least one problem")
        super().__init__(*problems)
        self.problems = problems

    @classmethod
    def of(cls, message: str, *, key: str = "", file: str = "<config>", line: int | None = None) -> ConfigError:
        """A ConfigError with a single fault."""
        return cls(Problem(message, key=key, file=file, line=line))

    def lines(self) -> tuple[str, ...]:
        """Every fault as one line, without repetitions, the main one first."""
        return tuple(dict.fromkeys(problem.render() for problem in self.problems))

    def __str__(self) -> str:
        lines = self.lines()
        more = len(lines) - FAULTS_SHOWN
        counted = () if more <= 0 else (f"and {more} more fault{'s' if more > 1 else ''}; mend these first",)
        return "\n".join((*lines[:FAULTS_SHOWN], *counted))


class FaultAtKey(ConfigError):
    """A fault seen after the config was read: `path` is the key to blame, whose line only the reader knows.

    `faults` holds it, and those that were seen `beside` it.
    """

    def __init__(self, path: KeyPath, message: str, *, beside: Sequence[FaultAtKey] = ()) -> None:
        self.path, self.message = path, message
        self.faults: tuple[tuple[KeyPath, str], ...] = (
            (path, message),
            *(fault for each in beside for fault in each.faults),
        )
        super().__init__(*(Problem(told, key=dotted(key)) for key, told in self.faults))


class FaultWithin(UserError):
    """A fault seen as a part of a model is made: `key` is the one to blame, from the section of the model on."""

    def __init__(self, key: KeyPath, message: str) -> None:
        super().__init__(key, message)
        self.key, self.message = key, message

    def __str__(self) -> str:
        return ": ".join(filter(None, (dotted(self.key), self.message)))


@contextmanager
def at_key(*key: str | int) -> Iterator[None]:
    """Around what is made of the key of a model: a fault that names none is one of this key then."""
    try:
        yield
    except (FaultWithin, FaultAtKey):
        raise
    except UserError as error:
        raise FaultWithin(key, str(error)) from error


def inconsistent(problems: Sequence[tuple[KeyPath, str]]) -> PydanticCustomError:
    """The exception for a validator that found faults at places of its own, given relative to the validated value."""
    return PydanticCustomError("inconsistent", "inconsistent config", {"problems": list(problems)})


def dotted(path: KeyPath) -> str:
    """`("models", "ou", "steps")` as `models.ou.steps`, the way `--set` writes it."""
    return ".".join(str(part) for part in path)


def nearest(name: object, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` was most likely meant to be, or None if nothing is close."""
    known = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(str(name).casefold(), known, n=1, cutoff=0.6)
    return known[found[0]] if found else None


def choice(name: object, candidates: Iterable[str], *, what: str = "one of") -> str:
    """`did you mean "x"?`, or the list of what is allowed if no candidate is close."""
    names = list(candidates)
    close = nearest(name, names)
    if close is not None and close != name:
        return f'did you mean "{close}"?'
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"expected {what} {', '.join(names[:_NAMES_SHOWN])}{more}" if names else "none exists"


def shown(value: object, limit: int = 60) -> str:
    """A config value as it reads in an error: text in quotes, long values cut, containers by their kind."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, Mapping):
        text = "a mapping" if value else "an empty mapping"
    elif isinstance(value, list | tuple):
        text = "a list" if value else "an empty list"
    else:
        text = _number(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _number(value: Any) -> str:
    # Python refuses to write integers of more than 4300 digits.
    try:
        return repr(value)
    except ValueError:
        return "a number with thousands of digits"
