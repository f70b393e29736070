"""Files hold one idea each: none is long, and none so short that nobody would look for it."""

from __future__ import annotations

from typing import Any

LONGEST, SHORTEST = 400, 30

_FAMILIES = (
    "integrators/schemes/",
    "training/probes/",
    "training/losses/",
    "training/update_rules/",
    "training/schedules/",
    "training/architectures/",
    "training/data/",
)
"""Folders whose files are members of a family, however short."""

_OF_EVERY_KIND = ("observables.py", "/stored.py", "/laws.py")
"""Files that a kind of model has whatever their length: what it emits."""

SHORT: dict[str, str] = {
    "__main__.py": "where `python -m langevin_sgd` begins",
    "checks/flatness/rows.py": "every check has its rows in a file of that name",
    "landscapes/symbols.py": "sympy as whatever has formulas imports it",
    "models/failed.py": "what every kind may give in the place of a point, and every engine takes",
    "training/kept_memory.py": "what is set for the C library of the whole process",
    "training/snapshot.py": "not mended yet",
}
"""Files shorter than that: why each stands alone nevertheless."""


def test_no_file_is_long(sources: list[Any]) -> None:
    long = {source.path: len(source.text.splitlines()) for source in sources}
    assert {path: lines for path, lines in long.items() if lines > LONGEST} == {}


def test_short_files_are_members_of_a_family_or_say_why(sources: list[Any]) -> None:
    short = {
        source.path
        for source in sources
        if len(source.text.splitlines()) < SHORTEST
        and not source.path.endswith("__init__.py")
        and not source.path.startswith(_FAMILIES)
        and not (source.path.startswith("models/") and source.path.endswith(_OF_EVERY_KIND))
    }
    assert short - set(SHORT) == set(), "these are new: put what they hold where one would look for it"
    assert set(SHORT) - short == set(), "these are gone or have grown: take them off the list"
