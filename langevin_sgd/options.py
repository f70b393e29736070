"""What an option is called where it is asked for: `--resume` of the command line is `resume=True` in Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_OF_COMMANDS: ContextVar[bool] = ContextVar("options are those of commands", default=False)


@contextmanager
def of_commands() -> Iterator[None]:
    """Inside, messages name the options of the command line."""
    token = _OF_COMMANDS.set(True)
    try:
        yield
    finally:
        _OF_COMMANDS.reset(token)


def flag(name: str) -> str:
    """An option that is given or not: `--resume`, or `resume=True`."""
    return f"--{name}" if _OF_COMMANDS.get() else f"{name}=True"


def option(name: str, value: str = "") -> str:
    """An option with a value, `--workers N` or `workers=N`, or as it is named alone."""
    shown, sign = (f"--{name}", " ") if _OF_COMMANDS.get() else (name, "=")
    return f"{shown}{sign}{value}" if value else shown


def resumed() -> str:
    """The call that goes on with a run, in a sentence."""
    return "`simulate ... --resume`" if _OF_COMMANDS.get() else "`simulate(..., resume=True)`"
