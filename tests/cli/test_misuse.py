"""Faults of the user's: exit code 2 and one line with the mend; nothing is lost or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from langevin_sgd import cli
from langevin_sgd.reporting import html as html_report
from langevin_sgd.study import store


def test_a_damaged_run_is_one_line_for_every_command(home, refused, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(html_report, "report", lambda run, **_options: Path(run))
        cli.main(["simulate", "small.yaml", "--quiet", "--output", "run"])
    capsys.readouterr()
    metadata = home / "run" / "data.zarr" / "ou" / "zarr.json"
    metadata.write_text("", encoding="utf-8")
    for arguments in (
        ["check", "run"],
        ["report", "run"],
        ["plot", "run"],
        ["export", "run", "a.nc"],
        ["simulate", "small.yaml", "--output", "run", "--resume"],
    ):
        assert refused(*arguments).startswith("run/data.zarr/ou: is damaged (")
    metadata.parent.rename(home / "away")
    monkeypatch.setattr(html_report, "report", lambda run, **_options: Path(run))
    assert cli.main(["simulate", "small.yaml", "--output", "run", "--resume", "--quiet"]) == 0
    assert store.open_run("run")["ou"].attrs["status"] == "done"
    (home / "run" / "config.yaml").write_text("]]: [", encoding="utf-8")
    capsys.readouterr()
    assert refused("check", "run").startswith("run/config.yaml:1: ")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["simulat", "a.yaml"], ['Did you mean "simulate"?', "langevin-sgd --help"]),
        (["simulate"], ["CONFIG", "langevin-sgd simulate --help"]),
        (["simulate", "small.yaml", "--outptu", "x"], ["--outptu", "Did you mean --output?"]),
        (["simulate", "small.yaml", "seed=2"], ["'seed=2'", "--set"]),
        (["simulate", "small.yaml", "--set"], ["--set"]),
        (["simulate", "small.yaml", "--set", "seed"], ["seed"]),
        (["simulate", "small.yaml", "--set", "sgd.momentun=0.9"], ["sgd.momentun", "momentum"]),
        (["simulate", "small.yaml", "--device", "tpu"], ["tpu", "cuda"]),
        (["simulate", "missing.yaml"], ["missing.yaml"]),
        (["simulate", "."], ["."]),
        (["simulate", "small.yaml", "--output", "small.yaml"], ["small.yaml", "not a directory"]),
        (["simulate", "small.yaml", "--output", "small.yaml/run"], ["small.yaml", "cannot be written"]),
        (["simulate", "small.yaml", "--output", "."], ["is no run"]),
        (["simulate", "small.yaml", "--output", ".", "--overwrite"], ["is no run"]),
        (["simulate", "small.yaml", "--dry-run", "--resume", "--workers", "2"], ["leave out --resume, --workers"]),
        (["simulate", "small.yaml", "--dry-run", "--shard", "1/2"], ["leave out --shard"]),
        (["simulate", "small.yaml", "--resume"], ["no run here to resume"]),
        (["check"], ["RUN_DIR"]),
        (["check", "nowhere"], ["nowhere", "no such run directory"]),
        (["check", "."], ["holds no run"]),
        (["check", ".", "--strikt"], ["Did you mean --strict?"]),
        (["report", "nowhere"], ["nowhere"]),
        (["plot", "nowhere"], ["nowhere"]),
        (["plot", "nowhere", "--format", "gif"], ["gif", "png"]),
        (["export", "nowhere", "a.nc"], ["nowhere"]),
        (["export", "nowhere"], ["FILE"]),
        (["new", "side_by_sied"], ["side_by_side"]),
        (["info", "--verbose"], ["--verbose"]),
    ],
)
def test_misuse_is_one_line_with_a_mend(home, refused, arguments, parts):
    before = sorted(home.rglob("*"))
    line = refused(*arguments)
    for part in parts:
        assert part in line
    assert sorted(home.rglob("*")) == before


def test_every_fault_of_a_config_is_a_line(home, capsys):
    sound = (home / "small.yaml").read_text(encoding="utf-8")
    (home / "bad.yaml").write_text(sound.replace("0.2", "-0.2").replace("scale: 0.4", "scal: 0.4"), encoding="utf-8")
    assert cli.main(["simulate", "bad.yaml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("bad.yaml:3: sgd.learning_rate: ") for line in lines)
    assert any(line.startswith("bad.yaml:8: models.ou.noise") and "scale" in line for line in lines)
    assert not (home / "runs").exists()


@pytest.mark.usefixtures("no_report")
def test_no_device_no_overwriting(home, refused, capsys, monkeypatch):
    cli.main(["simulate", "small.yaml", "--quiet"])
    capsys.readouterr()
    before = sorted(home.rglob("*"))
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = refused("simulate", "small.yaml", "--device", "cuda", "--overwrite")
    assert "cuda" in line
    assert sorted(home.rglob("*")) == before
