"""Paths that a user gives: taken once, at the door, to a place on this machine's disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

from langevin_sgd.errors import UserError

_URL = re.compile(r"(^|::)[A-Za-z][A-Za-z0-9+.-]+:/|://")  # pathlib leaves one of the slashes; a drive has one letter

_LONGEST_NAME = 255  # of all file systems in wide use
_LONGEST_PATH = 4000  # some room is left for what lies in a run


def kernel_folder() -> Path:
    """Where kernels are kept: LANGEVIN_SGD_CACHE, else langevin_sgd in the user's cache folder."""
    given = os.environ.get("LANGEVIN_SGD_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "langevin_sgd" / "kernels"


def is_url(text: str) -> bool:
    """Whether `text` is an address such as s3://bucket/run and no path."""
    return _URL.search(text) is not None


def local(path: str | os.PathLike[str]) -> Path:
    """`path` with a leading `~` expanded. Raises `UserError` for an address, for what is no path of text, and for a
    name that no disk takes.

    What comes out is a path for every library below, which none of them may read as anything else.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise UserError(f"{path!r}: is no path; give text or a pathlib.Path")
    if is_url(text):
        raise UserError(f"{text}: is an address; runs and files lie on a disk of this machine, so give a path")
    if "\0" in text:
        raise UserError(f"{text!r}: holds a null character, which no path can")
    long = next((part for part in Path(text).parts if len(os.fsencode(part)) > _LONGEST_NAME), None)
    if long is not None:
        raise UserError(f"{text}: has a name of {len(os.fsencode(long))} bytes; give at most {_LONGEST_NAME}")
    if len(os.fsencode(text)) > _LONGEST_PATH:
        raise UserError(f"{text}: has {len(os.fsencode(text))} bytes; give at most {_LONGEST_PATH}")
    expanded = os.path.expanduser(text)
    if expanded == text and text.startswith("~") and not isinstance(path, Path):
        name = text.partition(os.sep)[0]
        raise UserError(f"{text}: there is no user {name[1:]}; write ./{text} for a folder of that name")
    found = Path(expanded)
    # pathlib drops the ./ that says that ~ is a name like another
    return Path.cwd() / found if str(found).startswith("~") else found
