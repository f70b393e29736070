"""Files that change in one stroke: written beside their place, then moved into it."""

from __future__ import annotations

import os
from pathlib import Path

SUFFIX = ".partial"


def partial(file: Path) -> Path:
    """Where a file is written before it is moved into its place; what a crash leaves there is worth nothing."""
    return file.with_name(f"{file.name}{SUFFIX}")


def replace_file(file: Path, content: bytes | memoryview) -> None:
    """Write a file in one stroke; where that fails the one before stays, and nothing else.

    A link in its place is replaced, not followed.
    """
    try:
        partial(file).write_bytes(content)
        os.replace(partial(file), file)
    finally:
        partial(file).unlink(missing_ok=True)


def replace_text(file: Path, text: str) -> None:
    """Write a text file in one stroke, as `replace_file` does."""
    replace_file(file, text.encode("utf-8"))
