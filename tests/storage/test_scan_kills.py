"""A process that fills a group and is killed at any instant: nothing half-written counts, and the end is the same."""

from __future__ import annotations

import json
import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from made_up_blocks import Scan

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")

SHAPE = (20, 4)


def scan_in(folder: Path) -> Scan:
    return Scan(folder, SHAPE, block=(2, 2))


def in_a_child(folder: Path, *, killed_after: float | None = None) -> int:
    """Fill and finalize a group in a process that is killed after so many seconds; its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork() beside threads: zarr makes its own anew
        process = os.fork()
    if not process:
        code = 99
        try:
            scan_in(folder).fill_by_rows().finalize({"status": "done"})
            code = 0
        finally:
            os._exit(code)
    if killed_after is not None:
        time.sleep(killed_after)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def no_half_is_read_as_done(scan: Scan) -> None:
    there = (scan.store / "m").exists()
    listed = there and "m" in json.loads((scan.store / "zarr.json").read_text())["attributes"]["contents"]
    for read in [scan.read] * there + [scan.plain] * listed:
        stored = read()
        done = stored["status"].values == 1
        row, column = np.mgrid[: SHAPE[0], : SHAPE[1]][..., np.newaxis]
        sample = np.arange(stored.sizes.get("sample", 0))
        own = sample < np.where(row > 4, 4, 3)
        expected = {
            "mean": 10 * row[..., 0] + column[..., 0],
            "position": np.where(own, 10 * row + column + sample / 8, np.nan),
            "step": np.where(own, sample * np.where(row > 7, 4, 5), -1),
            "hessian": column[..., np.newaxis] + np.eye(2),
        }
        for name, values in expected.items() if done.any() else ():
            found = np.broadcast_to(stored[name].values, values.shape)
            np.testing.assert_array_equal(found[done], values[done])


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.validate)])
def test_a_group_whose_writer_is_killed_goes_on_to_the_same_bytes(tmp_path, kills):
    began = time.monotonic()
    assert in_a_child(tmp_path / "whole") == 0
    seconds = time.monotonic() - began
    expected = scan_in(tmp_path / "whole").files()
    random = np.random.default_rng(kills)
    killed, scans = 0, 0
    while killed < kills:
        scan = scan_in(tmp_path / f"killed{scans}")
        scans += 1
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            code = in_a_child(
                scan.store.parent, killed_after=random.uniform(0, seconds / 8) if killed < kills else None
            )
            killed += code == -signal.SIGKILL
            no_half_is_read_as_done(scan)
        assert code == 0
        found = scan.files()
        assert {path for path in found | expected if found.get(path) != expected.get(path)} == set()
