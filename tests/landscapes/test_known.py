"""What is known of formulas from earlier processes: the same as what is found, and found anew where it was altered."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from langevin_sgd.landscapes import known


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANGEVIN_SGD_CACHE", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def _asked(calls: list[int], found: object = ((1.1, "x"), None)) -> object:
    def find() -> object:
        calls.append(1)
        return found

    return known.answer("of a test", ["x**2", ("x",)], find)


def test_an_answer_is_found_once_and_is_the_same_afterwards(folder: Path) -> None:
    calls: list[int] = []
    assert _asked(calls) == _asked(calls) == [[1.1, "x"], None]
    assert len(calls) == 1
    assert known.answer("of a test", ["x**3", ("x",)], lambda: 3) == 3
    assert known.answer("another", ["x**2", ("x",)], lambda: 4) == 4


def _truncated(text: str) -> str:
    return text[:-5]


def _with_another_answer(text: str) -> str:
    return text.replace("1.1", "1.2")


def _of_another_question(text: str) -> str:
    """Whole, but not what its name says."""
    body = json.dumps({"asked": "something else", "answer": 3})
    return f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}"


@pytest.mark.parametrize("damage", [_truncated, _with_another_answer, _of_another_question, lambda text: ""])
def test_an_altered_answer_is_found_anew(folder: Path, damage) -> None:  # type: ignore[no-untyped-def]
    calls: list[int] = []
    whole = _asked(calls)
    (file,) = folder.glob("known_*.json")
    before = file.read_text()
    file.write_text(damage(before))
    assert _asked(calls) == whole
    assert len(calls) == 2
    assert file.read_text() == before


def test_other_code_or_versions_ask_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    _asked(calls)
    monkeypatch.setattr(known, "_made_by", lambda: ["another version"])
    _asked(calls)
    assert len(calls) == 2


def test_what_is_refused_is_refused_again(folder: Path) -> None:
    def refuse() -> None:
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):
            known.answer("of a test", [], refuse)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LANGEVIN_SGD_CACHE", str(tmp_path / "file" / "below"))
    calls: list[int] = []
    assert _asked(calls) == _asked(calls)
    assert len(calls) == 2
