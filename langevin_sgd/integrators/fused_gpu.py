"""The fused GPU backend: the generated lane step compiled by numba-cuda, one thread a trajectory.

One source serves CPU and GPU, and numba's simulator runs it where there is no GPU. Recorded quantities are reduced on
the device: what comes back at the end are partial sums and counts, and at a recorded step only the quantities that are
kept for every trajectory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.integrators import kernel_cache
from langevin_sgd.integrators.finiteness import check_finite
from langevin_sgd.integrators.gpu_source import gpu_source
from langevin_sgd.integrators.partial_sums import PartialSums
from langevin_sgd.integrators.problem import Problem, Reductions

THREADS = 256
"""Threads of a block."""
# Updates of one coordinate per launch, and its steps: below a second on any GPU. A thread makes its steps one after the
# other, each in a few tenths of a microsecond, so that few trajectories are no faster than many.
_LAUNCH = 50_000_000_000
_STEPS = 1_000_000


def run(problem: Problem, device: str, after_launch: Callable[[int], None] | None = None) -> Reductions:
    """Advance the run in place on a CUDA device; the same contract as the CPU backend.

    Positions agree with the CPU's to rounding, Philox words exactly; means of the same positions, histograms and counts
    too. `device` is one that `devices.place` found. Raises `Diverged` when a position is no longer finite.
    """
    from numba import cuda

    from langevin_sgd.random_numbers.philox_cuda import SIMULATED

    if not SIMULATED:
        cuda.select_device(int(device.partition(":")[2] or 0))  # type: ignore[no-untyped-call]
    module = kernel_cache.load(source(problem))
    uniform, varying = (cuda.to_device(np.ascontiguousarray(_never_empty(c))) for c in problem.coefficients())
    numbers, start = cuda.to_device(problem.numbers), cuda.to_device(problem.start)
    table, offsets = cuda.to_device(problem.table), cuda.to_device(problem.offsets)
    state, passage = cuda.to_device(problem.state), cuda.to_device(problem.passage)
    low, high = np.uint32(problem.seed & 0xFFFFFFFF), np.uint32(problem.seed >> 32)
    shape = blocks(problem.numbers.size)
    records = {int(step): r for r, step in enumerate(problem.record_steps)}
    partial = PartialSums.none(problem)
    recorder = _Recorder(problem, partial, module) if records and problem.program.quantities else None

    def look(step: int) -> None:
        if recorder is not None and step in records:
            recorder.put(records[step], state, start, uniform, varying)

    look(problem.begin)
    for begin, end in _launches(problem):
        module.run[shape](
            low, high, numbers, state, uniform, varying, table, offsets, problem.cells, begin, end, passage
        )
        look(end)
        if after_launch is not None or end == problem.end:
            state.copy_to_host(problem.state)
            passage.copy_to_host(problem.passage)
            if recorder is not None:
                recorder.fetch()
            check_finite(problem, partial.faults, end)
            if after_launch is not None:
                after_launch(end)
    return partial.reductions(problem)


def source(problem: Problem) -> str:
    """The text of the kernels of a run."""
    return gpu_source(
        problem.program.lanes(),
        problem.layout,
        problem.varying,
        state_type=problem.state.dtype.name,
        stream=problem.stream,
    )


def blocks(threads: int) -> tuple[int, int]:
    """Blocks, and threads of a block, for so many threads."""
    size = min(THREADS, threads)
    return -(-threads // size), size


class _Recorder:
    """The recorded quantities of a run on the device, in arrays of which `partial` gets a copy."""

    def __init__(self, problem: Problem, partial: PartialSums, module: ModuleType) -> None:
        from numba import cuda

        from langevin_sgd.integrators import gpu_reductions

        self.problem, self.partial, self.module, self.kernels = problem, partial, module, gpu_reductions
        self.seen = cuda.device_array((problem.program.quantities, problem.numbers.size), np.float64)
        self.groups = cuda.to_device(problem.groups)
        self.each, means, histograms = partial.rows
        self.means, self.histograms = (cuda.to_device(_never_empty(rows)) for rows in (means, histograms))
        self.edges = cuda.to_device(_never_empty(partial.edges))
        host = (partial.counts, partial.sums, partial.faults.counts, partial.faults.first)
        # (array on the device, where its copy goes), but for those that hold nothing
        self.kept = [(cuda.to_device(_never_empty(array)), array) for array in host]
        self.shape = blocks(problem.numbers.size)
        self.tiles = blocks(partial.sums.shape[1] * means.size) if means.size else None

    def put(self, record: int, *arrays: Any) -> None:
        """Observe the state at that record, and reduce it there."""
        state = arrays[0]
        counts, sums, faults, first = (array for array, _ in self.kept)
        self.module.observe[self.shape](*arrays, self.seen)
        self.kernels.count[self.shape](
            record, self.seen, state, self.problem.program.dimension, self.groups, self.partial.rows[2].size,
            self.histograms, self.edges, counts, faults, first,
        )  # fmt: skip
        if self.tiles is not None:
            self.kernels.sum_tiles[self.tiles](record, self.seen, self.groups, self.means, sums)
        for q, row in enumerate(self.each):
            self.seen[int(row)].copy_to_host(self.partial.values[record, q])

    def fetch(self) -> None:
        """Copy what was reduced so far."""
        for device, host in self.kept:
            if host.size:
                device.copy_to_host(host)
        if self.partial.faults.counts.any():
            self.partial.tell_groups(self.problem)


def _launches(problem: Problem) -> Iterator[tuple[int, int]]:
    """Launches end at recorded steps, and before they become long."""
    length = max(1, min(_STEPS, _LAUNCH // problem.updates))
    stops = [int(s) for s in problem.record_steps if problem.begin < s < problem.end]
    begin = problem.begin
    for stop in [*stops, problem.end]:
        while begin < stop:
            end = min(stop, begin + length)
            yield begin, end
            begin = end


def _never_empty(array: NDArray[Any]) -> NDArray[Any]:
    """The array, or a single unused entry: CUDA allocates no empty arrays."""
    return array if array.size else np.zeros((1,) * array.ndim, array.dtype)
