"""A scan of very many points: how many files it takes, and how long it takes to write and to open."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.storage.scan_group import ScanGroup
from langevin_sgd.storage.zarr_groups import write_root

POINTS, BLOCK = 100_000, 5_000


def opened(folder: Path) -> ScanGroup:
    write_root(folder / "data.zarr", {})
    return ScanGroup.open(
        folder / "data.zarr",
        "m",
        marks=folder / "marks",
        axes={"p": xr.Variable("p", np.linspace(0, 1, POINTS))},
        shape=(POINTS,),
        block=(BLOCK,),
        common={},
        attrs={"scan": ["p"]},
        scratch=folder / "scratch",
    )


def block(first: int, **shapes: tuple[int, ...]) -> xr.Dataset:
    """A block of random numbers, of these shapes at each point."""
    random = np.random.default_rng(first)
    dims = {(): ("p",), (8,): ("p", "mode"), (64, 3): ("p", "replica", "sample")}
    made = {name: (dims[shape], random.normal(size=(BLOCK, *shape))) for name, shape in shapes.items()}
    state = {"status": ("p", np.ones(BLOCK, np.int8)), "error": ("p", np.full(BLOCK, ""))}
    time_of = np.arange(3) * (1 + first)
    return xr.Dataset(
        {**made, **state, "temperature": ("p", np.full(BLOCK, 0.5))},
        coords={"time": (("p", "sample"), np.broadcast_to(time_of, (BLOCK, 3))), "replica": np.arange(64)},
    )


def test_a_hundred_thousand_points_take_few_files_and_open_at_once(tmp_path):
    group = opened(tmp_path)
    numbers = {f"number{k}": () for k in range(8)} | {f"of_modes{k}": (8,) for k in range(2)}
    for first in range(0, POINTS, BLOCK):
        group.write((first,), (first + BLOCK,), block(first, **numbers))
    group.finalize({"status": "done"})
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) < 300
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        stored = xr.open_zarr(tmp_path / "data.zarr", group="m", chunks=None)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 1
    assert len(stored.variables) == 16
    assert stored["number3"].values[-1] == block(POINTS - BLOCK, **numbers)["number3"].values[-1]


@pytest.mark.validate
def test_a_block_of_many_walkers_is_written_in_half_a_second(tmp_path):
    group = opened(tmp_path)
    seconds = []
    for first in range(0, 5 * BLOCK, BLOCK):
        points = block(first, position=(64, 3))
        began = time.perf_counter()
        group.write((first,), (first + BLOCK,), points)
        seconds.append(time.perf_counter() - began)
    assert np.median(seconds) < 0.5
