"""Links that lead through the repository lead through the site as well: to the page of a config, or to the file."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

_CONFIG = re.compile(r"\]\((?:\.\./)+configs/([\w/]+)\.yaml\)")
_README = re.compile(r"\]\((?:\.\./)+README\.md(#[\w-]+)?\)")


_DOCS = re.compile(r"\]\(docs/([\w/]+\.md)")


def _in_included(app: Sphinx, file: Path, page: str, text: list[str]) -> None:
    """Links of a file at the root of the repository, such as the changes."""
    text[0] = _DOCS.sub(r"](/\1", text[0])


def _to_pages(app: Sphinx, page: str, text: list[str]) -> None:
    text[0] = _CONFIG.sub(r"](/configs/\1.md)", text[0])
    text[0] = _README.sub(r"](/index.md)", text[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite the links of every page when it is read."""
    app.connect("source-read", _to_pages)
    app.connect("include-read", _in_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
