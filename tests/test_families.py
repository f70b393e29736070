"""Families: members by name, those of other packages by entry point, and one line where something is wrong."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from langevin_sgd import families
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family
from langevin_sgd.reporting.plots.drawn import FIGURES
from langevin_sgd.reporting.plots.figure import FigureKind

_GROUP = "langevin_sgd.tests"


def family(members: dict[str, str] | None = None) -> Family[type]:
    return Family(
        "shape",
        {"path": "pathlib:Path"} if members is None else members,
        group=_GROUP,
        is_member=lambda found: isinstance(found, type),
        needed="a class",
    )


@pytest.fixture
def entry_points(monkeypatch: pytest.MonkeyPatch) -> list[metadata.EntryPoint]:
    found: list[metadata.EntryPoint] = []
    monkeypatch.setattr(families, "entry_points", lambda: metadata.EntryPoints(found))
    return found


def test_members_come_by_name_in_the_order_of_the_table() -> None:
    shapes = family({"path": "pathlib:Path", "pure": "pathlib:PurePath"})
    assert list(shapes) == ["path", "pure"]
    assert shapes["path"] is Path
    assert "pure" in shapes
    assert "round" not in shapes


def test_an_unknown_name_gets_the_nearest_or_all() -> None:
    with pytest.raises(UserError, match=r"no shape 'pth'; did you mean path\?"):
        family()["pth"]
    with pytest.raises(UserError, match="no shape 'zzz'; there are: path"):
        family()["zzz"]


def test_another_package_joins_by_an_entry_point(entry_points: list[metadata.EntryPoint]) -> None:
    entry_points.append(metadata.EntryPoint("dict", "collections:OrderedDict", _GROUP))
    entry_points.append(metadata.EntryPoint("elsewhere", "collections:OrderedDict", "another.group"))
    shapes = family()
    assert list(shapes) == ["path", "dict"]
    assert shapes["dict"].__name__ == "OrderedDict"


def test_what_is_installed_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(metadata, "entry_points", lambda: looked.append("") or metadata.EntryPoints())
    families.entry_points.cache_clear()
    try:
        assert list(family()) == list(family()) == ["path"]
        assert len(looked) == 1
    finally:
        families.entry_points.cache_clear()


def test_a_name_taken_twice_raises_and_names_both(entry_points: list[metadata.EntryPoint]) -> None:
    entry_points.append(metadata.EntryPoint("path", "collections:OrderedDict", _GROUP))
    with pytest.raises(UserError, match="'path' is there twice: pathlib:Path and collections:OrderedDict"):
        family()["path"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no_such_module_at_all:x", "importing no_such_module_at_all:x failed: ModuleNotFoundError"),
        ("pathlib:NoSuchThing", "importing pathlib:NoSuchThing failed: AttributeError"),
        ("math:pi", "math:pi is float; a class is needed"),
    ],
)
def test_a_broken_member_of_another_package_is_told_in_one_line(
    entry_points: list[metadata.EntryPoint], value: str, told: str
) -> None:
    entry_points.append(metadata.EntryPoint("mine", value, _GROUP))
    with pytest.raises(UserError, match=told) as raised:
        family()["mine"]
    assert "\n" not in str(raised.value)


def test_every_figure_of_the_table_is_one_and_has_a_caption() -> None:
    for name, member in FIGURES.items():
        assert isinstance(member, FigureKind), name
        assert member.caption.endswith("."), name
