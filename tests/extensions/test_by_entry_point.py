"""The same members, announced by an installed package as entry points: the config names them like the package's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_toys import BY_NAME, ENTRY_POINTS, TOYS

import langevin_sgd as lsgd

# another walker, so that one is scanned and one is not
STUDY = (
    BY_NAME.replace("models:", "models:\n  scaled: {kind: free_walk, steps: 40}")
    + "scan: {models.scaled.scale: [1.0, 2.0]}\n"
)
WALK = "{name: toys, seed: 3, models: {walk: {kind: free_walk, steps: 40}}}"
COMMANDS = """
import sys

from langevin_sgd import cli
from langevin_sgd.reporting.plots import drawn

drawn.render = lambda figure, format: b""  # pictures of these members are rendered by test_by_import_path
for line in sys.stdin.read().splitlines():
    print("$", line, flush=True)
    print("exit", cli.main(line.split()), flush=True)
"""


def in_a_new_process(home: Path, *commands: str) -> str:
    """What the commands print, one after the other in one process where the toys are installed."""
    package = Path(lsgd.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(home / "installed"), str(package)))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMMANDS],
        input="\n".join(commands), text=True, capture_output=True, cwd=home, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the config, and one in which a package with entry points is installed."""
    information = tmp_path / "installed" / "toys-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    (tmp_path / "installed" / "toys").symlink_to(TOYS)
    (tmp_path / "toys.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


@pytest.mark.validate
def test_every_command_takes_them(home: Path) -> None:
    told = in_a_new_process(
        home,
        "simulate toys.yaml --output run --quiet",
        "check run --strict",
        "report run",
        "plot run turn_histogram",
        "schema free_walk",
        "schema",
        "simulate toys.yaml --output run --quiet --resume",
    )
    assert told.count("exit 0") == 7
    tree = lsgd.open_run(home / "run")
    table = tree["checks"].to_dataset()
    assert set(zip(table["model"].values.tolist(), table["point"].values.tolist(), strict=True)) == {
        ("walk", ""), ("scaled", "scale=1"), ("scaled", "scale=2")
    }  # fmt: skip
    assert set(table["verdict"].values.tolist()) == {"agrees"}
    assert "weight_length" in tree["network"]
    assert tree["own"].attrs["status"] == "done"
    assert "mean_noise" in tree["valley"]["law"].values
    assert tree["scaled"]["squared_displacement"].dims[0] == "scale"
    assert (home / "run" / "figures" / "turn_histogram.png").exists()
    assert "model kind free_walk" in told
    assert '"turns"' in told.partition("$ schema\n")[2]  # among the names that `checks` takes


def test_a_name_that_is_taken_is_refused_and_names_both(home: Path) -> None:
    information = home / "installed" / "toys-1.0.dist-info"
    (information / "entry_points.txt").write_text(ENTRY_POINTS.replace("free_walk =", "basins ="), encoding="utf-8")
    (home / "toys.yaml").write_text(WALK, encoding="utf-8")
    told = in_a_new_process(home, "simulate toys.yaml --output run")
    assert "exit 2" in told
    assert "model kind 'basins' is there twice: langevin_sgd.models.basins.config:BasinsModel and toys.model" in told
    assert not (home / "run").exists()


def test_a_broken_one_is_one_line_and_stands_in_nobodys_way(home: Path) -> None:
    information = home / "installed" / "toys-1.0.dist-info"
    broken = ENTRY_POINTS.replace("toys.model:FreeWalk", "toys.no_such_module:FreeWalk")
    (information / "entry_points.txt").write_text(broken, encoding="utf-8")
    (home / "toys.yaml").write_text(WALK, encoding="utf-8")
    (home / "other.yaml").write_text(
        "{name: other, seed: 1, sgd: {learning_rate: 0.1, batch_size: 8}, models: {bowl: {kind: ornstein_uhlenbeck, "
        "hessian: {kind: diagonal, eigenvalues: [1.0]}, noise: {kind: isotropic, scale: 0.4}, replicas: 4, steps: 9}}}",
        encoding="utf-8",
    )
    told = in_a_new_process(home, "simulate toys.yaml --output run", "simulate other.yaml --output other --quiet")
    failed, _, passed = told.partition("exit 2")
    assert "importing toys.no_such_module:FreeWalk failed: ModuleNotFoundError" in failed + passed
    assert "exit 0" in passed
