"""A finished scan that is given more values: what is there stays, bits and files."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from made_up_blocks import Scan

from langevin_sgd.storage.scan_group import ScanGroup
from langevin_sgd.storage.zarr_groups import StoreError, write_group


def finished(folder, shape, block) -> Scan:
    scan = Scan(folder, shape, block=block)
    scan.fill().finalize({"status": "done"})
    return scan


def chunks(scan: Scan) -> dict[str, tuple[bytes, int]]:
    found = (file for file in (scan.store / "m").rglob("*") if file.is_file() and file.name != "zarr.json")
    return {str(file.relative_to(scan.store)): (file.read_bytes(), file.stat().st_mtime_ns) for file in found}


@pytest.mark.parametrize("block", [(1, 2), (4, 1), (8, 2)])
def test_more_values_leave_the_chunks_that_are_there_untouched(tmp_path, block):
    before = chunks(finished(tmp_path, (8, 2), block))
    longer = Scan(tmp_path, (12, 2), block=block)
    group = longer.open()
    assert group.counts() == {"pending": 8, "done": 16, "failed": 0}
    assert longer.read().attrs["status"] == "unfinished"
    longer.fill().finalize({"status": "done"})
    after = chunks(longer)
    assert {path: after[path] for path in before} == before
    xr.testing.assert_identical(longer.read(), Scan(tmp_path / "at_once", (12, 2)).filled().assign_attrs(status="done"))


def test_both_axes_grow_and_an_interrupted_extension_goes_on(tmp_path):
    before = chunks(finished(tmp_path, (2, 2), (2, 2)))
    longer = Scan(tmp_path, (4, 4), block=(2, 2))
    longer.open().write((0, 2), (2, 4), longer.block((0, 2), (2, 4)))
    again = longer.open()
    assert again.done((0, 0), (2, 4))
    assert not again.done((2, 0), (4, 2))
    longer.fill().finalize({})
    assert {path: chunks(longer)[path] for path in before} == before
    assert longer.read()["mean"].values.tolist() == [[10 * i + j for j in range(4)] for i in range(4)]


def test_a_last_chunk_that_was_not_full_is_completed(tmp_path):
    before = chunks(finished(tmp_path, (5, 2), (2, 2)))
    longer = Scan(tmp_path, (7, 2), block=(2, 2))
    group = longer.open()
    group.write((5, 0), (6, 2), longer.block((5, 0), (6, 2)))
    group.write((6, 0), (7, 2), longer.block((6, 0), (7, 2)))
    group.finalize({})
    after = chunks(longer)
    assert {path for path in before if after[path] != before[path]} == {
        f"m/{name}/c/2/0{inner}" for name, inner in (("mean", ""), ("position", "/0"), ("status", ""), ("time", "/0"))
    }
    xr.testing.assert_equal(longer.read(), Scan(tmp_path / "at_once", (7, 2)).filled())


def test_a_finished_scan_that_is_opened_again_stays_as_it_is(tmp_path):
    scan = finished(tmp_path, (4, 2), (2, 2))
    before = scan.files()
    assert scan.open().counts() == {"pending": 0, "done": 8, "failed": 0}
    assert scan.files() == before


def test_marks_that_were_left_when_a_scan_was_finished_count_no_more(tmp_path):
    scan = Scan(tmp_path, (4, 2))
    group = scan.fill()
    marks = {file.name: file.read_bytes() for file in scan.marks.iterdir()}
    group.finalize({"status": "done"})
    for name, content in marks.items():
        (scan.marks / name).write_bytes(content)
    assert scan.open().counts()["done"] == 8
    assert not list(scan.marks.iterdir())


def opened(scan: Scan, **axes: list[float]) -> ScanGroup:
    made = {name: xr.Variable(name, np.asarray(values)) for name, values in axes.items()}
    shape = tuple(axis.size for axis in made.values())
    return ScanGroup.open(
        scan.store,
        "m",
        marks=scan.marks,
        axes=made,
        shape=shape,
        block=shape,
        common={},
        attrs={},
        scratch=scan.scratch,
    )


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (
            {"learning_rate": [0.0, 2.0, 3.0], "batch_size": [0.0, 1.0]},
            "over learning_rate [0, 1], with which [0, 2, 3]",
        ),
        (
            {"learning_rate": [0.0], "batch_size": [0.0, 1.0]},
            "over learning_rate [0, 1], with which [0] does not begin",
        ),
        ({"learning_rate": [0.0, 1.0]}, "over learning_rate, batch_size, not learning_rate;"),
        ({"batch_size": [0.0, 1.0], "learning_rate": [0.0, 1.0]}, "not batch_size, learning_rate;"),
        ({"learning_rate": [0.0, 1.0, 2j], "batch_size": [0.0, 1.0]}, "of another type than"),
    ],
)
def test_another_grid_is_refused_and_nothing_changed(tmp_path, axes, said):
    scan = finished(tmp_path, (2, 2), (2, 2))
    before = scan.files()
    with pytest.raises(StoreError) as error:
        opened(scan, **axes)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert scan.files() == before


def test_a_scan_that_was_stored_as_a_whole_is_gone_on_with(tmp_path):
    scan = finished(tmp_path, (4, 2), (2, 2))
    write_group(scan.store, "m", scan.read(), scratch=scan.scratch)
    (scan.scratch / "m.replaced").rename(tmp_path / "replaced")
    longer = Scan(tmp_path, (6, 2), block=(2, 2))
    assert longer.open().counts() == {"pending": 4, "done": 8, "failed": 0}
    longer.fill().finalize({"status": "done"})
    xr.testing.assert_identical(longer.read(), Scan(tmp_path / "at_once", (6, 2)).filled().assign_attrs(status="done"))


def test_a_part_of_a_scan_that_was_stored_as_a_whole_is_gone_on_with(tmp_path):
    scan = Scan(tmp_path, (4, 2))
    scan.open().write((0, 0), (1, 2), scan.block((0, 0), (1, 2), failed=[(0, 1)]))
    before = scan.read()
    write_group(scan.store, "m", before, scratch=scan.scratch)
    (scan.scratch / "m.replaced").rename(tmp_path / "replaced")
    assert scan.open().counts() == {"pending": 6, "done": 1, "failed": 1}
    xr.testing.assert_equal(scan.read(), before)


def test_a_model_that_failed_and_left_nothing_is_begun(tmp_path):
    scan = Scan(tmp_path, (4, 2))
    write_group(scan.store, "m", xr.Dataset(attrs={"status": "failed"}), scratch=scan.scratch)
    assert scan.open().counts() == {"pending": 8, "done": 0, "failed": 0}


def test_a_group_of_other_dimensions_is_refused(tmp_path):
    scan = Scan(tmp_path, (4, 2))
    write_group(scan.store, "m", xr.Dataset({"mean": ("sample", [1.0])}), scratch=scan.scratch)
    with pytest.raises(StoreError, match="holds no scan over learning_rate, batch_size"):
        scan.open()
