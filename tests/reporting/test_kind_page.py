"""`langevin-sgd schema KIND`: a page with every key, its type and its default."""

from __future__ import annotations

from pathlib import Path

import pytest

from langevin_sgd import cli
from langevin_sgd.errors import UserError
from langevin_sgd.reporting.kind_page import FAMILIES, all_names, holding, page

OWN = '''
from typing import Literal

from langevin_sgd.checks.section import CheckSection


class Slow(CheckSection):
    """Whether it is slow."""

    REQUIRES = frozenset({"energy"})
    speed: Literal["low", "lower"] = "low"
    """How slow."""
    limit: float
    """How far."""
'''


@pytest.mark.parametrize("kind", sorted(set(all_names())))
def test_a_page_has_every_key_with_its_meaning(kind: str) -> None:
    text = page(kind)
    for family in holding(kind).values():
        fields = family[kind].model_fields
        assert f"{family.word} {kind}\n" in text
        for name, field in fields.items():
            if name in ("kind", "name"):
                continue
            line = next(line for line in text.splitlines() if line.startswith(f"{field.alias or name}: "))
            assert ("required" in line) == field.is_required()


def test_one_of_the_users_own_has_a_page_too(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "slow_of_a_test.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["schema", "slow_of_a_test:Slow"]) == 0
    told = capsys.readouterr().out
    assert "check slow_of_a_test:Slow" in told
    assert "speed: low | lower; default low\n    How slow.\n" in told
    assert "limit: number; required\n    How far.\n" in told


def test_a_misspelt_kind_gets_the_nearest() -> None:
    with pytest.raises(UserError, match="no kind 'netwrk'; did you mean \"network\"\\?"):
        page("netwrk")
    with pytest.raises(UserError, match="no module named nowhere_of_a_test"):
        page("nowhere_of_a_test:Kind")


def test_every_family_is_there() -> None:
    assert {"models", "checks"} <= set(FAMILIES)
