"""A run from start to end, and what each command makes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import langevin_sgd
from langevin_sgd import cli
from langevin_sgd.reporting.plots import drawn
from langevin_sgd.study import store


@pytest.mark.rendered
def test_a_run_from_start_to_end(home, capsys, monkeypatch):
    assert cli.main(["simulate", "small.yaml", "--device", "cpu"]) == 0
    run = home / "runs" / "small"
    text = capsys.readouterr().out
    assert "total variance" in text
    assert "Rule: disagrees if" in text
    assert "runs/small" in text
    assert {file.name for file in run.iterdir()} == {"config.yaml", "data.zarr", "report.html", "figures", ".state"}
    tree = store.open_run(run)
    assert tree["ou"].attrs["status"] == "done"
    assert json.loads(tree.attrs["provenance"])["seed"] == 1

    before = tree["checks"].to_dataset().load()
    assert cli.main(["check", "--verbose", str(run)]) == 0
    text = capsys.readouterr().out
    assert "total variance" in text
    assert all(reason[:30] in text for reason in before.reason.values)
    xr.testing.assert_identical(langevin_sgd.check(run), before)
    after = store.open_run(run)["checks"].to_dataset().load()
    xr.testing.assert_identical(before, after)

    strict = 0 if json.loads(after.attrs["summary"])["verdict"] == "agrees" else 3
    assert cli.main(["check", str(run), "--strict"]) == strict

    assert cli.main(["plot", str(run), "mode_variance", "--format", "pdf"]) == 0
    assert (run / "figures" / "mode_variance.pdf").exists()
    monkeypatch.setattr(drawn, "render", lambda figure, format: b"the same picture again")
    assert cli.main(["report", str(run)]) == 0
    assert cli.main(["export", str(run), "small.nc"]) == 0
    with xr.open_datatree("small.nc", engine="h5netcdf") as exported:
        np.testing.assert_array_equal(exported["ou"].energy.values, tree["ou"].energy.values)


@pytest.mark.usefixtures("no_report")
def test_strict_tells_agreement_from_the_rest(home, capsys):
    cli.main(["simulate", "small.yaml", "--quiet", "--set", "models.ou.replicas=256"])
    run = home / "runs" / "small"
    config = (run / "config.yaml").read_text(encoding="utf-8")

    def strict(tolerance: float) -> int:
        changed = re.sub(r"tolerance: [\d.]+", f"tolerance: {tolerance}", config)
        assert changed != config
        (run / "config.yaml").write_text(changed, encoding="utf-8")
        code = cli.main(["check", str(run), "--strict"])
        capsys.readouterr()
        return code

    assert strict(0.4) == 0
    assert strict(0.0001) == 3


@pytest.mark.usefixtures("no_report")
def test_check_takes_a_directory_or_a_tree(home, capsys):
    cli.main(["simulate", "small.yaml", "--quiet", "--output", "run"])
    kept = store.open_run("run")["checks"].to_dataset().load()
    strict = (home / "run" / "config.yaml").read_text(encoding="utf-8").replace("tolerance: 0.05", "tolerance: 0.0001")
    (home / "run" / "config.yaml").write_text(strict, encoding="utf-8")
    study = langevin_sgd.load("small.yaml")
    for given in ("run", Path("run"), store.open_run("run")):
        xr.testing.assert_identical(langevin_sgd.check(given, study), kept)
    xr.testing.assert_identical(store.open_run("run")["checks"].to_dataset().load(), kept)
    table = langevin_sgd.check("run")
    assert set(table.tolerance.values) != set(kept.tolerance.values)
    np.testing.assert_array_equal(store.open_run("run")["checks"].tolerance.values, table.tolerance.values)
    with pytest.raises(langevin_sgd.study.store.StoreError, match="no such run directory"):
        langevin_sgd.check("nowhere")


@pytest.mark.usefixtures("no_report")
def test_overrides_and_output_are_followed(home, capsys):
    arguments = ["simulate", "small.yaml", "--output", "there", "--set", "models.ou.replicas=5", "--set", "seed=9"]
    assert cli.main(arguments) == 0
    tree = store.open_run(home / "there")
    assert tree["ou"].sizes["replica"] == 5
    assert json.loads(tree.attrs["provenance"])["config"]["seed"] == 9
    assert not (home / "runs").exists()


@pytest.mark.usefixtures("no_report")
def test_quiet_prints_the_verdict_and_nothing_else(home, capsys):
    assert cli.main(["simulate", "small.yaml", "--quiet"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.startswith("Study: ")
    assert len(output.out.splitlines()) <= 2


def test_a_failed_model_is_named_and_the_rest_is_kept(home, two_models, capsys, monkeypatch):
    from langevin_sgd.integrators.divergence import Diverged
    from langevin_sgd.study import execute as study

    run_model = study.run_model

    def diverging(planned, name, around):
        if name == "hot":
            raise Diverged(312, 2.31)
        return run_model(planned, name, around)

    monkeypatch.setattr(study, "run_model", diverging)
    two_models("hot")
    assert cli.main(["simulate", "two.yaml"]) == 1
    text = capsys.readouterr().out
    assert "hot failed" in text
    assert "312" in text
    tree = store.open_run(home / "runs" / "small")
    assert (tree["ou"].attrs["status"], tree["hot"].attrs["status"]) == ("done", "failed")
    assert "312" in (home / "runs" / "small" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_report")
def test_a_run_that_lacks_points_of_its_scan_has_failed(home, capsys):
    well = {"kind": "expression", "energy": "x**4/4", "variables": ["x"]}
    model = {"kind": "langevin", "potential": well, "temperature": 1.0, "start": [0.5], "steps": 50, "replicas": 2}
    given = {"name": "scanned", "seed": 1, "sgd": {"learning_rate": 0.01, "batch_size": 1}, "models": {"m": model}}
    given["scan"] = {"sgd.learning_rate": [0.01, 5000.0]}
    (home / "scanned.yaml").write_text(json.dumps(given))
    assert cli.main(["simulate", "scanned.yaml", "--quiet"]) == 1
    assert "learning_rate=5000" in capsys.readouterr().out
    assert cli.main(["simulate", "scanned.yaml", "--quiet", "--resume"]) == 1
    assert (
        cli.main(["simulate", "scanned.yaml", "--quiet", "--overwrite", "--set", "scan.sgd.learning_rate=[0.01]"]) == 0
    )


@pytest.mark.usefixtures("no_report")
def test_existing_runs_are_refused_resumed_and_overwritten(home, refused, capsys):
    assert cli.main(["simulate", "small.yaml", "--quiet"]) == 0
    capsys.readouterr()
    made = (home / "runs" / "small" / "data.zarr" / "ou" / "zarr.json").stat().st_mtime_ns
    assert "--resume" in refused("simulate", "small.yaml")
    assert "seed was 1 and is 2 now" in refused("simulate", "small.yaml", "--resume", "--set", "seed=2")
    assert "exclude each other" in refused("simulate", "small.yaml", "--resume", "--overwrite")
    assert cli.main(["simulate", "small.yaml", "--quiet", "--resume"]) == 0
    assert (home / "runs" / "small" / "data.zarr" / "ou" / "zarr.json").stat().st_mtime_ns == made
    assert cli.main(["simulate", "small.yaml", "--quiet", "--overwrite"]) == 0
    assert (home / "runs" / "small" / "data.zarr" / "ou" / "zarr.json").stat().st_mtime_ns > made


def test_a_study_without_checks_is_told_what_it_may_ask_for(home, capsys):
    """And has it of what was measured, without running anything again."""
    without = (home / "small.yaml").read_text(encoding="utf-8").replace("checks: [equilibrium]\n", "")
    (home / "small.yaml").write_text(without, encoding="utf-8")
    assert cli.main(["simulate", "small.yaml", "--quiet"]) == 0
    assert "small" not in capsys.readouterr().out
    assert cli.main(["check", "runs/small"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "inconclusive" not in said
    assert "?" not in said
    assert "Study: no verdict: the study asks for no checks; add checks: [equilibrium], or some of them, to its" in said
    page = " ".join((home / "runs" / "small" / "report.html").read_text(encoding="utf-8").split())
    assert "No comparisons were made" in page
    assert cli.main(["report", "runs/small"]) == 0
    page = " ".join((home / "runs" / "small" / "report.html").read_text(encoding="utf-8").split())
    assert "No verdict: the study asks for no checks; add checks: [equilibrium]" in page
    assert cli.main(["check", "runs/small", "--strict"]) == 3
    made = (home / "runs" / "small" / "data.zarr" / "ou" / "zarr.json").stat().st_mtime_ns
    capsys.readouterr()
    assert cli.main(["simulate", "small.yaml", "--resume", "--set", "checks=[equilibrium]"]) == 0
    assert (home / "runs" / "small" / "data.zarr" / "ou" / "zarr.json").stat().st_mtime_ns == made
    assert re.search(r"Study: .* [1-9]\d* law rows", capsys.readouterr().out)
