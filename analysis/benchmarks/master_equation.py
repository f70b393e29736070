"""Site-steps per second of the master equation on a line, and the bound that holds it.

A site-step is one site of one disorder through one of the two implicit stages of a time step. `evolve` is timed whole,
with rates, averages and draws at one time a unit of ln t; then its kernel alone, in the same box and in one that stays
in the second-level cache, where nothing but the chain of a division and two products from site to site is left to hold
it; and a bare pass over an array of the same size, which reads and writes as many bytes as a sweep, 56 a site. Every
one is timed once a round and the best round counts. The second column divides by the processor time that was used in
place of the time that went by: what a machine with nothing else to do would show.

    python analysis/benchmarks/master_equation.py [--sites 16001] [--rounds 5] [--threads 2] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from langevin_sgd.integrators import master_equation
from langevin_sgd.integrators.master_equation import evolve
from langevin_sgd.integrators.master_equation_kernel import ELIMINATED, FIELDS, INVERSE, LEFT, RIGHT, kernel
from langevin_sgd.landscapes.line import Line

TARGET = 0.8e9
LN_T, PER_E_FOLD = 40, 16
BYTES = 56
IN_CACHE = 1001


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit code 1 if `evolve` stays below the target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=16_001)
    parser.add_argument("--blocks", type=int, default=2, help="blocks of disorders for each thread")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.sites < 3 or options.sites % 2 == 0:
        parser.error("--sites is an odd number from 3 on")

    lanes = master_equation.lanes_for(options.sites)
    contestants = {
        "evolve": whole(options.sites, lanes * options.blocks * options.threads, options.threads),
        "kernel": bare(options.sites, lanes, options.threads, steps=40),
        "kernel in cache": bare(IN_CACHE, lanes, options.threads, steps=40 * max(1, options.sites // IN_CACHE)),
        "bare pass": passes(options.sites, lanes, options.threads, count=80),
    }
    best, used = dict.fromkeys(contestants, np.inf), dict.fromkeys(contestants, np.inf)
    work = {name: run() for name, run in contestants.items()}  # compiles
    for _ in range(options.rounds):
        for name, run in contestants.items():
            began, clock = time.perf_counter(), time.process_time()
            run()
            best[name] = min(best[name], time.perf_counter() - began)
            used[name] = min(used[name], (time.process_time() - clock) / options.threads)
    rate = {name: work[name] / best[name] for name in contestants}
    undisturbed = {name: work[name] / used[name] for name in contestants}
    limits = {"arithmetic": undisturbed["kernel in cache"], "memory": undisturbed["bare pass"]}
    bound = min(limits, key=lambda name: limits[name])
    if options.json:
        print(
            json.dumps(
                {"sites": options.sites, "lanes": lanes, "site_steps_per_second": rate, "undisturbed": undisturbed}
            )
        )
    else:
        print(f"{options.sites} sites, {lanes} disorders a block, {options.threads} threads")
        for name, value in rate.items():
            print(
                f"{name:16} {value / 1e9:6.2f}e9 site-steps/s a stage, {BYTES * value / 1e9:6.1f} GB/s; "
                f"by processor time {undisturbed[name] / 1e9:6.2f}e9, {BYTES * undisturbed[name] / 1e9:6.1f} GB/s"
            )
        print(f"the bound is {bound}; evolve reaches {undisturbed['evolve'] / limits[bound]:.0%} of it")
    return 0 if rate["evolve"] >= TARGET else 1


def whole(sites: int, disorders: int, threads: int) -> Callable[[], float]:
    """`evolve` as a study calls it, to ln t = 40."""
    potential = Line(1.0, half_width=sites // 2).potential(1, np.arange(disorders))
    times = np.exp(np.arange(1.0, LN_T + 1))

    def run() -> float:
        result = evolve(potential, times=times, steps_per_e_fold=PER_E_FOLD, draws=1, seed=1, threads=threads)
        return 2.0 * result.steps * potential.size

    return run


def bare(sites: int, lanes: int, threads: int, steps: int) -> Callable[[], float]:
    """The kernel with nothing recorded, one block a thread."""
    compiled = kernel(lanes)
    lengths = np.geomspace(0.1, 1e15, steps)
    start = np.full(lanes, sites // 2)
    blocks = [master_equation.aligned((sites, FIELDS, lanes)) for _ in range(threads)]
    rng = np.random.default_rng(1)
    rates = rng.uniform(0.5, 2.0, (2, sites, lanes))
    record = np.full(steps + 1, -1)
    empty = (np.empty((0, 3, lanes)), np.empty((0, lanes)), np.empty((0, 0, lanes), np.int64))

    def one(work: np.ndarray) -> None:
        work[:, RIGHT], work[:, LEFT] = rates
        work[-1, RIGHT] = work[0, LEFT] = 0.0
        work[:, ELIMINATED], work[:, INVERSE] = 0.0, 1.0
        work[sites // 2, ELIMINATED] = 1.0
        distribution, returned = np.empty((0, sites, lanes)), np.empty(lanes)
        compiled(work, start, lengths, record, 1, np.empty((0, 0, lanes)), *empty, distribution, returned)

    return _together(one, blocks, 2.0 * steps * sites * lanes * threads)


@njit(nogil=True)
def _pass(block):  # type: ignore[no-untyped-def]
    """Read and write every number once."""
    for i in range(block.size):
        block[i] = block[i] * 1.0000001


def passes(sites: int, lanes: int, threads: int, count: int) -> Callable[[], float]:
    """A pass that moves five reads and five writes a site, counted in sweeps of 56 bytes."""
    blocks = [np.ones(sites * FIELDS * lanes) for _ in range(threads)]

    def one(block: np.ndarray) -> None:
        for _ in range(count):
            _pass(block)

    return _together(one, blocks, count * threads * sites * lanes * FIELDS * 16 / BYTES)


def _together(one: Callable[[np.ndarray], None], blocks: list[np.ndarray], work: float) -> Callable[[], float]:
    def run() -> float:
        with ThreadPoolExecutor(len(blocks)) as pool:
            list(pool.map(one, blocks))
        return work

    return run


if __name__ == "__main__":
    sys.exit(main())
