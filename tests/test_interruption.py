"""SIGTERM and a full disk at any moment: exit code, one line, and a run that opens and can be resumed."""

from __future__ import annotations

import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr

import langevin_sgd
from langevin_sgd import cli
from langevin_sgd.reporting import html as html_report
from langevin_sgd.reporting import terminal
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.storage import checkpoint, replacing, zarr_groups
from langevin_sgd.study import execute as study
from langevin_sgd.study import store

SLOW = pytest.mark.validate
pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")

SMALL = """\
name: small
seed: 1
sgd: {learning_rate: 0.2, batch_size: 4}
models:
  ou:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0, 0.5]}
    noise: {kind: isotropic, scale: 0.4}
    replicas: 8
    steps: 400
checks: [equilibrium]
"""
NETWORK = "{kind: network, data: {name: digits}, architecture: {kind: softmax}, replicas: 2, steps: 20}"
TRAINED = SMALL.replace("models:\n", f"models:\n  network: {NETWORK}\n")

REPORT = html_report.report


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "trained.yaml").write_text(TRAINED, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be written to."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html_report, "report", lambda run, **_options: Path(run))
        assert cli.main(["simulate", str(folder / "small.yaml"), "--output", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


# signals


def stop_at(patch: pytest.MonkeyPatch, module: object, name: str, call: int) -> Callable[[], int]:
    """Send this process SIGTERM in the `call`-th call of a function, counted from 1; returns how many there were."""
    original, calls = getattr(module, name), [0]

    def wrapped(*args: object, **options: object) -> object:
        calls[0] += 1
        if calls[0] == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*args, **options)

    patch.setattr(module, name, wrapped)
    return lambda: calls[0]


@pytest.mark.parametrize(
    ("module", "name", "calls"),
    [
        (replacing, "replace_file", [1, 3]),
        (checkpoint.Checkpoint, "due", [1]),
        (html_report, "report", [1]),
        pytest.param(study.devices, "place_all", [1], marks=SLOW),
        pytest.param(replacing, "replace_file", [2], marks=SLOW),
        pytest.param(zarr_groups, "_consolidated", [1, 2, 3], marks=SLOW),
        pytest.param(study, "judged", [1], marks=SLOW),
        pytest.param(terminal, "print_run", [1], marks=SLOW),
    ],
)
def test_a_signal_to_end_anywhere_in_a_run_names_the_command_that_resumes(
    home: Path, capsys: pytest.CaptureFixture[str], module: object, name: str, calls: list[int]
) -> None:
    config = "trained.yaml" if name == "due" else "small.yaml"
    for call in calls:
        with pytest.MonkeyPatch.context() as patch:
            made = stop_at(patch, module, name, call)
            code = cli.main(["simulate", config, "--output", f"{name}{call}", "--quiet"])
            assert made() >= call
        out, err = capsys.readouterr()
        (line,) = err.splitlines()
        assert (code, out) == (130, "")
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        if not (home / f"{name}{call}").exists() or not any((home / f"{name}{call}").iterdir()):
            assert line == "Interrupted; nothing was left behind."
            continue
        assert store.open_run(f"{name}{call}") is not None
        command = line.partition("go on with: langevin-sgd ")[2]
        assert cli.main([*shlex.split(command), "--quiet"]) == 0
        assert "unfinished" not in store.open_run(f"{name}{call}").attrs
        capsys.readouterr()


def test_a_second_signal_does_not_cut_the_message_short(home, capsys, monkeypatch):
    def twice(*_args: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    join = shlex.join

    def again(words: list[str]) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        return join(words)

    monkeypatch.setattr(study, "run_model", twice)
    monkeypatch.setattr(shlex, "join", again)
    before = signal.getsignal(signal.SIGINT)
    assert cli.main(["simulate", "small.yaml", "--output", "run", "--quiet"]) == 130
    assert "go on with: langevin-sgd simulate small.yaml --output run --resume" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_python_drops_comes_again(home, capsys, monkeypatch):
    class Finalised:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0)

    def dropping(*_args: object, **_options: object) -> None:
        Finalised()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(0.001)

    monkeypatch.setattr(study, "run_model", dropping)
    hook = sys.unraisablehook
    assert cli.main(["simulate", "small.yaml", "--output", "run", "--quiet"]) == 130
    assert "--resume" in capsys.readouterr().err
    assert sys.unraisablehook is hook


@pytest.mark.validate
def test_a_real_process_stopped_at_forty_moments_can_always_be_resumed(home):
    package = str(Path(langevin_sgd.__file__).parent.parent)
    command = [sys.executable, "-m", "langevin_sgd.cli"]
    environment = {**os.environ, "PYTHONPATH": package}
    for trial in range(40):
        run = f"run{trial}"
        process = subprocess.Popen(
            [*command, "simulate", "small.yaml", "--output", run, "--set", "models.network.steps=2000"],
            cwd=home, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(0.2 + 0.15 * trial)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode in (0, 130, -signal.SIGTERM), err
        assert "Traceback" not in err
        if process.returncode == 130 and (home / run).exists():
            assert re.search(rf"go on with: langevin-sgd simulate small.yaml --output {run} .*--resume$", err.strip())
            assert store.open_run(home / run) is not None


# a disk that fills


@contextmanager
def disk_full_beyond(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes, as on a disk that is full."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


@pytest.mark.parametrize("size", [700, *(pytest.param(size, marks=SLOW) for size in (0, 2500, 9000, 40_000))])
def test_a_disk_that_fills_during_a_run_leaves_one_line_and_a_run_that_resumes(home, capsys, monkeypatch, size):
    monkeypatch.setattr(checkpoint.Checkpoint, "due", lambda _: True)
    with disk_full_beyond(size):
        assert cli.main(["simulate", "trained.yaml", "--output", "run", "--quiet"]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == ""
    assert "cannot be written: File too large; free some space" in line
    started = (home / "run" / ".state").exists()
    if started:
        tree = store.open_run("run")
        assert all(node.attrs["status"] == "done" for node in tree.children.values())
    resume = ["--resume"] if started else []
    assert cli.main(["simulate", "trained.yaml", "--output", "run", "--quiet", *resume]) == 0
    assert not list((home / "run").rglob("*.partial"))


@pytest.mark.parametrize("command", [["report"], ["plot"], ["check"], ["export", "x.nc"]])
@pytest.mark.parametrize("size", [pytest.param(0, marks=SLOW), 2000])
def test_a_disk_that_fills_after_a_run_leaves_what_was_there(home, capsys, monkeypatch, finished, command, size):
    drawn = {"figure": b"x" * 5000}
    monkeypatch.setattr(html_report, "report", REPORT)
    monkeypatch.setattr(plots, "pictures", lambda *_, **__: (drawn, []))
    shown = plots.Illustrations({name: plots.Picture(png, "", name) for name, png in drawn.items()}, [], [])
    monkeypatch.setattr(plots, "illustrations", lambda *_, **__: shown)
    shutil.copytree(finished, home / "run")
    before = {str(file): file.read_bytes() for file in sorted(home.rglob("*")) if file.is_file()}
    with disk_full_beyond(size):
        code = cli.main([command[0], "run", *command[1:]])
    out, err = capsys.readouterr()
    assert "cannot be written" in out + err or "could not be" in out + err
    assert code == 2 or command[0] in ("check", "report")
    assert err.count("\n") <= 1
    xr.testing.assert_identical(store.open_run("run", load=True), store.open_run(finished, load=True).copy())
    left = {str(file): file.read_bytes() for file in sorted(home.rglob("*")) if file.is_file()}
    scratch = {name for name in left if ".state" in name}
    assert {k: v for k, v in left.items() if k not in scratch} == {k: v for k, v in before.items() if k not in scratch}


def test_export_keeps_the_file_before_where_a_disk_fills(home, capsys, finished):
    assert cli.main(["export", str(finished), "x.nc"]) == 0
    before = (home / "x.nc").read_bytes()
    with disk_full_beyond(len(before) // 2):  # HDF5 does not make a file of the same length every time
        assert cli.main(["export", str(finished), "x.nc", "--overwrite"]) == 2
    assert (home / "x.nc").read_bytes() == before
    assert sorted(file.name for file in home.iterdir()) == ["small.yaml", "trained.yaml", "x.nc"]
