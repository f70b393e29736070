"""A scan's group on a disk that is full or damaged: one line, a store that opens, and nothing lost that was there."""

from __future__ import annotations

import errno
import os

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
    "a mark that was altered": ("marks/00000001.json", b"{", "00000001.json is none"),
    "a mark that is lost": ("marks/00000001.json", None, "00000001.json is missing"),
    "the metadata, lost": ("data.zarr/m/zarr.json", None, "m: is damaged ("),
    "the metadata": ("data.zarr/m/zarr.json", b"{}", "m: is damaged (zarr.json holds no metadata"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_to_an_unfinished_scan_is_named_when_it_is_gone_on_with(tmp_path, case):
    scan = Scan(tmp_path, (4, 2))
    group = scan.open()
    group.write((0, 0), (2, 2), scan.block((0, 0), (2, 2)))
    group.write((2, 0), (4, 2), scan.block((2, 0), (4, 2)))
    path, content, said = DAMAGE[case]
    file = tmp_path / path
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged") as error:
        scan.open()
    assert said in str(error.value)
    assert "--resume" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_group_that_was_removed_is_begun_anew(tmp_path):
    scan = Scan(tmp_path, (4, 2))
    scan.open().write((0, 0), (2, 2), scan.block((0, 0), (2, 2)))
    os.replace(scan.store / "m", tmp_path / "removed")
    assert scan.open().counts()["pending"] == 8
