"""What is shown of a scan: its points, whichever process runs them, and beside them what is done here."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from made_up_scans import ANHARMONIC

import langevin_sgd as lsgd
from langevin_sgd import progress
from langevin_sgd.progress import NullProgress
from langevin_sgd.study.plan import Task
from langevin_sgd.study.scan_progress import ScanProgress

STUDY = {
    "name": "study",
    "seed": 1,
    "sgd": {"learning_rate": 0.1, "batch_size": 4},
    "models": {"anharmonic": ANHARMONIC},
    "scan": {"sgd.learning_rate": [0.05, 50.0], "sgd.momentum": [0.0, 0.2, 0.4]},
}


class Heard(NullProgress):
    """What the display of a run was told."""

    def __init__(self) -> None:
        self.begun, self.updates, self.said = [], [], []

    def begin(self, task: str, unit: str = "steps") -> None:
        self.begun.append((task, unit))

    def update(self, done: float, total: float) -> None:
        self.updates.append((done, total))

    def beside(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_points_are_counted_wherever_they_run_and_what_failed_is_said(elsewhere):
    heard = Heard()
    with ThreadPoolExecutor(2) as executor:
        lsgd.simulate(STUDY, progress=heard, executor=executor if elsewhere else None)
    assert heard.begun[-1] == ("anharmonic", "points")
    assert heard.updates == [(0, 6), (2, 6), (4, 6), (6, 6)]
    assert heard.said[-1] == "3 failed"
    here = [text for text in heard.said if "points 3 to 4" in text]
    assert bool(here) is not elsewhere
    assert all(text.startswith("1 failed; points 3 to 4") for text in here)


def test_points_that_were_there_before_are_counted(tmp_path):
    lsgd.simulate({**STUDY, "scan": {"sgd.momentum": [0.0, 0.2]}}, output=tmp_path / "run")
    heard = Heard()
    longer = {**STUDY, "scan": {"sgd.momentum": [0.0, 0.2, 0.4]}}
    lsgd.simulate(longer, output=tmp_path / "run", resume=True, progress=heard)
    assert heard.updates[:2] == [(2, 3), (3, 3)]


def test_what_is_under_way_stands_beside_the_points():
    heard = Heard()
    shown = ScanProgress(heard, "network", 12, done=3, failed=1)
    task = shown.task(Task("network", (0, 4), (1, 6)))
    task.begin("network: Hessian", "columns")
    task.update(10, 20)
    assert heard.said[-1] == "1 failed; points 5 to 6: Hessian: 10/20 columns, time left unknown"
    assert heard.begun == [("network", "points")]


def test_a_log_has_plain_lines_seconds_apart(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    stream = io.StringIO()
    lsgd.simulate(STUDY, progress=progress.LineProgress(stream))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "anharmonic: 0/6 points, time left unknown"
    assert lines[-1].startswith("anharmonic: 6/6 points, ")
    assert lines[-1].endswith("; 3 failed")
    assert all(text.isprintable() for text in lines)


def test_quiet_is_quiet(capsys):
    lsgd.simulate(STUDY, progress=progress.choose(quiet=True))
    assert capsys.readouterr() == ("", "")
