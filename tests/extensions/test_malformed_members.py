"""A text where a set or tuple of names belongs is refused where the member is made, and so is what is no such thing."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from langevin_sgd import Scheme, families
from langevin_sgd.checks.section import CheckSection
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.laws import Law

ORDER = {"additive": 1.0}


def scheme(**more: object) -> Scheme:
    given = {"interpretation": "ito", "increments": ("gaussian",), **more}
    return Scheme(name="mine", rule=lambda *_: {}, strong_order=ORDER, weak_order=ORDER, sampling_order=ORDER, **given)  # type: ignore[arg-type]


def test_laws() -> None:
    with pytest.raises(UserError, match="law mine: requires must be a set of names, got the text 'energy'"):
        Law("mine", "mine", "mine", 1, lambda point: {}, requires="energy")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="law mine: version must be a whole number, got 'a'"):
        Law("mine", "mine", "mine", "a", lambda point: {})  # type: ignore[arg-type]


def test_schemes() -> None:
    with pytest.raises(UserError, match="scheme mine: interpretation must be ito or stratonovich"):
        scheme(interpretation="itto")
    with pytest.raises(UserError, match="scheme mine: increments must be a tuple of names, got the text 'gaussian'"):
        scheme(increments="gaussian")
    assert scheme().name == "mine"


def test_checks() -> None:
    with pytest.raises(TypeError, match=r"Mine.REQUIRES must be a set of names, got the text 'energy'"):

        class Mine(CheckSection):
            REQUIRES = "energy"


def test_a_module_of_an_entry_point_that_exits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exits_of_a_test.py").write_text("import sys\n\nsys.exit(3)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = metadata.EntryPoint("gone", "exits_of_a_test:Kind", "langevin_sgd.tests")
    monkeypatch.setattr(families, "entry_points", lambda: metadata.EntryPoints([entry]))
    shapes: Family[type] = Family(
        "shape", {}, group="langevin_sgd.tests", is_member=subclass_of(object), needed="a class"
    )
    with pytest.raises(UserError, match="shape 'gone': importing exits_of_a_test:Kind failed: SystemExit: 3"):
        shapes["gone"]
