"""A scan that was stopped half way: what is there is said wherever it is read, and damage is no data."""

from __future__ import annotations

import pytest

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.progress import NullProgress

STUDY = {
    "name": "study",
    "seed": 1,
    "sgd": {"learning_rate": 0.1, "batch_size": 4},
    "models": {
        "anharmonic": {
            "kind": "langevin",
            "potential": {
                "kind": "expression",
                "energy": "x**2/2 + c*x**4",
                "variables": ["x"],
                "parameters": {"c": 0.1},
            },
            "temperature": 0.2,
            "start": [0.0],
            "steps": 20,
            "replicas": 16,
            "record_times": 4,
        }
    },
    # of the rates, which are of one launch, the last diverges; each momentum is a launch of its own
    "scan": {"sgd.momentum": [0.0, 0.2, 0.4], "sgd.learning_rate": [0.05, 50.0]},
}


class _CtrlC(NullProgress):
    """Ctrl-C once so many points are done or have failed."""

    def __init__(self, points: int) -> None:
        self.points, self.there = points, 0.0

    def update(self, done: float, total: float) -> None:
        self.there = done

    def beside(self, text: str) -> None:
        if self.there >= self.points and "point" in text:
            raise KeyboardInterrupt


@pytest.fixture
def half(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(STUDY, output=tmp_path / "run", progress=_CtrlC(2))
    return tmp_path / "run"


def test_how_much_is_there_is_said_by_check_and_report(half, capsys):
    there = lsgd.open_run(half)["anharmonic"].status.values
    done, failed, pending = [(there == state).sum() for state in (1, 2, 0)]
    assert pending
    assert done
    said = f"{done} of 6 points done, {failed} failed"
    assert cli.main(["check", str(half)]) in (0, 1)
    text = " ".join("".join(capsys.readouterr()).split())
    assert said in text
    assert f"{pending} pending" in text
    assert cli.main(["report", str(half)]) == 0
    html = " ".join((half / "report.html").read_text(encoding="utf-8").split())
    assert said in html
    assert f"{pending} pending" in html


@pytest.mark.parametrize("command", ["check", "report", "plot", "export"])
def test_a_damaged_chunk_is_named_by_every_command_in_one_line(half, capsys, command, tmp_path):
    chunk = next(file for file in (half / "data.zarr/anharmonic/energy/c").rglob("*") if file.is_file())
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert cli.main([command, str(half), *([str(tmp_path / "a.nc")] if command == "export" else [])]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert chunk.relative_to(half / "data.zarr/anharmonic").as_posix() in line
    assert "--resume" in line
