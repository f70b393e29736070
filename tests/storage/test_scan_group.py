"""A group that a scan fills: what it holds at every stage, and what it holds when it is gone on with."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from made_up_blocks import DIMS, Scan

from langevin_sgd.storage.zarr_groups import StoreError


def test_a_new_group_has_its_axes_and_only_pending_points(tmp_path):
    scan = Scan(tmp_path, (3, 2))
    group = scan.open()
    assert group.counts() == {"pending": 6, "done": 0, "failed": 0}
    stored = scan.read()
    assert stored["learning_rate"].values.tolist() == [0.0, 1.0, 2.0]
    assert stored["status"].dims == DIMS
    assert (stored["status"] == 0).all()
    assert (stored["error"] == "").all()
    assert set(stored.data_vars) == {"status", "error"}


def test_a_block_is_there_once_it_is_written_and_the_rest_is_nan(tmp_path):
    scan = Scan(tmp_path, (3, 2), block=(2, 1))
    group = scan.open()
    group.write((0, 1), (2, 2), scan.block((0, 1), (2, 2)))
    assert group.done((0, 1), (2, 2))
    assert not group.done((0, 0), (2, 2))
    for stored in (scan.read(), scan.plain()):
        assert stored["status"].values.tolist() == [[0, 1], [0, 1], [0, 0]]
        assert stored["mean"].values[:, 1].tolist()[:2] == [1.0, 11.0]
        assert np.isnan(stored["mean"].values[stored["status"].values == 0]).all()
        assert stored["position"].dims == (*DIMS, "sample")


def test_a_failed_point_has_its_error_and_no_values(tmp_path):
    scan = Scan(tmp_path, (2, 2))
    group = scan.open()
    group.write((0, 0), (2, 2), scan.block((0, 0), (2, 2), failed=[(1, 0)]))
    stored = scan.read()
    assert stored["status"].values.tolist() == [[1, 1], [2, 1]]
    assert stored["error"].values.tolist() == [["", ""], ["diverged", ""]]
    assert np.isnan(stored["mean"].values[1, 0])
    assert np.isfinite(stored["mean"].values).sum() == 3
    assert group.counts() == {"pending": 0, "done": 3, "failed": 1}


def test_a_finished_group_has_an_index_and_no_marks(tmp_path):
    scan = Scan(tmp_path, (4, 2))
    group = scan.fill()
    group.finalize({"status": "done"})
    assert not list(scan.marks.iterdir())
    stored = scan.read()
    assert stored.attrs["status"] == "done"
    chunk = scan.store / "m/mean/c/0/0"
    chunk.write_bytes(bytes(len(chunk.read_bytes())))
    with pytest.raises(StoreError, match=r"m: is damaged \(its mean: the file mean/c/0/0 was altered"):
        scan.read()


def test_what_was_written_is_there_when_the_group_is_gone_on_with(tmp_path):
    scan = Scan(tmp_path, (4, 2))
    scan.open().write((0, 0), (2, 2), scan.block((0, 0), (2, 2)))
    group = scan.open()
    assert group.done((0, 0), (2, 2))
    assert not group.done((2, 0), (4, 2))
    group.write((2, 0), (4, 2), scan.block((2, 0), (4, 2)))
    xr.testing.assert_identical(scan.read(), Scan(tmp_path / "at_once", (4, 2)).filled())
