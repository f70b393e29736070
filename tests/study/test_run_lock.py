"""One writer at a time: commands on one run at once, in real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from langevin_sgd.study import run_lock, run_state, store
from langevin_sgd.study.store import StoreError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs several processes")


def holding(commands, run: Path, *, brief: bool, seconds: float = 60.0) -> tuple[int, Path]:
    """A child that holds the lock of a run; returned once it does."""
    ready = run.with_name(f"{run.name}.ready")

    def hold() -> None:
        if brief:
            with store.storing(run):
                ready.touch()
                time.sleep(seconds)
        else:
            held = store.prepare(run, config=(run / "config.yaml").read_text(), resume=True)
            ready.touch()
            time.sleep(seconds)
            held.close()

    process, log = commands.begin(hold)
    while not ready.exists():
        time.sleep(0.01)
    ready.unlink()
    return process, log


def killed(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


@pytest.mark.parametrize("tries", [2, pytest.param(100, marks=pytest.mark.validate)])
def test_checks_beside_a_running_study_change_nothing(commands, whole, contents_of, tries):
    expected, beside = contents_of(whole), 0
    for number in range(tries):
        run = commands.folder / f"run{number}"
        writer = commands.begin(commands.simulate(run))
        while os.waitid(os.P_PID, writer[0], os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            code, said = commands.run(commands.command("check", run))
            assert "Traceback" not in said
            assert code == 0 or (code == 2 and said.count("\n") == 1), said
            beside += code == 0 and "shown, but not stored" in said
        code, said = commands.end(*writer)
        assert code == 1, said
        assert contents_of(run) == expected
        shutil.rmtree(run)
    assert beside >= tries / 3


@pytest.mark.parametrize("tries", [2, pytest.param(100, marks=pytest.mark.validate)])
@pytest.mark.parametrize("flags", [["--resume"], ["--overwrite"]])
def test_of_two_that_go_on_with_a_run_at_once_one_is_refused(commands, whole, contents_of, tries, flags):
    stopped, expected, refused = commands.folder / "stopped", contents_of(whole), 0
    commands.run(commands.simulate(stopped), crash_before=120, under=stopped)
    for number in range(tries):
        run = shutil.copytree(stopped, commands.folder / f"run{number}")
        both = [commands.begin(commands.simulate(run, *flags)) for _ in range(2)]
        ends = [commands.end(*each) for each in both]
        for code, said in ends:
            if code == 2:
                assert "is writing to this run; wait for it" in said
                assert said.count("\n") == 1
                refused += 1
        assert sorted(code for code, _ in ends) in ([1, 1], [1, 2])  # one after the other, or one alone
        assert contents_of(run) == expected
        shutil.rmtree(run)
    assert refused


def test_of_two_that_start_in_one_place_one_is_refused(commands, whole, contents_of):
    for number in range(2):
        run = commands.folder / f"run{number}"
        both = [commands.begin(commands.simulate(run)) for _ in range(2)]
        ends = sorted(commands.end(*each) for each in both)
        assert [code for code, _ in ends] == [1, 2]
        assert "is writing to this run" in ends[1][1] or "holds a run already" in ends[1][1]
        assert contents_of(run) == contents_of(whole)


@pytest.mark.parametrize("brief", [False, True])
def test_who_writes_is_named_and_a_killed_writer_holds_nothing(commands, copied, contents_of, brief):
    process, _ = holding(commands, copied, brief=brief)
    before = contents_of(copied)
    for refused in (lambda: store.save_checks(copied, store.open_run(copied)["checks"].to_dataset()),):
        with pytest.raises(StoreError, match=rf"run: process {process} is writing to this run; wait for it") as error:
            refused()
        assert "\n" not in str(error.value)
    if not brief:
        for flags in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(StoreError, match=f"process {process} is writing to this run"):
                store.prepare(copied, config=(copied / "config.yaml").read_text(), **flags)
    assert contents_of(copied) == before
    killed(process)
    assert (copied / ".state" / "writer.json").exists()
    store.prepare(copied, config=(copied / "config.yaml").read_text(), resume=True).close()
    assert not (copied / ".state" / "writer.json").exists()


def test_a_study_waits_for_a_command_that_only_stores_its_table(commands, copied, contents_of, whole):
    process, log = holding(commands, copied, brief=True, seconds=0.5)
    code, said = commands.run(commands.simulate(copied, "--resume"))
    assert code == 1, said
    assert commands.end(process, log)[0] == 0
    assert contents_of(copied) == contents_of(whole)


@pytest.mark.parametrize("command", ["check", "report", "plot"])
def test_beside_a_writer_results_are_shown_and_not_stored(commands, copied, contents_of, command):
    process, _ = holding(commands, copied, brief=False)
    before = contents_of(copied)
    code, said = commands.run(commands.command(command, copied))
    assert code == 0
    line = next(line for line in said.splitlines() if "not stored" in line)
    assert line.startswith(f"{copied}: shown, but not stored: {copied}: process {process} is writing to this run")
    assert contents_of(copied) == before
    if command == "check":
        assert said.splitlines()[-1].startswith("shown")
    else:
        made = Path(line.rpartition(" lies in ")[2])
        name = {"report": "report.html", "plot": "small.png"}[command]
        assert str(made / name) in said.splitlines()
        assert (made / name).is_file()
        shutil.rmtree(made)
    killed(process)


def test_a_lock_of_a_file_that_was_removed_meanwhile_is_none(tmp_path):
    first = run_lock.take(tmp_path)
    assert first is not None
    assert run_lock.take(tmp_path) is None
    (tmp_path / run_lock.LOCK).unlink()
    second = run_lock.take(tmp_path)  # of another file, as after the run was removed and started anew
    assert second is not None
    first.release()
    assert run_lock.take(tmp_path) is None
    second.release()
    again = run_lock.take(tmp_path)
    assert again is not None
    again.release()


def test_a_forked_child_that_ends_does_not_end_the_lock(commands, tmp_path):
    held = run_lock.take(tmp_path)
    assert held is not None
    commands.run(held.release)
    assert run_lock.take(tmp_path) is None
    held.release()


def test_a_note_of_another_machine_names_it(copied):
    held = run_lock.take(copied / ".state")
    (copied / ".state" / "writer.json").write_text(json.dumps({"host": "elsewhere", "process": 7}))
    with pytest.raises(StoreError, match="process 7 on elsewhere is writing to this run"):
        run_state.take(copied, brief=False)
    held.release()
