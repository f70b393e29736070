"""Component-steps a second of the integrator against its peers, on this machine, in one run.

A component-step is one step of one coordinate of one trajectory. Every contestant integrates the same equation by
Euler-Maruyama over the same number of trajectories, with its own noise and its own way of looping; each is timed once a
round, rounds are repeated and the best time counts, so that a busy machine disturbs all alike. `noise_ceiling` is the
same kernel drawing its noise and doing nothing with it. `tabulated_force_float64` walks on random potentials given at
sites, 512 walkers in each of 200, so that every step gathers its force from a table. `linear_noise_float64` is the
equation whose times on a CPU are published for DifferentialEquations.jl. A peer that is not installed is left out, and
said so.

    python analysis/benchmarks/integrator.py [--problem NAME] [--json] [--rounds 5] [--threads 2] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from integrator_peers import PEERS, WHOLE_ARRAYS, Contestant, H, N
from numba import njit

from langevin_sgd.integrators import fused_cpu
from langevin_sgd.integrators.block_draws import draws
from langevin_sgd.integrators.by_address import at, call
from langevin_sgd.integrators.generate import lane_program
from langevin_sgd.integrators.problem import Problem
from langevin_sgd.integrators.program import program_of
from langevin_sgd.integrators.record import Record, observed
from langevin_sgd.integrators.schemes import scheme
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.line import Line
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.noise import IsotropicNoise, PositionDependentNoise
from langevin_sgd.random_numbers.increments import Layout
from langevin_sgd.random_numbers.streams import Stream

T = 0.25

OU = Expression("k*x**2/2", ("x",), {"k": 1.0})
DOUBLE_WELL = Expression("a*(x**2 - 1)**2 + b*x", ("x",), {"a": 1.0, "b": 0.1})
PLANE = Expression("(x**2 - 1)**2 + y**2/2 + x*y/10", ("x", "y"))
WARM = IsotropicNoise(T)
DISORDERS = 200
ROUGH = Tabulated(Line(1.0, half_width=4000).potential(7, np.arange(DISORDERS)))
HOT = IsotropicNoise(2.0)
# dX = p X dt + q X dW in each of three coordinates: GPU_ODE_Julia/sde_examples/bench_cpu.jl of GPUODEBenchmarks
LINEAR = Expression("-p*(x**2 + y**2 + z**2)/2", ("x", "y", "z"), {"p": 1.5})
PROPORTIONAL = PositionDependentNoise(("q*x", "q*y", "q*z"), {"q": 0.01})
UNEVEN = PositionDependentNoise(("s*sqrt(1 + x**2)", "s*sqrt(1 + y**2)"), {"s": 0.3})

Landscape = Expression | Tabulated


def ours(
    landscape: Landscape,
    noise: Any,
    precision: type,
    steps: int,
    threads: int,
    kind: str = "gaussian",
    points: int = 1,
) -> Contestant:
    """The fused CPU backend below `integrate`, so that the time is the kernel's."""
    values: dict[str, Any] = {**landscape.parameters, **noise.parameters, "time_step": H}
    varying = ()
    if points > 1:
        values["temperature"] = np.repeat(np.linspace(0.1, 0.4, points), N // points)
        varying = ("temperature",)
    if isinstance(landscape, Tabulated):
        values |= {**landscape.constants, "disorder": np.repeat(np.arange(DISORDERS), N // DISORDERS)}
    program = lane_program(landscape, noise, scheme("euler_maruyama"))
    rows = observed(Record(), landscape, list(values)).quantities
    d = landscape.dimension

    def go() -> int:
        run = Problem(
            landscape=landscape, noise=noise, program=program_of(program), layout=Layout(kind, len(program.draws)),  # type: ignore
            quantities=rows, values=values, varying_names=varying, seed=7,
            stream=int(Stream.LANGEVIN_NOISE), state=np.zeros((d, N), precision), start=np.zeros((d, N), precision),
            numbers=np.arange(N, dtype=np.uint32), passage=np.full(N, -1), groups=np.zeros(N, np.int64), begin=0,
            end=steps, record_steps=np.empty(0, np.int64), threads=threads,
        )  # fmt: skip
        fused_cpu.run(run)
        return d * N * steps

    return go


def noise_ceiling(landscape: Landscape, noise: Any, precision: type, steps: int, threads: int) -> Contestant:
    """The kernel's own noise for every step, thrown away."""
    contestant = ours(landscape, noise, precision, 1, threads)
    contestant()
    program = lane_program(landscape, noise, scheme("euler_maruyama"))
    layout = Layout("gaussian", len(program.draws))
    source = fused_cpu.fused_source(
        program, layout, (False,) * len(program.coefficients), state_type=np.dtype(precision).name
    )
    lanes, words, quads, stream = source.lanes, 4 * layout.quads, layout.quads, int(Stream.LANGEVIN_NOISE)
    draw = draws(lanes, True).address

    @njit(nogil=True)
    def blocks(draw: int, first: int, last: int, groups: int) -> None:
        w = np.empty(words * lanes, np.uint32)
        z = np.empty(words * lanes, np.float32)
        ids = np.empty(lanes, np.uint32)
        for block in range(first, last):
            for lane in range(lanes):
                ids[lane] = block * lanes + lane
            for group in range(groups):
                key = (np.uint64(stream << 24), group, np.uint64(7), np.uint64(0))
                call(draw, (at(w, 0), at(z, 0), at(ids, 0), quads, *key))

    blocks(draw, 0, 1, 1)
    edges = np.linspace(0, N // lanes, 4 * threads + 1).astype(int).tolist()

    def go() -> int:
        with ThreadPoolExecutor(threads) as pool:
            list(
                pool.map(
                    lambda k: blocks(draw, edges[k], edges[k + 1], steps // layout.steps_per_group), range(4 * threads)
                )
            )
        return landscape.dimension * N * steps

    return go


def _plane_drift(x: Any) -> Any:
    pull = (-4 * x[0] * (x[0] * x[0] - 1) - x[1] / 10, -x[1] - x[0] / 10)
    return _stack(pull)


def _stack(parts: Any) -> Any:
    if isinstance(parts[0], np.ndarray | np.floating):
        return np.stack(parts)
    if type(parts[0]).__module__.startswith("torch"):
        import torch

        return torch.stack(parts)
    import jax.numpy as jnp

    return jnp.stack(parts)


FORCE = -ROUGH.slopes.ravel()
OFFSET = np.repeat(np.arange(DISORDERS) * ROUGH.cells, N // DISORDERS)


def _looked_up(x: Any) -> Any:
    """The force in the cell of each walker's own disorder, gathered in the way of the array's library."""
    place = x + 4000.0
    if isinstance(x, np.ndarray):
        return FORCE[OFFSET + place.astype(np.int64)]
    if type(x).__module__.startswith("torch"):
        import torch

        return torch.from_numpy(FORCE)[torch.from_numpy(OFFSET) + place.long()]
    import jax.numpy as jnp

    return jnp.asarray(FORCE)[jnp.asarray(OFFSET) + place.astype(jnp.int64)]


PROBLEMS: dict[str, tuple[Landscape, Any, type, Callable[..., Any], Callable[..., Any]]] = {
    "ou_float32": (OU, WARM, np.float32, lambda x: -1.0 * x, lambda x: math.sqrt(T)),
    "double_well_float64": (
        DOUBLE_WELL, WARM, np.float64, lambda x: -4 * x * (x * x - 1) - 0.1, lambda x: math.sqrt(T),
    ),
    "plane_uneven_noise_float32": (PLANE, UNEVEN, np.float32, _plane_drift, lambda x: 0.3 * (1 + x * x) ** 0.5),
    "linear_noise_float64": (LINEAR, PROPORTIONAL, np.float64, lambda x: 1.5 * x, lambda x: 0.01 * x),
    "tabulated_force_float64": (ROUGH, HOT, np.float64, _looked_up, lambda x: math.sqrt(2.0)),
}  # fmt: skip


def contestants(problem: str, threads: int, skip: set[str]) -> dict[str, Contestant]:
    """Everyone who takes part in a problem, ready to run."""
    landscape, noise, precision, drift, amplitude = PROBLEMS[problem]
    out = {
        "langevin_sgd": ours(landscape, noise, precision, 1600, threads),
        "noise_ceiling": noise_ceiling(landscape, noise, precision, 1600, threads),
    }
    if problem == "ou_float32":
        out["langevin_sgd_three_point"] = ours(landscape, noise, precision, 6400, threads, "three_point")
        out["langevin_sgd_two_point"] = ours(landscape, noise, precision, 12800, threads, "two_point")
        out["langevin_sgd_64_points"] = ours(landscape, noise, precision, 1600, threads, points=64)
    for name, (make, steps) in PEERS.items():
        if name in skip or (problem == "tabulated_force_float64" and name not in WHOLE_ARRAYS):
            continue
        try:
            out[name] = make(drift, amplitude, landscape.dimension, precision, steps)
        except ImportError as missing:
            print(f"{name} left out: {missing}", file=sys.stderr)
            skip.add(name)
    return out


def measure(problems: Iterable[str], threads: int, rounds: int, skip: set[str]) -> dict[str, dict[str, float]]:
    """Best component-steps a second of every contestant in these problems."""
    table: dict[str, dict[str, float]] = {}
    for problem in problems:
        ready = contestants(problem, threads, skip)
        best = dict.fromkeys(ready, 0.0)
        for name, contestant in ready.items():
            contestant()  # compiles, and warms the caches
            print(f"{problem}: {name} ready", file=sys.stderr)
        for _ in range(rounds):
            for name, contestant in ready.items():
                started = time.perf_counter()
                made = contestant()
                best[name] = max(best[name], made / (time.perf_counter() - started))
        table[problem] = best
    return table


def markdown(table: dict[str, dict[str, float]]) -> str:
    """Million component-steps a second, contestants down, problems across."""
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    lines = [f"| million component-steps a second | {' | '.join(table)} |", "|---" * (len(table) + 1) + "|"]
    for name in names:
        cells = [f"{row[name] / 1e6:,.3g}" if name in row else "" for row in table.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one line of JSON, component-steps a second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    parser.add_argument("--problem", choices=PROBLEMS, action="append", help="this one alone; may be repeated")
    parser.add_argument("--skip", default="", help="comma-separated peers to leave out")
    arguments = parser.parse_args()
    try:
        import torch

        torch.set_num_threads(arguments.threads)
    except ImportError:
        pass
    table = measure(
        arguments.problem or PROBLEMS, arguments.threads, arguments.rounds, set(filter(None, arguments.skip.split(",")))
    )
    if arguments.markdown:
        arguments.markdown.write_text(markdown(table))
    print(json.dumps(table) if arguments.json else markdown(table))


if __name__ == "__main__":
    main()
