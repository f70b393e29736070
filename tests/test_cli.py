from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import langevin_sgd
from langevin_sgd import cli
from langevin_sgd.reporting import html as html_report
from langevin_sgd.study import store

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


def program(*arguments: str, cwd: Path, **options: object) -> subprocess.Popen[str]:
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


# help


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from langevin_sgd import cli; cli.main(['--help']);"
        "heavy = {'torch', 'xarray', 'matplotlib', 'scipy', 'sklearn', 'pydantic', 'zarr', 'numpy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    package = str(Path(langevin_sgd.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=package, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_names_every_command_and_the_exit_codes(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for command in ("simulate", "check", "report", "plot", "export", "new", "schema", "info"):
        assert command in text
    assert "130 interrupted" in text


def test_exit_codes_are_listed_where_they_occur(capsys):
    for command in ("simulate", "check", "report", "plot", "export", "new", "schema", "info"):
        assert cli.main([command, "--help"]) == 0
        listed = " ".join(capsys.readouterr().out.rpartition("Exit codes:")[2].split())
        assert ("3 check --strict" in listed) == (command == "check"), command
        assert ("1 a run failed" in listed) == (command == "simulate"), command
        assert "2 bad config or usage" in listed


# a run and what follows from it


def test_a_run_from_start_to_end(home, capsys):
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
    assert cli.main(["check", str(run)]) == 0
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


def test_a_failed_model_is_named_and_the_rest_is_kept(home, capsys, monkeypatch):
    from langevin_sgd.integrators.divergence import Diverged
    from langevin_sgd.study import execute as study

    run_model = study.run_model

    def diverging(planned, name, **arguments):
        if name == "hot":
            raise Diverged(312, 2.31)
        return run_model(planned, name, **arguments)

    monkeypatch.setattr(study, "run_model", diverging)
    ou = SMALL[SMALL.index("    kind") : SMALL.index("checks")]
    (home / "two.yaml").write_text(SMALL.replace("checks", f"  hot:\n{ou}checks"), encoding="utf-8")
    assert cli.main(["simulate", "two.yaml"]) == 1
    text = capsys.readouterr().out
    assert "hot failed" in text
    assert "312" in text
    tree = store.open_run(home / "runs" / "small")
    assert (tree["ou"].attrs["status"], tree["hot"].attrs["status"]) == ("done", "failed")
    assert "312" in (home / "runs" / "small" / "report.html").read_text(encoding="utf-8")


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


# interruption


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("name", [pytest.param("SIGINT", marks=pytest.mark.validate), "SIGTERM"])
def test_an_interrupted_run_says_how_to_go_on(home, name):
    (home / "slow.yaml").write_text(SLOW, encoding="utf-8")
    run = home / "a run"
    process = program("simulate", "slow.yaml", "--set", "seed=3", "--output", run.name, cwd=home)
    try:
        deadline = time.monotonic() + 60
        while not store.holds_run(run) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)
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
def stopped(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a run that was interrupted in the second of its two models."""
    from langevin_sgd.study import execute as study

    run_model = study.run_model

    def interrupted(planned, name, **arguments):
        if name == "second":
            arguments["checkpoint"].save({"step": np.int64(1200)})
            raise KeyboardInterrupt
        return run_model(planned, name, **arguments)

    ou = SMALL[SMALL.index("    kind") : SMALL.index("checks")]
    (home / "two.yaml").write_text(SMALL.replace("checks", f"  second:\n{ou}checks"), encoding="utf-8")
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


# faults of the user's


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
    (home / "bad.yaml").write_text(SMALL.replace("0.2", "-0.2").replace("scale: 0.4", "scal: 0.4"), encoding="utf-8")
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


# the small commands


def test_new_lists_and_prints_templates(home, capsys):
    assert cli.main(["new"]) == 0
    listed = capsys.readouterr().out
    assert "side_by_side" in listed
    assert all(len(line.split(maxsplit=1)) == 2 for line in listed.splitlines())
    assert cli.main(["new", "side_by_side"]) == 0
    assert "name: side_by_side" in capsys.readouterr().out


def test_schema_is_json_that_knows_the_models(capsys):
    assert cli.main(["schema"]) == 0
    text = capsys.readouterr().out
    assert "models" in json.loads(text)["properties"]
    assert "ornstein_uhlenbeck" in text


def test_info_names_versions_devices_and_backends(capsys):
    assert cli.main(["info"]) == 0
    text = capsys.readouterr().out
    for part in ("langevin-sgd", "torch", "cpu", "cuda", "ornstein_uhlenbeck"):
        assert part in text


def test_a_reader_that_has_seen_enough_is_no_error(home):
    process = program("schema", cwd=home)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""


def test_a_signal_to_end_while_the_config_is_read_is_an_interruption(monkeypatch, capsys):
    monkeypatch.setattr("langevin_sgd.study.loading.load", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert cli.main(["simulate", "study.yaml"]) == cli.INTERRUPTED
    assert "nothing was left behind" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
