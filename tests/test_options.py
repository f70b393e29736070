"""Messages name an option as whoever asked writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

import langevin_sgd as lsgd
from langevin_sgd import cli, options
from langevin_sgd.errors import UserError

STUDY = {
    "name": "small",
    "seed": 1,
    "sgd": {"learning_rate": 0.2, "batch_size": 4},
    "models": {
        "ou": {
            "kind": "ornstein_uhlenbeck",
            "hessian": {"kind": "diagonal", "eigenvalues": [1.0]},
            "noise": {"kind": "isotropic", "scale": 0.4},
            "replicas": 4,
            "steps": 20,
        }
    },
}


def test_an_option_is_called_as_it_is_written() -> None:
    def named() -> list[str]:
        return [options.flag("resume"), options.option("output"), options.option("workers", "2"), options.resumed()]

    assert named() == ["resume=True", "output", "workers=2", "`simulate(..., resume=True)`"]
    with options.of_commands():
        assert named() == ["--resume", "--output", "--workers 2", "`simulate ... --resume`"]
    assert named()[0] == "resume=True"


def test_python_and_the_command_line_are_refused_in_their_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lsgd.simulate(STUDY, output="run")
    in_python = "run: holds a run already; continue it with resume=True or replace it with overwrite=True"
    with pytest.raises(UserError) as error:
        lsgd.simulate(STUDY, output="run")
    assert str(error.value) == in_python
    with pytest.raises(UserError, match=r"another config: seed was 1 and is 2 now; .* use overwrite=True, or choose"):
        lsgd.simulate({**STUDY, "seed": 2}, output="run", resume=True)
    with pytest.raises(UserError, match="no run here to resume; leave out resume=True"):
        lsgd.simulate(STUDY, output="other", resume=True)
    assert cli.main(["simulate", "run/config.yaml", "--output", "run"]) == 2
    said = capsys.readouterr().err.strip()
    assert said == "run: holds a run already; continue it with --resume or replace it with --overwrite"
    lsgd.export("run", "run.nc")
    with pytest.raises(UserError, match=r"run\.nc: exists already; replace it with overwrite=True or choose another"):
        lsgd.export("run", "run.nc")
    assert cli.main(["export", "run", "run.nc"]) == 2
    assert "replace it with --overwrite or choose another name" in capsys.readouterr().err
