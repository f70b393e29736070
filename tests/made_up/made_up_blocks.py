"""A scan over two keys made up for tests of how it is stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from langevin_sgd.storage.scan_group import ScanGroup
from langevin_sgd.storage.tree_reading import read_tree
from langevin_sgd.storage.zarr_groups import write_root

DIMS = ("learning_rate", "batch_size")


class Scan:
    """A scan in a store of its own; the mean of point (i, j) is 10 i + j."""

    def __init__(self, folder: Path, shape: tuple[int, int], *, block: tuple[int, int] = (2, 2)) -> None:
        self.store, self.marks, self.scratch = folder / "data.zarr", folder / "marks", folder / "scratch"
        self.shape, self.size = shape, block
        for place in (folder, self.marks, self.scratch):
            place.mkdir(exist_ok=True)
        if not self.store.exists():
            write_root(self.store, {"status": "unfinished"})

    def open(self) -> ScanGroup:
        values = [np.arange(size, dtype=float) for size in self.shape]
        return ScanGroup.open(
            self.store,
            "m",
            marks=self.marks,
            axes={dim: xr.Variable(dim, each) for dim, each in zip(DIMS, values, strict=True)},
            shape=self.shape,
            block=self.size,
            common={"hessian": ("batch_size",)},
            attrs={"status": "unfinished", "scan": list(DIMS)},
            scratch=self.scratch,
        )

    def block(
        self,
        start: Sequence[int],
        stop: Sequence[int],
        *,
        failed: Collection[tuple[int, int]] = (),
        samples: int = 3,
        every: int = 5,
    ) -> xr.Dataset:
        """The points of a block; `failed` are those that have no results, as places in the block."""
        row, column = np.mgrid[start[0] : stop[0], start[1] : stop[1]].astype(float)
        mean = 10 * row + column
        status = np.ones(mean.shape, dtype=np.int8)
        for point in failed:
            status[point] = 2
        return xr.Dataset(
            {
                "mean": (DIMS, mean, {"units": "1", "long_name": "mean"}),
                "position": ((*DIMS, "sample"), mean[..., np.newaxis] + np.arange(samples) / 8),
                "hessian": ((*DIMS, "i", "j"), column[..., np.newaxis, np.newaxis] + np.eye(2)),
                "replicas": 16,
                "status": (DIMS, status),
                "error": (DIMS, np.where(status == 2, "diverged", "")),
            },
            coords={
                "step": ("sample", np.arange(samples) * every),
                "time": ((*DIMS, "sample"), row[..., np.newaxis] * np.arange(samples)),
            },
        )

    def written(self, *blocks: tuple[tuple[int, int], xr.Dataset]) -> xr.Dataset:
        """What is stored once these blocks, of which the first points are told, are written."""
        group = self.open()
        for start, block in blocks:
            group.write(start, [first + block.sizes[dim] for first, dim in zip(start, DIMS, strict=True)], block)
        return self.read()

    def fill(self) -> ScanGroup:
        """Write every block that is not written."""
        group = self.open()
        for start, stop in self.blocks():
            if not group.done(start, stop):
                group.write(start, stop, self.block(start, stop))
        return group

    def fill_by_rows(self) -> ScanGroup:
        """Write every row of a block that is not written: chunks are completed, and what the points emit changes.

        Some points fail, one row has more samples than those before, another other steps.
        """
        group = self.open()
        for (row, column), (last_row, last_column) in self.blocks():
            for place in range(row, last_row):
                start, stop = (place, column), (place + 1, last_column)
                if not group.done(start, stop):
                    failed = [(0, 0)] if place % 3 == 0 else []
                    group.write(
                        start,
                        stop,
                        self.block(start, stop, failed=failed, samples=3 + (place > 4), every=5 - (place > 7)),
                    )
        return group

    def blocks(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Start and stop of every block."""
        rows, columns = (range(0, size, each) for size, each in zip(self.shape, self.size, strict=True))
        (m, n), (i, j) = self.shape, self.size
        return [((row, column), (min(row + i, m), min(column + j, n))) for row in rows for column in columns]

    def filled(self) -> xr.Dataset:
        """What is stored once every block is written."""
        self.fill()
        return self.read()

    def files(self) -> dict[str, bytes]:
        """All files of the store."""
        found = (file for file in self.store.rglob("*") if file.is_file())
        return {file.relative_to(self.store).as_posix(): file.read_bytes() for file in found}

    def read(self, *, load: bool = True) -> xr.Dataset:
        """The group as runs are read, in memory."""
        return read_tree(self.store, name="run", marks=lambda _: self.marks, load=load)["m"].to_dataset(inherit=False)

    def plain(self) -> xr.Dataset:
        """The group as xarray alone reads it."""
        return xr.open_zarr(self.store, group="m", chunks=None).load()
