"""Modules import from their left alone, wherever in a module the import stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

ORDER = (
    # what every other package may use
    *("doors", "errors", "options", "out_of_memory", "paths", "settings_kept", "user_code"),
    *("import_path", "families", "one_thread"),
    *("cuda_obstacles", "devices", "cores", "machine_memory", "interruption", "progress"),
    # sections of a config, numbers, and what simulates
    *("config", "real_array", "random_numbers", "landscapes", "noise", "theory", "estimators", "integrators"),
    # what is measured, kept and trained
    *("observables", "laws", "storage", "training"),
    # the kinds, and what runs, judges and shows them
    *("models", "checks", "study", "reporting", "simulation", "own_loop", "installation", "cli", "__main__"),
)
"""The packages and modules of the package from left to right."""

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(module, package right of it): why it is not mended yet. Each entry is to go; none may be added."""


def _imported(node: ast.AST) -> Iterator[str]:
    """The parts of this package that an import names, such as "models"; relative imports are for no module of it."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports in this package are absolute"
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return
    for name in names:
        first, _, rest = name.partition(".")
        if first == "langevin_sgd" and rest and rest != "__version__":
            yield rest.partition(".")[0]


def _home(path: str) -> str:
    return path.removesuffix(".py").partition("/")[0]


def test_every_part_has_its_place_in_the_order(sources: list[Any]) -> None:
    parts = {_home(source.path) for source in sources} - {"__init__"}
    assert parts == set(ORDER)


def test_modules_import_from_their_left_alone(sources: list[Any]) -> None:
    found = {
        (source.path, part)
        for source in sources
        if source.path != "__init__.py"
        for node in source.nodes()
        for part in _imported(node)
        if ORDER.index(part) > ORDER.index(_home(source.path))
    }
    assert found - set(EXCEPTIONS) == set(), "these import from their right"
    assert set(EXCEPTIONS) - found == set(), "these are mended: take them off the list"


def test_imports_within_functions_are_seen_and_those_for_types_are_not(planted: Any) -> None:
    source = planted(
        "theory/planted.py",
        """
        from typing import TYPE_CHECKING
        from langevin_sgd import laws
        if TYPE_CHECKING:
            from langevin_sgd.study.config import Study
        def late():
            import langevin_sgd.models.section
        """,
    )
    assert {part for node in source.nodes() for part in _imported(node)} == {"laws", "models"}
