"""The fused CPU backend: generated kernels, compiled by numba, run by a pool of threads. It needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.integrators import kernel_cache
from langevin_sgd.integrators.fused_source import FusedSource, fused_source
from langevin_sgd.integrators.problem import Reductions, Run, check_finite

# Updates of one coordinate per launch: about a second, so that an interrupt is heard and a checkpoint can be taken.
_LAUNCH = 1_000_000_000
_TASKS_PER_THREAD = 4


def run(problem: Run, after_launch: Callable[[int], None] | None = None) -> Reductions:
    """Advance the run in place and return its reductions.

    The bits of a trajectory depend on nothing but its own number, parameters and steps. Means are summed block by block
    in a fixed order, whatever the number of threads. `after_launch(step)` is called about once a second, when `state`
    holds that step. Raises `Diverged` when a position is no longer finite.
    """
    source = kernel(problem)
    module = kernel_cache.load(source.text)
    uniform, varying = problem.coefficients()
    blocks = -(-problem.numbers.size // source.lanes)
    records = problem.record_steps.size
    quantities = problem.quantities
    values = np.zeros((records, len(quantities.each), problem.numbers.size))
    sums = np.zeros((records, blocks, len(quantities.means), 2, _groups_per_block(problem, source.lanes)))
    edges = np.array([(low, bins / (high - low), bins) for low, high, bins in quantities.edges]).reshape(-1, 3)
    bins = int(edges[:, 2].max(initial=0)) + 2
    counts = np.zeros((records, len(quantities.histograms), problem.group_count, bins), np.int64)
    lock = Lock()
    seed = (np.uint64(problem.seed & 0xFFFFFFFF), np.uint64(problem.seed >> 32))
    rows = [np.array(r, np.int64) for r in (quantities.each, quantities.means, quantities.histograms)]

    def task(first: int, last: int, begin: int, end: int, here: slice) -> None:
        own = np.zeros_like(counts[here])
        module.run(
            first, last, *seed, problem.numbers, problem.state, problem.start, uniform, varying, begin, end,
            problem.record_steps[here], problem.passage, rows[0], values[here], rows[1], problem.groups, sums[here],
            rows[2], edges, own,
        )  # fmt: skip
        if own.size:
            with lock:
                counts[here] += own

    with ThreadPoolExecutor(problem.threads) as pool:
        for begin, end, here in _launches(problem):
            edges_of_tasks = np.unique(np.linspace(0, blocks, problem.threads * _TASKS_PER_THREAD + 1).astype(int))
            pieces = zip(edges_of_tasks[:-1].tolist(), edges_of_tasks[1:].tolist(), strict=True)
            waiting = [pool.submit(task, first, last, begin, end, here) for first, last in pieces]
            for future in waiting:
                future.result()
            check_finite(problem, end)
            if after_launch is not None:
                after_launch(end)
    histograms = [counts[:, q, :, : int(edges[q, 2]) + 2] for q in range(len(edges))]
    return Reductions(values, _summed(problem, sums, source.lanes), histograms)


def kernel(problem: Run, *, cache: bool = True) -> FusedSource:
    """The generated kernel of a run."""
    return fused_source(
        problem.program,
        problem.layout,
        problem.varying,
        state_type=problem.state.dtype.name,
        stream=problem.stream,
        cache=cache,
    )


def _launches(problem: Run) -> Iterator[tuple[int, int, slice]]:
    """Begin, end and the records of each launch; a record at a launch's first step belongs to the launch before."""
    length = max(1, _LAUNCH // max(1, problem.state.size))
    begin = problem.begin
    done = 0
    while True:
        end = min(problem.end, begin + length)
        upto = int(np.searchsorted(problem.record_steps, end, side="right"))
        yield begin, end, slice(done, upto)
        done = upto
        begin = end
        if begin >= problem.end:
            return


def _groups_per_block(problem: Run, lanes: int) -> int:
    first = problem.groups[::lanes]
    last = problem.groups[np.minimum(np.arange(lanes - 1, first.size * lanes, lanes), problem.groups.size - 1)]
    return int((last - first).max(initial=0)) + 1


def _summed(problem: Run, sums: NDArray[np.float64], lanes: int) -> NDArray[np.float64]:
    records, blocks, means, two, width = sums.shape
    out = np.zeros((records, means, two, problem.group_count))
    for block in range(blocks):
        first = int(problem.groups[block * lanes])
        here: Any = min(width, problem.group_count - first)
        out[..., first : first + here] += sums[:, block, :, :, :here]
    return out
