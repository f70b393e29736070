"""What the arrays of a scan's group look like: what stands once, what is padded, what only some keys change."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from made_up_blocks import DIMS, Scan

from langevin_sgd.storage.zarr_groups import StoreError

LEFT, RIGHT = ((0, 0), (4, 1)), ((0, 1), (4, 2))


@pytest.fixture
def scan(tmp_path) -> Scan:
    return Scan(tmp_path, (4, 2), block=(4, 1))


def test_what_is_the_same_everywhere_stands_once(scan):
    stored = scan.written(((0, 0), scan.block(*LEFT)), ((0, 1), scan.block(*RIGHT)))
    assert stored["step"].dims == ("sample",)
    assert stored["step"].values.tolist() == [0, 5, 10]
    assert stored["replicas"].dims == ()
    assert stored["time"].dims == (*DIMS, "sample")
    assert set(stored.coords) == {*DIMS, "step", "time"}


def test_what_differs_in_a_later_block_is_each_points_own(scan):
    other = scan.block(*RIGHT, every=7).assign(replicas=32)
    stored = scan.written(((0, 0), scan.block(*LEFT)), ((0, 1), other))
    assert stored["step"].dims == (*DIMS, "sample")
    assert stored["step"].values[3].tolist() == [[0, 5, 10], [0, 7, 14]]
    assert stored["replicas"].values.tolist() == [[16, 32]] * 4


def test_texts_that_differ_in_a_later_block_are_each_points_own(scan):
    blocks = scan.block(*LEFT).assign_coords(note="one"), scan.block(*RIGHT).assign_coords(note="another")
    stored = scan.written(((0, 0), blocks[0]), ((0, 1), blocks[1]))
    assert stored["note"].values.tolist() == [["one", "another"]] * 4


def test_measured_values_along_a_dimension_of_their_name_may_differ(scan):
    blocks = (
        block.assign_coords(sample=np.arange(3) * rate)
        for block, rate in ((scan.block(*LEFT), 0.5), (scan.block(*RIGHT), 0.1))
    )
    stored = scan.written(((0, 0), next(blocks)), ((0, 1), next(blocks)))
    assert stored["sample"].values[2].tolist() == [[0, 0.5, 1], [0, 0.1, 0.2]]


def test_the_order_of_blocks_leaves_no_trace(scan, tmp_path):
    blocks = [((0, 0), scan.block(*LEFT)), ((0, 1), scan.block(*RIGHT, every=7))]
    other = Scan(tmp_path / "other", (4, 2), block=(4, 1))
    xr.testing.assert_identical(scan.written(*blocks), other.written(*blocks[::-1]))
    for each in (scan, other):
        each.open().finalize({"status": "done"})
    assert scan.files() == other.files()


def test_points_of_other_lengths_are_padded_and_counted(scan):
    stored = scan.written(((0, 0), scan.block(*LEFT)), ((0, 1), scan.block(*RIGHT, samples=5, failed=[(2, 0)])))
    assert stored["sample_count"].values.tolist() == [[3, 5], [3, 5], [3, 0], [3, 5]]
    assert np.isnan(stored["position"].values[:, 0, 3:]).all()
    assert stored["position"].values[1, 1].tolist() == [11 + k / 8 for k in range(5)]
    assert stored["step"].values[0].tolist() == [[0, 5, 10, -1, -1], [0, 5, 10, 15, 20]]
    assert (stored["step"].values[2, 1] == -1).all()


def test_shorter_points_are_padded_and_counted_too(scan):
    stored = scan.written(((0, 0), scan.block(*LEFT)), ((0, 1), scan.block(*RIGHT, samples=2)))
    assert stored["sample_count"].values.tolist() == [[3, 2]] * 4
    assert stored["position"].values[1, 1, :2].tolist() == [11, 11.125]
    assert np.isnan(stored["position"].values[:, 1, 2]).all()


def test_a_block_may_count_its_own_points(scan):
    counted = scan.block(*LEFT).assign(sample_count=(DIMS, [[3], [2], [3], [3]]))
    stored = scan.written(((0, 0), counted), ((0, 1), scan.block(*RIGHT)))
    assert stored["sample_count"].values.tolist() == [[3, 3], [2, 3], [3, 3], [3, 3]]


def test_a_count_that_is_the_same_everywhere_is_not_stored(scan):
    counted = scan.block(*LEFT).assign(sample_count=(DIMS, [[3]] * 4))
    assert "sample_count" not in scan.written(((0, 0), counted))


def with_laws(block: xr.Dataset, *laws: str) -> xr.Dataset:
    values = np.stack([np.full(block["mean"].shape, float(ord(law))) for law in laws], axis=-1)
    notes = np.full(values.shape, "said")
    return block.assign(variance_law=((*DIMS, "law"), values), law_note=((*DIMS, "law"), notes)).assign_coords(
        law=[*laws]
    )


def test_a_point_lacks_the_law_that_says_nothing_of_it(scan):
    blocks = with_laws(scan.block(*LEFT), "b", "a"), with_laws(scan.block(*RIGHT), "c", "b")
    stored = scan.written(((0, 0), blocks[0]), ((0, 1), blocks[1]))
    assert stored["law"].values.tolist() == ["b", "a", "c"]
    np.testing.assert_array_equal(stored["variance_law"].values[0], [[98, 97, np.nan], [98, np.nan, 99]])
    assert stored["law_note"].values[0].tolist() == [["said", "said", ""], ["said", "", "said"]]
    assert "law_count" not in stored


def test_points_without_any_law_have_none(scan):
    silent = scan.block(*LEFT).assign(variance_law=((*DIMS, "law"), np.empty((4, 1, 0)))).assign_coords(law=np.empty(0))
    stored = scan.written(((0, 0), silent), ((0, 1), with_laws(scan.block(*RIGHT), "a")))
    np.testing.assert_array_equal(stored["variance_law"].values[0], [[np.nan], [97]])
    assert stored["law"].values.tolist() == ["a"]


def test_a_dimension_whose_values_differ_is_refused(scan):
    group = scan.open()
    group.write(*LEFT, scan.block(*LEFT).assign_coords(sample=[0, 1, 2]))
    with pytest.raises(StoreError, match="sample cannot be stored for all points of a scan: its values are others"):
        group.write(*RIGHT, scan.block(*RIGHT).assign_coords(sample=[0, 2, 4]))


def test_what_changes_its_type_or_dimensions_is_refused(scan):
    scan.written(((0, 0), scan.block(*LEFT)))
    with pytest.raises(StoreError, match=r"replicas cannot be stored .* its type is int64 at some points and float64"):
        scan.open().write(*RIGHT, scan.block(*RIGHT).assign(replicas=1.5))
    with pytest.raises(StoreError, match=r"position cannot be stored .* it has the dimensions"):
        scan.open().write(*RIGHT, scan.block(*RIGHT).assign(position=(DIMS, np.zeros((4, 1)))))


def test_what_one_key_changes_is_stored_along_it_alone(scan):
    stored = scan.written(((0, 0), scan.block(*LEFT)), ((0, 1), scan.block(*RIGHT)))
    assert stored["hessian"].dims == ("batch_size", "i", "j")
    assert stored["hessian"].values.tolist() == [[[1, 0], [0, 1]], [[2, 1], [1, 2]]]


def test_what_is_in_common_is_of_a_point_that_is_done(tmp_path):
    scan = Scan(tmp_path, (4, 2), block=(2, 2))
    first = scan.block((0, 0), (2, 2), failed=[(0, 0), (0, 1), (1, 1)])
    first["hessian"].values[first["status"].values == 2] = np.inf
    stored = scan.written(((0, 0), first))
    assert stored["hessian"].values[0].tolist() == [[1, 0], [0, 1]]
    assert np.isnan(stored["hessian"].values[1]).all()
    chunk = scan.store / "m/hessian/c/0/0/0"
    scan.open().write((2, 0), (4, 2), scan.block((2, 0), (4, 2)))
    assert scan.read()["hessian"].values[1].tolist() == [[2, 1], [1, 2]]
    before = chunk.stat().st_mtime_ns
    scan.open().write((0, 0), (2, 2), first)
    assert chunk.stat().st_mtime_ns == before


def test_failed_points_alone_have_no_variables_until_one_is_done(scan):
    failed = scan.block(*LEFT, failed=[(row, 0) for row in range(4)])[["status", "error"]]
    stored = scan.written(((0, 0), failed))
    assert set(stored.data_vars) == {"status", "error"}
    stored = scan.written(((0, 1), scan.block(*RIGHT)))
    assert stored["mean"].values[:, 1].tolist() == [1, 11, 21, 31]
    assert np.isnan(stored["mean"].values[:, 0]).all()


def test_a_block_that_is_no_block_of_the_grid_is_refused(scan):
    group = scan.open()
    with pytest.raises(ValueError, match="has sizes"):
        group.write((0, 0), (2, 1), scan.block(*LEFT))
    pending = scan.block(*LEFT)
    pending["status"].values[0] = 0
    with pytest.raises(ValueError, match="status is neither"):
        group.write(*LEFT, pending)


def test_a_point_that_is_larger_than_a_chunk_may_be_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("langevin_sgd.storage.scan_arrays.LARGEST_CHUNK", 2**10)
    scan = Scan(tmp_path, (4, 2), block=(4, 1))
    stored = scan.written(((0, 0), scan.block(*LEFT, samples=100)))
    chunks = sorted(file.relative_to(scan.store).as_posix() for file in (scan.store / "m/position/c").rglob("*/*/*"))
    assert chunks == [f"m/position/c/0/0/{k}" for k in range(4)]
    assert stored["position"].values[3, 0].tolist() == [30 + k / 8 for k in range(100)]
