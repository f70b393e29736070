"""Runs that are interrupted: exit code 130, and the command that goes on with them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from langevin_sgd import cli
from langevin_sgd.study import store

SLOW = """\
name: slow
seed: 1
sgd: {learning_rate: 0.1, batch_size: 4}
models:
  network:
    kind: network
    data: {name: digits}
    architecture: {kind: softmax}
    replicas: 2
    steps: 2000000000
"""


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("name", [pytest.param("SIGINT", marks=pytest.mark.validate), "SIGTERM"])
def test_an_interrupted_run_says_how_to_go_on(home, program, name):
    (home / "slow.yaml").write_text(SLOW, encoding="utf-8")
    run = home / "a run"
    process = program("simulate", "slow.yaml", "--set", "seed=3", "--output", run.name, cwd=home)
    try:
        deadline = time.monotonic() + 60
        while not store.holds_run(run) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.Signals[name])
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert out == ""
        assert "Traceback" not in err
        command = "langevin-sgd simulate slow.yaml --output 'a run' --set seed=3 --resume"
        assert err.splitlines()[-1].endswith(f"go on with: {command}")
        store.prepare(run, config=store.read_config(run), resume=True)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def stopped(
    home: Path, two_models: Callable[[str], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The directory of a run that was interrupted in the second of its two models."""
    from langevin_sgd.study import execute as study

    run_model = study.run_model

    def interrupted(planned, name, around):
        if name == "second":
            around.checkpoint.save({"step": np.int64(1200)})
            raise KeyboardInterrupt
        return run_model(planned, name, around)

    two_models("second")
    with monkeypatch.context() as patch:
        patch.setattr(study, "run_model", interrupted)
        assert cli.main(["simulate", "two.yaml", "--output", "a run", "--quiet"]) == 130
    capsys.readouterr()
    return home / "a run"


@pytest.mark.parametrize(
    "arguments", [["check", "a run"], ["report", "a run"], ["plot", "a run"], ["export", "a run", "a.nc"]]
)
def test_every_command_says_that_a_run_is_unfinished(stopped, capsys, arguments):
    assert cli.main(arguments) == 0
    output = capsys.readouterr()
    lines = [line for line in (output.out + output.err).splitlines() if "unfinished" in line]
    command = "langevin-sgd simulate 'a run/config.yaml' --output 'a run' --resume"
    assert len(lines) == 1
    assert lines[0].endswith(f"unfinished: second is stopped at step 1,200; {command} finishes it")
    if arguments[0] == "report":
        page = (stopped / "report.html").read_text(encoding="utf-8")
        assert "second is stopped at step 1,200" in page
        assert "unfinished" in page


@pytest.mark.usefixtures("no_report")
def test_the_command_that_an_unfinished_run_names_finishes_it(stopped, capsys):
    assert cli.main(["check", "a run", "--strict"]) == 3
    command = re.search(r"; langevin-sgd (.*) finishes it", capsys.readouterr().out)
    assert command
    assert cli.main(shlex.split(command[1])) == 0
    capsys.readouterr()
    assert cli.main(["check", "a run"]) == 0
    assert "unfinished" not in capsys.readouterr().out


def test_an_interruption_before_anything_was_written(home, capsys, monkeypatch):
    from langevin_sgd import simulation

    def interrupted(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "simulate", interrupted)
    assert cli.main(["simulate", "small.yaml"]) == 130
    assert capsys.readouterr().err == "Interrupted; nothing was left behind.\n"


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("ending", "expected"),
    [("cli.entry()", 130), pytest.param("sys.exit(cli.main())", -signal.SIGINT, marks=pytest.mark.validate)],
)
def test_an_interruption_in_the_middle_of_an_import_has_the_same_exit_code(home, ending, expected):
    """Modules that make dataclasses run texts with exec(), where CPython takes an interrupt for unhandled."""
    code = (
        "import sys; from langevin_sgd import cli, simulation\n"
        "simulation.simulate = lambda *a, **k: exec('raise KeyboardInterrupt')\n"
        "sys.argv = ['langevin-sgd', 'simulate', 'small.yaml']\n"
    )
    (home / "interrupted.py").write_text(code + ending, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=home, capture_output=True, check=False)
    assert done.returncode == expected, done.stderr
    assert done.stderr == b"Interrupted; nothing was left behind.\n"


def test_a_signal_to_end_while_the_config_is_read_is_an_interruption(monkeypatch, capsys):
    monkeypatch.setattr("langevin_sgd.study.loading.load", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert cli.main(["simulate", "study.yaml"]) == cli.INTERRUPTED
    assert "nothing was left behind" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
