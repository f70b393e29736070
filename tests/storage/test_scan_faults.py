"""A scan's group on a disk that is full or damaged: one line, a store that opens, and nothing lost that was there."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import xarray as xr
from made_up_blocks import Scan

from langevin_sgd.storage.zarr_groups import StoreError


class FullDisk:
    """Takes so many files, and none after them."""

    def __init__(self, files: int) -> None:
        self.left, self.taken, self._replace = files, 0, os.replace

    def __call__(self, partial, file) -> None:
        if self.left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        self.left -= 1
        self.taken += 1
        self._replace(partial, file)


@pytest.mark.parametrize("files", range(1, 18, 2))
def test_a_full_disk_is_one_line_and_the_store_opens(tmp_path, monkeypatch, files):
    scan = Scan(tmp_path, (4, 2))
    group = scan.open()
    group.write((0, 0), (2, 2), scan.block((0, 0), (2, 2)))
    second = scan.block((2, 0), (4, 2), every=7, samples=4)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", FullDisk(files))
        with pytest.raises(StoreError, match="No space left on device; free some space") as error:
            group.write((2, 0), (4, 2), second)
        assert "\n" not in str(error.value)
    for stored in (scan.read(), scan.plain()):
        assert stored["status"].values[:2].tolist() == [[1, 1], [1, 1]]
        assert stored["mean"].values[:2].tolist() == [[0, 1], [10, 11]]
    with pytest.raises(StoreError, match="was not written whole before"):
        group.write((2, 0), (4, 2), second)
    group = scan.open()
    assert group.done((0, 0), (2, 2))
    assert not group.done((2, 0), (4, 2))
    group.write((2, 0), (4, 2), second)
    other = Scan(tmp_path / "other", (4, 2))
    expected = other.written(((0, 0), scan.block((0, 0), (2, 2))), ((2, 0), second))
    xr.testing.assert_identical(scan.read(), expected)


def test_the_full_disks_above_reach_to_the_last_file(tmp_path, monkeypatch):
    scan = Scan(tmp_path, (4, 2))
    group = scan.open()
    group.write((0, 0), (2, 2), scan.block((0, 0), (2, 2)))
    counting = FullDisk(10**6)
    monkeypatch.setattr(os, "replace", counting)
    group.write((2, 0), (4, 2), scan.block((2, 0), (4, 2), every=7, samples=4))
    assert counting.taken == 18


DAMAGE = {
    "a chunk that was altered": ("data.zarr/m/mean/c/0/0", b"altered", "its mean: the file mean/c/0/0 was altered"),
    "a chunk that is lost": ("data.zarr/m/mean/c/0/0", None, "its mean: the file mean/c/0/0 is missing"),
    "a chunk that was cut": ("data.zarr/m/mean/c/0/0", b"", "its mean: the file mean/c/0/0 was altered"),
    "a mark of a file that is not there": (
        "marks/00000001.json",
        b'{"start": [], "stop": [], "files": {"mean/c/7/7": [3, 1]}}',
        "its mean: the file mean/c/7/7 is missing",
    ),
    "a mark that was altered": ("marks/00000001.json", b"{", "00000001.json is none"),
    "a mark that is lost": ("marks/00000001.json", None, "00000001.json is missing"),
    "the metadata, lost": ("data.zarr/m/zarr.json", None, "m: is damaged ("),
    "the metadata": ("data.zarr/m/zarr.json", b"{}", "m: is damaged (zarr.json holds no metadata"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_to_an_unfinished_scan_is_named_when_it_is_read_or_gone_on_with(tmp_path, case):
    scan = Scan(tmp_path, (4, 2))
    group = scan.open()
    group.write((0, 0), (2, 2), scan.block((0, 0), (2, 2)))
    group.write((2, 0), (4, 2), scan.block((2, 0), (4, 2)))
    path, content, said = DAMAGE[case]
    file = tmp_path / path
    file.unlink() if content is None else file.write_bytes(content)
    for attempt in (scan.open, scan.read):
        with pytest.raises(StoreError, match="is damaged") as error:
            attempt()
        assert said in str(error.value)
        assert "resume=True" in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(StoreError, match="is damaged"):  # sizes are looked at in any case
        scan.read(load=False)


@pytest.fixture
def half(tmp_path):
    """A scan of which half is there."""
    scan = Scan(tmp_path, (4, 2))
    group = scan.open()
    group.write((0, 0), (2, 2), scan.block((0, 0), (2, 2)))
    group.write((2, 0), (4, 2), scan.block((2, 0), (4, 2)))
    return scan


def test_a_flipped_bit_is_seen_wherever_values_are_read(half):
    for file in sorted(file for file in (half.store / "m").rglob("*") if file.is_file() and file.name != "zarr.json"):
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(StoreError, match="was altered after it was written") as error:
            half.read()
        assert file.relative_to(half.store / "m").as_posix() in str(error.value)
        file.write_bytes(content)
    assert half.read()["status"].values.tolist() == [[1, 1], [1, 1], [1, 1], [1, 1]]


def test_marks_that_are_all_gone_are_said_to_be(half):
    for mark in half.marks.iterdir():
        mark.unlink()
    before = {file: file.read_bytes() for file in half.store.rglob("*") if file.is_file()}
    for attempt in (half.open, half.read, lambda: half.read(load=False)):
        with pytest.raises(
            StoreError, match=r"m: is damaged .*, which say what is written, are missing.*resume=True"
        ) as error:
            attempt()
        assert str(half.marks) in str(error.value)
        assert "\n" not in str(error.value)
    assert before == {file: file.read_bytes() for file in half.store.rglob("*") if file.is_file()}


def test_points_that_no_mark_names_are_pending(half):
    max(half.marks.glob("0*.json")).unlink()
    assert half.read()["status"].values.tolist() == [[1, 1], [1, 1], [0, 0], [0, 0]]
    assert half.open().counts() == {"pending": 4, "done": 4, "failed": 0}


def test_reading_beside_a_writer_sees_whole_blocks_and_no_damage(tmp_path):
    scan = Scan(tmp_path, (12, 2))
    group = scan.open()
    seen, ended = [], threading.Event()

    def read():
        while not ended.is_set():
            seen.append(scan.read()["status"].values)

    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read)
        try:
            for first in range(0, 12, 2):  # of other sizes, so that what was there before is replaced
                block = scan.block((first, 0), (first + 2, 2), samples=3 + first)
                group.write((first, 0), (first + 2, 2), block)
            group.finalize({"status": "done"})
        finally:
            ended.set()
        reading.result()
    assert len(seen) > 1
    assert all((status[::2] == status[1::2]).all() for status in seen)


def test_a_group_that_was_removed_is_begun_anew(tmp_path):
    scan = Scan(tmp_path, (4, 2))
    scan.open().write((0, 0), (2, 2), scan.block((0, 0), (2, 2)))
    os.replace(scan.store / "m", tmp_path / "removed")
    assert scan.open().counts()["pending"] == 8
