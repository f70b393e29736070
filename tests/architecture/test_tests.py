"""The tests themselves: they lie where the package has what they test, and each of them can fail."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "langevin_sgd"
ELSEWHERE = {"analysis", "architecture", "docs", "extensions"}
"""Folders of tests that mirror no part of the package: the scripts, the sources, the pages, and members of a user's."""
FILES = sorted(file for file in TESTS.rglob("test_*.py"))
SHARED = [*sorted((TESTS / "made_up").glob("*.py")), *sorted(TESTS.rglob("conftest.py"))]


def is_part(path: Path) -> bool:
    """Whether the package has a folder or a module at this path without ending."""
    return (PACKAGE / path).is_dir() or (PACKAGE / path).with_suffix(".py").is_file()


def subject(file: Path) -> str:
    """What a file of tests is about: the module that it is named after, or the first line of its docstring."""
    within = file.relative_to(TESTS)
    module = within.with_name(within.stem.removeprefix("test_"))
    documented = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return str(module) if is_part(module) else documented.partition("\n")[0]


@pytest.mark.parametrize("folder", sorted({file.parent.relative_to(TESTS) for file in FILES}), ids=str)
def test_folders_of_tests_are_folders_or_modules_of_the_package(folder: Path) -> None:
    assert is_part(folder) or str(folder) in ELSEWHERE


def test_files_of_tests_are_named_after_a_module_or_say_what_they_are_about() -> None:
    assert [str(file.relative_to(TESTS)) for file in FILES if not subject(file)] == []


def test_no_file_of_tests_is_long() -> None:
    lines = {str(file.relative_to(TESTS)): file.read_text(encoding="utf-8").count("\n") for file in TESTS.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def definitions(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """The functions and classes of a module by name, with all that they hold; tests of a class by their own."""
    found: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else []
        for each in (node, *inner):
            own = each is node or getattr(each, "name", "").startswith("test_")
            if own and isinstance(each, ast.FunctionDef | ast.ClassDef):
                found.setdefault(each.name, []).append(each)
    return found


def asserts(node: ast.AST) -> bool:
    """Whether something in it fails a test by itself: assert, pytest.raises and the like, or a call to assert_..."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            return True
        if isinstance(part, ast.Call):
            function = part.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            of_pytest = isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "pytest"
            if name.startswith("assert_") or (of_pytest and name in {"raises", "warns", "fail"}):
                return True
    return False


def mentioned(node: ast.AST) -> Iterator[str]:
    """The names that a function uses: what it calls, and the fixtures that it takes."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.arg):
            yield part.arg


def without_assertion(tree: ast.Module, shared: dict[str, list[ast.AST]]) -> list[str]:
    """The tests of a module that assert nothing, neither themselves nor by a function of their own or a shared one."""
    known = {**shared, **definitions(tree)}

    def can_fail(node: ast.AST, seen: frozenset[str]) -> bool:
        if asserts(node):
            return True
        names = set(mentioned(node)) & known.keys() - seen
        return any(can_fail(helper, seen | names) for name in names for helper in known[name])

    tests = [(name, node) for name, nodes in definitions(tree).items() if name.startswith("test_") for node in nodes]
    return [name for name, node in tests if not can_fail(node, frozenset({name}))]


@pytest.fixture(scope="module")
def shared() -> dict[str, list[ast.AST]]:
    found: dict[str, list[ast.AST]] = {}
    for file in SHARED:
        for name, nodes in definitions(ast.parse(file.read_text(encoding="utf-8"))).items():
            found.setdefault(name, []).extend(nodes)
    return found


def test_every_test_can_fail(shared: dict[str, list[ast.AST]]) -> None:
    idle = {
        str(file.relative_to(TESTS)): names
        for file in FILES
        if (names := without_assertion(ast.parse(file.read_text(encoding="utf-8")), shared))
    }
    assert idle == {}


@pytest.mark.parametrize(
    ("text", "idle"),
    [
        ("def test_it():\n    run()\n", ["test_it"]),
        ("def helper():\n    run()\ndef test_it():\n    helper()\n", ["test_it"]),
        ("def helper():\n    assert run()\ndef test_it():\n    helper()\n", []),
        ("def test_it():\n    with pytest.raises(ValueError):\n        run()\n", []),
        ("def test_it():\n    xr.testing.assert_identical(run(), run())\n", []),
        ("def test_it(refused):\n    refused('check')\n", []),
        ("def test_it(other):\n    other('check')\n", ["test_it"]),
    ],
)
def test_a_planted_test_without_assertion_is_seen(
    text: str, idle: list[str], planted: Callable[[str, str], Any]
) -> None:
    fixtures = definitions(ast.parse("def refused():\n    def run(word):\n        assert word\n    return run\n"))
    assert without_assertion(planted("test_it.py", text).tree, fixtures) == idle


def test_a_part_of_the_package_is_a_folder_or_a_module() -> None:
    assert [name for name in ("models/network", "cli", "models/netwrk") if is_part(Path(name))] == [
        "models/network",
        "cli",
    ]
