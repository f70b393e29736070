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

from langevin_sgd.integrators import kernel_cache
from langevin_sgd.integrators.block_draws import draws
from langevin_sgd.integrators.finiteness import Faults, check_finite
from langevin_sgd.integrators.fused_source import FusedSource, fused_source, limits, places
from langevin_sgd.integrators.partial_sums import TILE, PartialSums
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
    blocks = -(-problem.numbers.size // source.lanes)
    partial = PartialSums.none(problem)
    faults, (each, means, histograms) = partial.faults, partial.rows
    together = TILE // source.lanes if means.size else 1  # the blocks of a tile add to the same sums
    lock = Lock()
    key = (np.uint64(problem.stream << 24), np.uint64(problem.seed & 0xFFFFFFFF), np.uint64(problem.seed >> 32))

    def task(first: int, last: int, begin: int, end: int, here: slice) -> None:
        own = np.zeros_like(partial.counts[here])
        bad = Faults(np.zeros_like(faults.counts[here]), faults.first[here].copy(), faults.groups)
        loop(
            calls, sizes, where, first, last, *key, problem.numbers, problem.state, problem.start, uniform, varying,
            problem.table, problem.offsets, problem.cells, begin, end, problem.record_steps[here], problem.passage,
            each, partial.values[here], means, problem.groups, partial.sums[here], histograms, partial.edges, own,
            bad.counts, bad.first,
        )  # fmt: skip
        with lock:
            if own.size:
                partial.counts[here] += own
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
                partial.tell_groups(problem)
            check_finite(problem, faults, end)
            if after_launch is not None:
                after_launch(end)
    return partial.reductions(problem)


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
