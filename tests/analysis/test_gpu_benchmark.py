"""The one command for a GPU: its page, what it says without a device, and every step of it in the simulator."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from langevin_sgd import devices

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "analysis" / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def script() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


def test_the_page_is_that_of_a_gpu_or_says_that_none_has_run_it(script):
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    assert page == script.page(None) or "Measured on a GPU. date: " in page
    assert "No GPU has run this yet" in script.page(None)


def test_a_page_holds_medians_differences_and_what_was_published(script):
    right = [("Philox words", "0", "bit for bit")]
    sizes = script.Sizes(10, 2, 4, 3)
    found = script.Found({"device": "H"}, False, right, sizes, {"ours": [1e9, 3e9, 9e9]})
    page = script.page(found)
    for line in ("| Philox words | 0 | bit for bit |", "| ours | 3e+09 | 1e+09 | 9e+09 |", "| 9e+09 | | |"):
        assert line in page
    assert "| jax, scan | not installed | | |" in page
    assert "**Not a GPU**" not in page
    assert "**Not a GPU**" in script.page(script.Found({}, True, right, sizes, {}))


@pytest.mark.parametrize("device", ["cuda", "cuda:3", "cpu"])
def test_without_a_gpu_it_says_one_line_and_ends_with_2(script, device, monkeypatch, capsys, tmp_path):
    for library in devices.FOUND:
        monkeypatch.setitem(devices.FOUND, library, lambda: 0)
    assert script.main(["--device", device, "--output", str(tmp_path / "page.md")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert device in told
    assert not (tmp_path / "page.md").exists()


def test_what_differs_ends_with_1_and_writes_no_page(script, monkeypatch, capsys, tmp_path):
    def wrong(device: str, simulated: bool) -> None:
        raise AssertionError("Philox words differ")

    for library in devices.FOUND:
        monkeypatch.setitem(devices.FOUND, library, lambda: 1)
    monkeypatch.setitem(script.main.__globals__, "kernels", wrong)
    assert script.main(["--device", "cuda", "--output", str(tmp_path / "page.md")]) == 1
    assert capsys.readouterr().err == "not what the CPU computes: Philox words differ\n"
    assert not (tmp_path / "page.md").exists()


@pytest.mark.validate
def test_every_step_of_it_runs_in_the_simulator(tmp_path):
    target = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--device", "simulator", "--output", target],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = target.read_text(encoding="utf-8")
    for part in ("**Not a GPU**", "Langevin twin", "every replica's weights", "torch, eager", "GPUEM"):
        assert part in page
