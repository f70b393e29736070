"""The sources of the package as syntax trees."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "langevin_sgd"


@dataclass(frozen=True)
class Source:
    """One module: its path in the package, such as "models/network/run.py", its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """Its dotted name, such as "langevin_sgd.models.network.run"."""
        parts = self.path.removesuffix(".py").split("/")
        return ".".join(["langevin_sgd", *(parts[:-1] if parts[-1] == "__init__" else parts)])

    def nodes(self) -> Iterator[ast.AST]:
        """All nodes but those of `if TYPE_CHECKING`, which no run comes by."""
        yield from _nodes(self.tree)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from _nodes(other)
            continue
        yield child
        yield from _nodes(child)


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """Every module of the package."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        found.append(Source(file.relative_to(PACKAGE).as_posix(), text, ast.parse(text)))
    return found


@pytest.fixture
def planted() -> Callable[[str, str], Source]:
    """A module that is not there, at a path and with a text."""
    return lambda path, text: Source(path, text, ast.parse(textwrap.dedent(text)))
