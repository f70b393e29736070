"""Commands on a small study in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import langevin_sgd
from langevin_sgd import cli
from langevin_sgd.reporting import html as html_report

# Small enough to run in a second, well inside its law.
SMALL = """\
name: small
seed: 1
sgd: {learning_rate: 0.2, batch_size: 4}
models:
  ou:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0, 0.5]}
    noise: {kind: isotropic, scale: 0.4}
    replicas: 64
    steps: 4000
checks: [equilibrium]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    return tmp_path


@pytest.fixture
def refused(home: Path, capsys: pytest.CaptureFixture[str]):
    """A function that runs a command which must fail with exit code 2, one line and nothing else; returns the line."""

    def run(*arguments: object) -> str:
        assert cli.main([str(argument) for argument in arguments]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.endswith("\n")
        assert output.err.count("\n") == 1
        return output.err

    return run


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the page, which takes longer than the runs here, where a test is about something else."""
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))


@pytest.fixture
def two_models(home: Path) -> Callable[[str], None]:
    """A function that writes `two.yaml`, the small study with a second model, of that name, like the first."""

    def write(second: str) -> None:
        model = SMALL[SMALL.index("    kind") : SMALL.index("checks")]
        (home / "two.yaml").write_text(SMALL.replace("checks", f"  {second}:\n{model}checks"), encoding="utf-8")

    return write


@pytest.fixture
def program() -> Callable[..., subprocess.Popen[str]]:
    """A function that starts the program in a process of its own."""

    def start(*arguments: str, cwd: Path, **options: object) -> subprocess.Popen[str]:
        package = Path(langevin_sgd.__file__).parent.parent
        path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            [sys.executable, "-m", "langevin_sgd.cli", *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,  # type: ignore[call-overload]
        )

    return start
