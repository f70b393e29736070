"""Checks and figures of the user's own that fail on a finished run: told in a line, and nothing else is lost by it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up_toys import TOYS

import langevin_sgd as lsgd
from langevin_sgd import cli

pytestmark = pytest.mark.rendered  # one of the figures fails only then

STUDY = """
name: own
seed: 1
models: {walk: {kind: "toys.model:FreeWalk", steps: 40}}
checks: ["toys.check:Turns", "mine:Turns"]
figures: ["toys.figure:turn_histogram", "mine:another"]
"""
MINE = '''
from matplotlib.figure import Figure
from langevin_sgd.reporting.plots.figure import each_model, figure
from toys import check

class Turns(check.Turns):
    """The same, called by another name."""

    def rows(self, judged):
        return super().rows(judged)

@figure("Nothing.", each_model("turns"))
def another(subject):
    return Figure()
'''
BROKEN = {
    "a check raises": ("return super().rows(judged)", "1 / 0", "check mine:Turns of walk: ZeroDivisionError: "),
    "a check gives nothing": (
        "return super().rows(judged)", "pass", "returned something else than a list of Comparison",
    ),
    "a figure raises": ("return Figure()", "1 / 0", "figure mine:another: ZeroDivisionError: "),
    "a figure gives nothing": (
        "return Figure()", "pass", "figure mine:another: returned NoneType; a matplotlib Figure is needed",
    ),
    "a figure cannot be written": (
        "return Figure()", "made = Figure()\n    made.suptitle(r'$\\frac{$')\n    return made",
        "figure mine:another: ValueError: ",
    ),
    "subjects raise": ('each_model("turns")', "lambda results: 1 / 0", "figure mine:another: ZeroDivisionError: "),
    "subjects of no form": (
        'each_model("turns")', "lambda results: {'a': 3}", "must give a dict from names to Subject",
    ),
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the study and the user's modules."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toys").symlink_to(TOYS)
    (tmp_path / "own.yaml").write_text(STUDY, encoding="utf-8")
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("toys", "mine")]:
        del sys.modules[name]


@pytest.mark.parametrize("name", BROKEN)
def test_nothing_else_is_lost(home: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    written, instead, told = BROKEN[name]
    assert written in MINE
    (home / "mine.py").write_text(MINE.replace(written, instead), encoding="utf-8")
    assert cli.main(["simulate", "own.yaml", "--output", "run", "--quiet"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    tree = lsgd.open_run("run")
    assert tree.attrs["status"] == "finished"
    assert tree["walk"].attrs["status"] == "done"
    assert "agrees" in tree["checks"]["verdict"].values
    assert (home / "run" / "figures" / "turn_histogram.png").exists()
    assert told in (home / "run" / "report.html").read_text(encoding="utf-8")


def test_a_figure_called_like_another_is_refused_before_anything_runs(home: Path, capsys) -> None:
    (home / "mine.py").write_text(MINE.replace("another", "turn_histogram"), encoding="utf-8")
    (home / "own.yaml").write_text(STUDY.replace("another", "turn_histogram"), encoding="utf-8")
    assert cli.main(["simulate", "own.yaml", "--output", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "figure mine:turn_histogram: there is another one called turn_histogram; rename it" in line
    assert not (home / "run").exists()


def test_a_key_that_exits_when_read_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exits = "    def model_post_init(self, context):\n        raise SystemExit\n\n    def rows"
    (home / "mine.py").write_text(MINE.replace("    def rows", exits), encoding="utf-8")
    assert cli.main(["simulate", "own.yaml", "--output", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "mine:Turns: reading its keys failed: SystemExit (mine.py, line " in line
