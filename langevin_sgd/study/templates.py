"""Commented configs to start from: the files of configs/, found in a wheel and in a checkout alike."""

from __future__ import annotations

import difflib
from pathlib import Path

from langevin_sgd.errors import UserError


def folder() -> Path:
    """Where the configs lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "configs", package.parent / "configs"):
        if candidate.is_dir():
            return candidate
    raise UserError(f"{package / 'configs'}: the templates are missing from this installation; install it again")


def templates() -> dict[str, str]:
    """Names of the templates with the question that each asks, the first line of its comment."""
    return {file.stem: _first_comment(file) for file in sorted(folder().glob("*.yaml"))}


def new(template: str) -> str:
    """The text of a template, to be written to a file and edited. Raises `UserError` if there is none of that name."""
    known = templates()
    if template not in known:
        close = difflib.get_close_matches(template, known, n=1)
        mend = f'did you mean "{close[0]}"?' if close else f"there are: {', '.join(known)}"
        raise UserError(f"no template {template!r}; {mend}")
    return (folder() / f"{template}.yaml").read_text(encoding="utf-8")


def _first_comment(file: Path) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and line.strip("# "):
            return line.lstrip("# ").strip()
    return ""
