"""Pages made at the build: a page a kind of the config, a page a config, and the notebooks of analysis/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from site_parts import config_pages, kind_pages, tables

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
FOLDERS = ("reference/kinds", "reference/made", "configs", "notebooks")
"""Folders of the site that hold nothing else, and are not kept under version control."""


def pages() -> dict[str, str]:
    """Every page that is made, by its place in docs/."""
    found = {f"reference/kinds/{name}": text for name, text in kind_pages.pages().items()}
    found |= {f"configs/{name}": text for name, text in config_pages.pages(ROOT / "configs").items()}
    notebook = ROOT / "analysis" / "06_noise_as_temperature.ipynb"
    found["notebooks/noise_as_temperature.ipynb"] = notebook.read_text(encoding="utf-8")
    return found | {"reference/made/laws.md": tables.laws(), "reference/made/schemes.md": tables.schemes()}


def write(docs: Path) -> None:
    """Write the pages that have changed, and remove those that are made no more."""
    made = pages()
    for folder in FOLDERS:
        for old in (docs / folder).rglob("*.*"):
            if old.is_file() and old.relative_to(docs).as_posix() not in made:
                old.unlink()
    for name, text in made.items():
        file = docs / name
        if not (file.exists() and file.read_text(encoding="utf-8") == text):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def _with_children(app: Sphinx, page: str, text: list[str]) -> None:
    """The pages of the gallery stand below its first, which a repository shows as it is."""
    if page == "gallery/README":
        text[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"


def _write(app: Sphinx) -> None:
    write(Path(app.srcdir))


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for what there is."""
    app.connect("builder-inited", _write)
    app.connect("source-read", _with_children)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
