"""What a process leaves that is ended before any of its file operations: never less than it says, always mendable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from langevin_sgd.study import store
from langevin_sgd.study.store import StoreError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="ends forked processes")

CRASHED = 77
GROUPS = {"first", "hot", "last", "checks"}


def points(total: int, few: int | None) -> Iterable[int]:
    """All points at which a process of so many operations can be ended, or a few of them."""
    every = np.arange(1, total + 1)
    return every if few is None else np.sort(np.random.default_rng(11).choice(every, size=few, replace=False))


def says_what_it_lacks(run: Path) -> None:
    """A run opens with all that it is to have or says that it lacks something, or is refused in one line."""
    try:
        tree = store.open_run(run, load=True)
    except StoreError as error:
        said = str(error)
    else:
        said = tree.attrs.get("unfinished", "")
        assert said or set(tree.children) == GROUPS
    assert "\n" not in said
    assert "damaged" not in said


def mended(commands, run: Path, flag: str) -> None:
    """Go on with what a crash has left as a user would, with `flag` first; it must work."""
    code, said = commands.run(commands.simulate(run, *([flag] if flag else [])))
    if code == 2:
        assert said.count("\n") == 1, said
        other = {"": "--resume", "--resume": "", "--overwrite": ""}[flag]
        assert "holds a run already" in said if flag == "" else "leave out --resume" in said, said
        code, said = commands.run(commands.simulate(run, *([other] if other else [])))
    assert code == 1, said


FLAGS = ("--resume", "", "--overwrite")


@pytest.mark.parametrize("few", [3, pytest.param(None, marks=pytest.mark.validate)])
def test_a_run_that_crashes_anywhere_goes_on_to_the_same_end(commands, whole, contents_of, few):
    expected = contents_of(whole)
    total = commands.count(commands.simulate(commands.folder / "counted"), commands.folder / "counted")
    assert total > 60
    for index, point in enumerate(points(total, few)):
        run = commands.folder / f"run{point}"
        code, said = commands.run(commands.simulate(run), crash_before=point, under=run)
        assert code in (CRASHED, 1), said
        says_what_it_lacks(run)
        mended(commands, run, FLAGS[index % 3])
        assert contents_of(run) == expected, point
        shutil.rmtree(run)


@pytest.mark.parametrize("few", [2, 5, 7, *(pytest.param(few, marks=pytest.mark.validate) for few in (1, 3, 4, 6, 8))])
def test_no_early_end_strands_the_directory(commands, whole, contents_of, few):
    """The first operations of a start: directory, state folder, lock, note of the writer, mark."""
    run = commands.folder / "run"
    commands.run(commands.simulate(run), crash_before=few, under=run)
    flag = FLAGS[few % 3]
    code, said = commands.run(commands.simulate(run, *([flag] if flag else [])))
    if code == 2 and flag == "--resume":  # there is nothing yet, not even the state folder
        assert "leave out --resume" in said
        code, said = commands.run(commands.simulate(run))
    assert code == 1, said
    assert contents_of(run) == contents_of(whole)


@pytest.mark.parametrize("few", [2, pytest.param(None, marks=pytest.mark.validate)])
def test_a_resumed_run_that_crashes_anywhere_goes_on_to_the_same_end(commands, whole, contents_of, few):
    halfway = commands.folder / "halfway"
    total = commands.count(commands.simulate(commands.folder / "counted"), commands.folder / "counted")
    commands.run(commands.simulate(halfway), crash_before=total // 2, under=halfway)
    counted = shutil.copytree(halfway, commands.folder / "counted again")
    left = commands.count(commands.simulate(counted, "--resume"), counted)
    for index, point in enumerate(points(left, few)):
        run = shutil.copytree(halfway, commands.folder / f"run{point}")
        code, said = commands.run(commands.simulate(run, "--resume"), crash_before=point, under=run)
        assert code in (CRASHED, 1), said
        says_what_it_lacks(run)
        mended(commands, run, FLAGS[index % 3])
        assert contents_of(run) == contents_of(whole), point
        shutil.rmtree(run)


@pytest.mark.parametrize("few", [1, pytest.param(None, marks=pytest.mark.validate)])
def test_comparisons_are_the_old_or_the_new_or_said_to_be_missing(commands, whole, contents_of, table_of, few):
    def save(run: Path) -> Callable[[], None]:
        return lambda: store.save_checks(run, table_of(2.0))

    counted = shutil.copytree(whole, commands.folder / "counted")
    total = commands.count(save(counted), counted)
    new = contents_of(counted)
    missing = 0
    for point in points(total, few) if few is None else [*points(total, few), *range(total - 13, total - 10)]:
        run = shutil.copytree(whole, commands.folder / f"run{point}", dirs_exist_ok=True)
        commands.run(save(run), crash_before=point, under=run)
        tree = store.open_run(run, load=True)
        if "checks" in tree.children:
            assert "unfinished" not in tree.attrs
            assert set(tree["checks"].measured.values) in ({1.0}, {2.0})
        else:
            missing += 1
            assert tree.attrs["unfinished"].startswith("unfinished: the comparisons are missing; langevin-sgd check ")
        code, said = commands.run(commands.command("check", run))
        assert (code, said.strip()) == (0, "shown")
        assert contents_of(run) == contents_of(whole), point
        commands.run(save(run))
        assert contents_of(run) == new
        shutil.rmtree(run)
    assert missing


@pytest.mark.parametrize("few", [3, pytest.param(None, marks=pytest.mark.validate)])
def test_an_overwriting_that_crashes_anywhere_can_be_done_again(commands, whole, contents_of, few):
    def old(run: Path) -> Path:
        shutil.copytree(whole, run)
        (run / "notes.txt").write_text("mine")
        (run / "figures" / "mine.png").write_text("mine")
        store.save_figures(run, {"old.png": b"old"})
        return run

    counted = old(commands.folder / "counted")
    total = commands.count(commands.simulate(counted, "--overwrite"), counted)
    expected = contents_of(counted)
    assert expected.keys() - contents_of(whole).keys() == {"notes.txt", "figures/mine.png"}
    for index, point in enumerate(points(total, few)):
        run = old(commands.folder / f"run{point}")
        commands.run(commands.simulate(run, "--overwrite"), crash_before=point, under=run)
        says_what_it_lacks(run)
        mended(commands, run, FLAGS[index % 3])
        # an overwriting that had not begun leaves the old run, which is gone on with as it is
        assert contents_of(run).keys() - expected.keys() <= {"figures/old.png"}, point
        code, said = commands.run(commands.simulate(run, "--overwrite"))
        assert code == 1, said
        assert contents_of(run) == expected, point
        shutil.rmtree(run)


@pytest.mark.parametrize("command", ["report", "plot"])
def test_a_report_or_a_figure_that_crashes_anywhere_is_made_again(commands, copied, contents_of, command):
    expected = contents_of(copied)
    total = commands.count(commands.command(command, copied), copied)
    for point in points(total, 2):
        commands.run(commands.command(command, copied), crash_before=point, under=copied)
        says_what_it_lacks(copied)
        assert commands.run(commands.command(command, copied))[0] == 0
        assert contents_of(copied) == expected
