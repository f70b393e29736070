"""The fused CPU backend: generated kernels, compiled by numba, run by a pool of threads. It needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.integrators import kernel_cache
from langevin_sgd.integrators.block_draws import draws
from langevin_sgd.integrators.finiteness import Faults, check_finite
from langevin_sgd.integrators.fused_source import TILE, FusedSource, fused_source, limits, places
from langevin_sgd.integrators.problem import Problem, Reductions
from langevin_sgd.integrators.wave_source import scratch

# Updates of one coordinate per launch: about a second, so that an interrupt is heard and a checkpoint can be taken.
_LAUNCH = 1_000_000_000
_TASKS_PER_THREAD = 4


def run(problem: Problem, after_launch: Callable[[int], None] | None = None) -> Reductions:
    """Advance the run in place and return its reductions.

    The bits of a trajectory depend on nothing but its own number, parameters and steps. Means are summed in tiles of
    `TILE` trajectories and over these in order, whatever the threads, the blocks and the launches.
    `after_launch(step)` is called about once a second, when `state` holds that step. Raises `Diverged` when a position
    is no longer finite.
    """
    source = kernel(problem)
    module, loop = kernel_cache.load(source.text), _loop().run
    calls, sizes = _calls(problem, source, module), _sizes(problem, source)
    where = np.array(places(problem.layout), np.uint32)
    uniform, varying = problem.coefficients()
    tiles = -(-problem.numbers.size // TILE)
    blocks = -(-problem.numbers.size // source.lanes)
    records = problem.record_steps.size
    quantities = problem.quantities
    values = np.zeros((records, len(quantities.each), problem.numbers.size))
    sums = np.zeros((records, tiles, len(quantities.means), 3, _groups_per_tile(problem)))
    edges = np.array([(low, bins / (high - low), bins) for low, high, bins in quantities.edges]).reshape(-1, 3)
    bins = int(edges[:, 2].max(initial=0)) + 2
    counts = np.zeros((records, len(quantities.histograms), problem.group_count, bins), np.int64)
    together = TILE // source.lanes if quantities.means else 1  # the blocks of a tile add to the same sums
    faults = Faults.none(problem)
    lock = Lock()
    key = (np.uint64(problem.stream << 24), np.uint64(problem.seed & 0xFFFFFFFF), np.uint64(problem.seed >> 32))
    rows = [np.array(r, np.int64) for r in (quantities.each, quantities.means, quantities.histograms)]

    def task(first: int, last: int, begin: int, end: int, here: slice) -> None:
        own = np.zeros_like(counts[here])
        bad = Faults(np.zeros_like(faults.counts[here]), faults.first[here].copy(), faults.groups)
        loop(
            calls, sizes, where, first, last, *key, problem.numbers, problem.state, problem.start, uniform, varying,
            problem.table, problem.offsets, problem.cells, begin, end, problem.record_steps[here], problem.passage,
            rows[0], values[here], rows[1], problem.groups, sums[here], rows[2], edges, own, bad.counts, bad.first,
        )  # fmt: skip
        with lock:
            if own.size:
                counts[here] += own
            faults.counts[here] += bad.counts
            faults.first[here] = np.minimum(faults.first[here], bad.first)

    with ThreadPoolExecutor(problem.threads) as pool:
        for begin, end, here in _launches(problem):
            cuts = np.linspace(0, -(-blocks // together), problem.threads * _TASKS_PER_THREAD + 1).astype(int)
            cuts = np.unique(np.minimum(cuts * together, blocks))
            pieces = zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)
            waiting = [pool.submit(task, first, last, begin, end, here) for first, last in pieces]
            for future in waiting:
                future.result()
            if faults.counts.any():
                _tell_groups(problem, faults, values, sums)
            check_finite(problem, faults, end)
            if after_launch is not None:
                after_launch(end)
    histograms = [counts[:, q, :, : int(edges[q, 2]) + 2] for q in range(len(edges))]
    return Reductions(values, _moments(problem, sums), histograms)


def kernel(problem: Problem) -> FusedSource:
    """What is generated for a run."""
    program, layout, state_type = problem.program, problem.layout, problem.state.dtype.name

    def made() -> FusedSource:
        return fused_source(program.lanes(), layout, problem.varying, state_type=state_type)

    given = [layout.kind, layout.count, problem.varying, state_type, limits()]
    found = program.known("kernel for CPUs", given, lambda: asdict(made()))
    return FusedSource(**{**found, "varying": tuple(found["varying"])})


@cache
def _loop() -> ModuleType:
    """What all runs share, kept among the generated kernels, so that it is compiled once a machine."""
    return kernel_cache.load(Path(__file__).with_name("cpu_kernel.py").read_text())


def _calls(problem: Problem, source: FusedSource, module: ModuleType) -> tuple[int, ...]:
    """The addresses that `cpu_kernel.run` calls; they hold as long as the modules are held."""
    draw = draws(source.lanes, problem.layout.kind == "gaussian")
    many = module.advance_many if source.unrolled > 1 else module.advance_one
    look_up = module.look_up.address if problem.program.slopes else 0
    return draw.address, module.advance_one.address, many.address, module.observe.address, look_up


def _sizes(problem: Problem, source: FusedSource) -> tuple[int, ...]:
    """The whole numbers that `cpu_kernel.run` goes by."""
    layout, program = problem.layout, problem.program
    return (
        source.lanes,
        source.rows,
        scratch(program.dimension, problem.cells) if source.waves else 1,
        program.quantities,
        layout.quads,
        int(layout.kind == "gaussian"),
        layout.steps_per_group,
        layout.steps_per_word,
        layout.words_per_step,
        source.unrolled,
        TILE,
    )


def _launches(problem: Problem) -> Iterator[tuple[int, int, slice]]:
    """Begin, end and the records of each launch; a record at a launch's first step belongs to the launch before."""
    length = max(1, _LAUNCH // problem.updates)
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


def _groups_per_tile(problem: Problem) -> int:
    first = problem.groups[::TILE]
    last = problem.groups[np.minimum(np.arange(TILE - 1, first.size * TILE, TILE), problem.groups.size - 1)]
    return int((last - first).max(initial=0)) + 1


def _tell_groups(problem: Problem, faults: Faults, values: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
    """Note the points of which a kept value or a sum is no number."""
    lanes = ~np.isfinite(values).all(axis=(0, 1))
    faults.groups[problem.groups[lanes]] = True
    for tile, group in np.argwhere(~np.isfinite(sums).all(axis=(0, 2, 3))).tolist():
        faults.groups[problem.groups[tile * TILE] + group] = True


def _moments(problem: Problem, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean and sum of squared deviations of each group (records, means, 2, groups) from those of its tiles.

    `sums` (records, tiles, means, 3, groups of the tile): the first value and the sums of the differences from it and
    of their squares, so that no digits are lost to a large mean. Tiles are joined by the rule of Chan, Golub and
    LeVeque, The American Statistician 37 (1983) 242.
    """
    records, tiles, means, _, _ = sums.shape
    out = np.zeros((records, means, 2, problem.group_count))
    if not out.size:
        return out
    seen = np.zeros(problem.group_count)
    for tile in range(tiles):
        here = problem.groups[tile * TILE : (tile + 1) * TILE]
        for group in range(here[0], here[-1] + 1):
            n = np.count_nonzero(here == group)
            first, away, square = np.moveaxis(sums[:, tile, :, :, group - here[0]], -1, 0)
            total = seen[group] + n
            with np.errstate(over="ignore", invalid="ignore"):  # told by `check_moments`
                mean, squares = first + away / n, square - away**2 / n
                gap = mean - out[..., 0, group]
                out[..., 0, group] += gap * (n / total)
                out[..., 1, group] += squares + gap**2 * (seen[group] * n / total)
            seen[group] = total
    return out
