"""Docstrings are Markdown, as the pages are: tables, indented blocks and formulas in text stay what they look like."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.utils import new_document
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_MARK = re.compile(r"[*<$]")
_TYPE = re.compile(r"\b[A-Z]\w*")
_CODE = re.compile(r"(?<!`)`([A-Za-z_][\w.]*)`(?!`)")


class Markdown(SphinxDirective):
    """What stands in it is Markdown, on a page of reStructuredText such as autodoc makes."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The nodes of the text."""
        settings = self.state.document.settings
        document = new_document(self.state.document.current_source or "docstring", settings)
        MystParser().parse("\n".join(self.content), document)
        return document.children


def _home(name: str, where: Any, listed: Mapping[str, str]) -> str | None:
    """The full name of what a docstring calls `name`, if it is a class, function or module of this package.

    What the module itself does not know may be `listed` under that name in the reference.
    """
    module = where if isinstance(where, ModuleType) else sys.modules.get(getattr(where, "__module__", None) or "")
    first, *rest = name.split(".")
    found: Any = getattr(module, first, None)
    for part in rest:
        found = getattr(found, part, None)
    if isinstance(found, ModuleType):
        return found.__name__ if found.__name__.startswith("langevin_sgd.") else None
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        return listed.get(name) if name[:1].isupper() else None  # other words in code are mostly arguments
    return f"{found.__module__}.{found.__qualname__}" if found.__module__.startswith("langevin_sgd") else None


def _as_markdown(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    def linked(found: re.Match[str]) -> str:
        home = _home(found[1], obj, app.config.listed)
        return found[0] if home is None else f"{{py:obj}}`{found[1]} <{app.config.homes.get(home, home)}>`"

    if any(lines):
        lines[:] = [".. markdown::", "", *(f"   {_CODE.sub(linked, line)}" for line in _protected(lines)), ""]


def _protected(lines: list[str]) -> Iterator[str]:
    """Prose in which products, brackets and prices stay what they are; code, in backticks or indented, as it is."""
    in_code = False
    for line in lines:
        if line.startswith("    ") and not in_code:
            yield line
            continue
        bullet = "- " if line.startswith(("- ", "* ")) else ""
        parts = line.removeprefix(bullet).split("`")
        for index, part in enumerate(parts):
            if not in_code:
                parts[index] = _MARK.sub(r"\\\g<0>", part)
            in_code = in_code != (index < len(parts) - 1)
        yield bullet + "`".join(parts)


class _Source(str):
    """An annotation as it is written in the source."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _as_written(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """The signature with the names of types as the source has them, `ArrayLike` and not the union that it is."""
    if what not in ("function", "method", "class") or arguments is None:
        return None
    try:
        signature = inspect.signature(obj)
    except (TypeError, ValueError):
        return None

    def written(annotation: Any) -> Any:
        return _Source(_TYPE.sub(linked, annotation)) if isinstance(annotation, str) else annotation

    def linked(found: re.Match[str]) -> str:
        home = _home(found[0], obj, app.config.listed)
        return found[0] if home is None else f"~{app.config.homes.get(home, home)}"

    shown = [
        one.replace(annotation=written(one.annotation), default=_default(one.default))
        for one in signature.parameters.values()
    ]
    if what == "method" and shown and shown[0].name in ("self", "cls"):
        shown = shown[1:]
    result = None if what == "class" or signature.return_annotation is inspect.Signature.empty else returned
    if result is not None and isinstance(signature.return_annotation, str):
        result = str(written(signature.return_annotation))
    return str(inspect.Signature(shown)), result


def _default(value: Any) -> Any:
    """A default as Python would have it written: of a function its name, of what is made anew an ellipsis."""
    if value is inspect.Parameter.empty or not repr(value).startswith("<"):
        return value
    return _Source(getattr(value, "__name__", "..."))


def _homes(app: Sphinx) -> None:
    """Under which name the reference has what is there: names of the package itself are shorter than their modules'."""
    import langevin_sgd

    pages = [page.read_text(encoding="utf-8") for page in (Path(app.srcdir) / "reference").glob("*.md")]
    names = re.findall(r"^\.\. auto(?:class|function):: ([\w.]+)$", "\n".join(pages), re.M)
    last = [name.rpartition(".")[2] for name in names]
    app.config.listed |= {short: name for short, name in zip(last, names, strict=True) if last.count(short) == 1}

    for name, module in langevin_sgd._HOME.items():
        found = getattr(langevin_sgd, name)
        app.config.homes[f"{module}.{getattr(found, '__qualname__', name)}"] = f"langevin_sgd.{name}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Read every docstring as Markdown."""
    app.add_config_value("homes", {}, "")
    app.add_config_value("listed", {}, "")
    app.add_directive("markdown", Markdown)
    app.connect("builder-inited", _homes)
    app.connect("autodoc-process-docstring", _as_markdown)
    app.connect("autodoc-process-signature", _as_written)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
