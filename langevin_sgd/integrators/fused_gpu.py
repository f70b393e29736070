"""The fused GPU backend: the generated lane step compiled by numba-cuda, one thread a trajectory.

One source serves CPU and GPU, and numba's simulator runs it where there is no GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from langevin_sgd.integrators import kernel_cache
from langevin_sgd.integrators.finiteness import check_finite
from langevin_sgd.integrators.gpu_source import gpu_source
from langevin_sgd.integrators.problem import Float, Problem, Reductions
from langevin_sgd.integrators.recording import Recording

_THREADS = 256
# Updates of one coordinate per launch: below a second on any GPU
_LAUNCH = 50_000_000_000


def run(problem: Problem, device: str, after_launch: Callable[[int], None] | None = None) -> Reductions:
    """Advance the run in place on a CUDA device; the same contract as the CPU backend.

    Positions agree with the CPU's to rounding, Philox words exactly. `device` is one that
    `devices.place` found. Raises `Diverged` when a position is no longer finite.
    """
    from numba import cuda

    from langevin_sgd.random_numbers.philox_cuda import SIMULATED

    if not SIMULATED:
        cuda.select_device(int(device.partition(":")[2] or 0))  # type: ignore[no-untyped-call]
    text = gpu_source(
        problem.program.lanes(),
        problem.layout,
        problem.varying,
        state_type=problem.state.dtype.name,
        stream=problem.stream,
    )
    module = kernel_cache.load(text)
    uniform, varying = (cuda.to_device(np.ascontiguousarray(_never_empty(c))) for c in problem.coefficients())
    numbers, start = cuda.to_device(problem.numbers), cuda.to_device(problem.start)
    table, offsets = cuda.to_device(problem.table), cuda.to_device(problem.offsets)
    state, passage = cuda.to_device(problem.state), cuda.to_device(problem.passage)
    seen = cuda.device_array((max(1, problem.program.quantities), problem.numbers.size), np.float64)
    low, high = np.uint32(problem.seed & 0xFFFFFFFF), np.uint32(problem.seed >> 32)
    threads = min(_THREADS, problem.numbers.size)
    shape = (-(-problem.numbers.size // threads), threads)
    recording = Recording(problem)
    records = {int(step): r for r, step in enumerate(problem.record_steps)}

    def look(step: int) -> None:
        if step in records and problem.program.quantities:
            module.observe[shape](state, start, uniform, varying, seen)
            rows = list(seen.copy_to_host())
            recording.put(records[step], rows, lambda: state.copy_to_host()[: problem.program.dimension])

    look(problem.begin)
    for begin, end in _launches(problem):
        module.run[shape](
            low, high, numbers, state, uniform, varying, table, offsets, problem.cells, begin, end, passage
        )
        look(end)
        if after_launch is not None or end == problem.end:
            state.copy_to_host(problem.state)
            passage.copy_to_host(problem.passage)
            check_finite(problem, recording.faults, end)
            if after_launch is not None:
                after_launch(end)
    return recording.kept


def _launches(problem: Problem) -> Iterator[tuple[int, int]]:
    """Launches end at recorded steps, and before they become long."""
    length = max(1, _LAUNCH // max(1, problem.state.size))
    stops = [int(s) for s in problem.record_steps if problem.begin < s < problem.end]
    begin = problem.begin
    for stop in [*stops, problem.end]:
        while begin < stop:
            end = min(stop, begin + length)
            yield begin, end
            begin = end


def _never_empty(array: Float) -> Float:
    """The array, or a single unused entry: CUDA allocates no empty arrays."""
    return array if array.size else np.zeros((1,) * array.ndim, array.dtype)
