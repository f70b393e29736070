"""docs/scans.md: its snippets are run, and all of its ways to run a scan give the same numbers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from langevin_sgd import cli

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scans.md").read_text(encoding="utf-8")
SCRIPT, *SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def names() -> dict:
    """What the script defines when it is imported."""
    found: dict = {"__name__": "page"}
    exec(compile(SCRIPT, "scans.md", "exec"), found)
    return found


@pytest.fixture
def expected(names: dict) -> np.ndarray:
    return names["lsgd"].simulate(names["STUDY"])["mode"].mode_variance.values


@pytest.mark.validate
def test_the_script_runs(tmp_path, expected: np.ndarray) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert float(said.stdout) == expected[1, 1].item()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize(
    "snippet",
    [
        pytest.param(SNIPPETS[0], id="executor", marks=pytest.mark.validate),
        pytest.param(SNIPPETS[1], id="cluster", marks=pytest.mark.validate),
        pytest.param(SNIPPETS[2], id="shards"),
    ],
)
def test_snippets_give_the_numbers_of_one_process(names, expected, tmp_path, monkeypatch, capsys, snippet) -> None:
    if "distributed" in snippet:
        pytest.importorskip("distributed")
    monkeypatch.setattr("langevin_sgd.simulation._report", lambda run, progress: None)
    names["folder"] = tmp_path / "run"
    exec(compile(snippet, "scans.md", "exec"), names)
    found = names["modes"] if "modes" in names else names["tree"]["mode"]
    assert np.array_equal(found.mode_variance.values, expected)
    if "shard" in snippet:
        first, last = capsys.readouterr().out.splitlines()
        assert first.startswith("shard 1/2 is done; not run yet: mode: ")
        assert last == "finished"


def test_options_named_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "--help"]) == 0
    help_text = capsys.readouterr().out
    for line in re.findall(r"langevin-sgd simulate (.*)", PAGE):
        for option in re.findall(r"--[a-z]+", line):
            assert option in help_text, option
