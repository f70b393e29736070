"""What a study will take, told before it runs, and refused where the disk has no room for it."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest
import yaml
from made_up_models import langevin, ou, scanned

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.models.memory import TooLarge
from langevin_sgd.study import estimate
from langevin_sgd.study.probe import Probed

SCAN = {"sgd.learning_rate": [0.1, 0.2, 0.3], "models.m.steps": [100, 200]}
Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture(autouse=True)
def _known_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds a model, without running pieces of it: test_probe.py asks how it is found."""
    monkeypatch.setattr(estimate, "probed", lambda *_: Probed(3.0))


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(10**9, 0, 10**7))


def test_points_and_launches_are_counted_and_sizes_are_those_of_the_kind() -> None:
    table = lsgd.plan({**ou(steps=100), "scan": SCAN})
    row = table.to_dataframe().loc["m"]
    assert (row["kind"], row["points"], row["launches"], row["note"]) == ("ornstein_uhlenbeck", 6, 2, "")
    assert 0 < row["disk"] < row["memory"] == table.attrs["memory"]
    assert table.attrs["disk"] == row["disk"]
    assert table.attrs["memory_free"] > 0
    alone = lsgd.plan(ou(steps=100)).sel(model="m")
    assert (alone["points"], alone["launches"]) == (1, 1)


@pytest.mark.parametrize(
    "given", [ou(steps=1000, replicas=2000), scanned(langevin(replicas=200), "models.m.temperature", 8)]
)
def test_the_size_on_disk_is_that_of_the_files_within_a_factor_of_two(given, tmp_path: Path) -> None:
    expected = lsgd.plan(given).attrs["disk"]
    lsgd.simulate(given, output=tmp_path / "run")
    written = sum(file.stat().st_size for file in (tmp_path / "run" / "data.zarr" / "m").rglob("*"))
    assert 0.5 < expected / written < 2.0


@pytest.mark.usefixtures("small_disk")
def test_what_the_disk_has_no_room_for_is_refused_in_one_line_before_anything_is_written(tmp_path: Path) -> None:
    given = ou(replicas=20_000)
    for act in (lsgd.plan, lsgd.simulate):
        with pytest.raises(TooLarge) as caught:
            act(given, output=tmp_path / "new" / "run")
        line = str(caught.value)
        assert line.startswith("<config>: models.m.replicas: m needs about ")
        assert " of disk, " in line
        assert f"are free on the disk of {tmp_path}; give at most " in line
        assert "\n" not in line
    assert not list(tmp_path.iterdir())
    lsgd.plan(given)  # nothing of it is written without an output
    with pytest.raises(TooLarge, match="of disk"):
        lsgd.plan(scanned(given, "sgd.learning_rate", 3))  # a scan lies in a temporary folder


def test_what_a_run_takes_already_is_room_for_it(tmp_path: Path) -> None:
    stored = tmp_path / "run" / "data.zarr" / "m"
    stored.mkdir(parents=True)
    (stored / "c").write_bytes(bytes(10**6))
    assert estimate._size(tmp_path / "run") == 10**6


def test_a_dry_run_prints_a_table_and_writes_nothing(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(yaml.safe_dump({**ou(steps=100), "scan": SCAN}), encoding="utf-8")
    assert cli.main(["simulate", "study.yaml", "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == ["model", "m", "in", "free"]
    assert shown.out.splitlines()[1].split()[:6] == ["m", "ornstein_uhlenbeck", "6", "2", "3", "s"]
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]
    assert cli.main(["simulate", "study.yaml", "--dry-run", "--set", "models.m.replicas=1000000000"]) == 2
    assert capsys.readouterr().err.startswith("--set models.m.replicas=1000000000: m needs about ")
