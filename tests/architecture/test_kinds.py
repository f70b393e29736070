"""A kind is named where it is at home: elsewhere nobody asks which kind a thing is, but the thing itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from langevin_sgd.checks import CHECKS
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.models import MODELS

_NO_KINDS = ("Section", "ModelSection", "CheckSection", "Study")
"""What all kinds are, and the whole that they are in."""

ASKED: dict[str, tuple[str, ...]] = {}
"""Classes by the module that asks for them away from their home. The list is to go; nothing is added."""

NAMED: dict[str, tuple[str, ...]] = {
    # what a report says first does not come from the kind yet
    "checks/stored/estimates.py": ("occupancy",),
}
"""Names of kinds by the module that compares with them away from their home. The list is to go; nothing is added."""

_OTHER_WORDS = {
    "theory/effective_diffusion.py": ("exact",),  # a potential as it is, and no scheme
    "reporting/plots/scanned.py": ("occupancy",),  # an observable, and no check
    "reporting/terminal.py": ("occupancy",),
}
"""Words that are also names of kinds and mean something else."""

BESIDE: dict[str, tuple[str, ...]] = {
    "checks/equilibrium": ("checks/diffusion",),  # the window of a stationary walk
    "models/basins": ("models/langevin",),  # a langevin equation
    "models/langevin_twin": ("models/network",),  # a network with other steps
    "models/interpolation": ("models/network",),  # data and architectures, which are no families yet
}
"""Kinds of model and check by the kind that imports from them. The list is to go; nothing is added."""


def _home(path: str) -> str:
    """Where a kind that is defined in this module is at home: its folder, or the file where a family has files."""
    at = PurePosixPath(path)
    return at.parent.as_posix() if at.parent.parent.name in ("models", "checks") else path


def _last(node: ast.expr) -> str:
    """The name under which an expression knows a class, without its module."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _imports(source: Any) -> dict[str, str]:
    """Where each imported name of a module comes from, as module.name."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _sections(sources: list[Any]) -> dict[str, str]:
    """Home of every class, by module.name, that derives from a section of the config, directly or not."""
    classes = []
    for source in sources:
        imports = _imports(source)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                bases = {imports.get(_last(base), f"{source.module}.{_last(base)}") for base in node.bases}
                classes.append((f"{source.module}.{node.name}", bases, _home(source.path)))
    homes = {"langevin_sgd.config.fields.Section": ""}
    while new := {name: home for name, bases, home in classes if name not in homes and bases & homes.keys()}:
        homes |= new
    return {name: home for name, home in homes.items() if name.rpartition(".")[2] not in _NO_KINDS}


def _alternatives(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Tuple):
        for part in node.elts:
            yield from _alternatives(part)
    elif isinstance(node, ast.BinOp):
        yield from _alternatives(node.left)
        yield from _alternatives(node.right)
    else:
        yield _last(node)


def _classes_asked(node: ast.AST) -> Iterator[str]:
    """Classes that a piece of code tells apart: by isinstance, issubclass, type(x) is, or a match."""
    if isinstance(node, ast.Call) and _last(node.func) in ("isinstance", "issubclass") and len(node.args) == 2:
        yield from _alternatives(node.args[1])
    elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Call) and _last(node.left.func) == "type":
        for other in node.comparators:
            yield from _alternatives(other)
    elif isinstance(node, ast.MatchClass):
        yield _last(node.cls)


def _constants_compared(node: ast.AST) -> Iterator[str]:
    """Texts with which something is compared."""
    if isinstance(node, ast.Compare):
        for side in (node.left, *node.comparators):
            for part in side.elts if isinstance(side, ast.Tuple | ast.Set | ast.List) else (side,):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def _compare(found: set[tuple[str, str]], listed: dict[str, tuple[str, ...]]) -> None:
    known = {(place, name) for place, names in listed.items() for name in names}
    assert sorted(found - known) == [], "these are new: give the kind a method or an attribute that answers"
    assert sorted(known - found) == [], "these are mended: take them off the list"


def _asked(sources: list[Any], of: list[Any]) -> set[tuple[str, str]]:
    homes, found = _sections(sources), set()
    for source in of:
        imports, own = _imports(source), _home(source.path)
        for node in ast.walk(source.tree):
            for name in _classes_asked(node):
                home = homes.get(imports.get(name, f"{source.module}.{name}"))
                if home is not None and home != own:
                    found.add((source.path, name))
    return found


def test_nobody_asks_which_kind_a_section_is(sources: list[Any]) -> None:
    _compare(_asked(sources, sources), ASKED)


def test_each_way_of_asking_is_seen(sources: list[Any], planted: Any) -> None:
    source = planted(
        "study/planted.py",
        """
        from langevin_sgd.models.langevin.config import LangevinModel as Langevin
        from langevin_sgd.models.network.config import NetworkModel
        from langevin_sgd.models.section import ModelSection
        from langevin_sgd.noise import IsotropicNoise
        isinstance(model, ModelSection), isinstance(noise, IsotropicNoise)
        isinstance(model, Langevin | NetworkModel), type(model) is NetworkModel
        """,
    )
    assert _asked(sources, [source]) == {("study/planted.py", "Langevin"), ("study/planted.py", "NetworkModel")}


def test_nobody_compares_with_the_name_of_a_kind(sources: list[Any]) -> None:
    homes = {name: f"models/{name}" for name in MODELS}
    homes |= {name: f"checks/{name}" for name in CHECKS}
    homes |= {name: f"integrators/schemes/{name}.py" for name in SCHEMES}
    found = {
        (source.path, name)
        for source in sources
        for node in ast.walk(source.tree)
        for name in _constants_compared(node)
        if name in homes and _home(source.path) != homes[name] and name not in _OTHER_WORDS.get(source.path, ())
    }
    _compare(found, NAMED)


def test_kinds_of_models_and_checks_stand_apart(sources: list[Any]) -> None:
    kinds = {f"models/{name}" for name in MODELS} | {f"checks/{name}" for name in CHECKS}
    found = set()
    for source in sources:
        own = _home(source.path)
        for node in source.nodes():
            if own in kinds and isinstance(node, ast.ImportFrom) and node.module:
                parts = node.module.split(".")
                other = "/".join(parts[1:3])
                if other in kinds and other != own:
                    found.add((own, other))
    _compare(found, BESIDE)
