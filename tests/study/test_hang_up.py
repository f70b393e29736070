"""A terminal that closes, and what `nohup` makes of it, in a child with a terminal of its own."""

from __future__ import annotations

import os
import signal
import time

import pytest

from langevin_sgd.study import execute as study
from langevin_sgd.study import store

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs a signal that the system does not have")


def waiting(commands, run, model_of, *, ignored: bool = False, seconds: float = 30.0):
    """The command on a study that saves its state and waits when it is told to stop."""

    def run_model(planned, name, around):
        deadline = time.monotonic() + seconds
        try:
            (run / "waits").touch()
            while time.monotonic() < deadline:
                time.sleep(0.01)
        except KeyboardInterrupt:
            around.progress.message("saving")
            around.checkpoint.save({"step": 700})
            raise
        return model_of(name, planned.seed)

    def work() -> int:
        if ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        study.run_model = run_model
        return commands.command("simulate", commands.config, "--output", run)()

    return work


def begun(run) -> None:
    while not (run / "waits").exists():
        time.sleep(0.01)
    (run / "waits").unlink()


def test_a_hang_up_saves_and_names_the_command_that_resumes(commands, model_of):
    run = commands.folder / "run"
    process, log = commands.begin(waiting(commands, run, model_of))
    begun(run)
    os.kill(process, signal.SIGHUP)
    os.kill(process, signal.SIGHUP)  # the kernel and the shell tell of the same
    code, said = commands.end(process, log)
    assert code == 130
    assert said.splitlines()[-1].endswith("--resume")
    assert "first is stopped at step 700" in store.open_run(run).attrs["unfinished"]


def test_under_nohup_a_run_goes_on(commands, model_of):
    run = commands.folder / "run"
    process, log = commands.begin(waiting(commands, run, model_of, ignored=True, seconds=0.3))
    begun(run)
    os.kill(process, signal.SIGHUP)
    code, said = commands.end(process, log)
    assert code == 0, said
    assert store.open_run(run).attrs["status"] == "finished"


def test_a_terminal_that_closes_does_not_keep_a_run_from_saving(commands, model_of):
    """Every write to it fails from then on, with EIO, that of the progress while the state is saved too."""
    run = commands.folder / "run"
    process, terminal = commands.on_terminal(waiting(commands, run, model_of))
    begun(run)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    assert "first is stopped at step 700" in store.open_run(run).attrs["unfinished"]
