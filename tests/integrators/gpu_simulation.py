"""The GPU kernels against the CPU's: run by test_integrate.py with numba's CUDA simulator switched on, and on a GPU by
analysis/benchmarks/gpu.py."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import numpy as np
from numba import cuda

from langevin_sgd.integrators import gpu_reductions
from langevin_sgd.integrators.divergence import NotFinite
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.partial_sums import TILE
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.noise import DiagonalNoise, IsotropicNoise, PositionDependentNoise
from langevin_sgd.random_numbers.philox_cuda import philox
from langevin_sgd.random_numbers.streams import philox4x32

# the simulator computes in numpy scalars, which say so when 32 bits wrap; wrapping is what is meant
warnings.simplefilter("ignore", RuntimeWarning)

DOUBLE_WELL = Expression("a*(x**2 - 1)**2 + b*x", ("x",), {"a": 1.0, "b": 0.1})
PLANE = Expression("(x**2 - 1)**2 + y**2/2 + c*sin(x*y)", ("x", "y"), {"c": 0.1})
TABLE = Tabulated(np.random.default_rng(5).normal(size=(3, 4)), spacing=0.2)
WARM = IsotropicNoise(0.25)
UNEVEN = PositionDependentNoise(("s*sqrt(1 + x**2)", "s*(1 + y**2/10)"), {"s": 0.3})
# the record and most cases are those of test_backends_agree, whose CPU kernels are compiled by then
RECORD = Record(
    steps=(0, 5, 17, 22),
    each=("x", "energy"),
    means=("squared_displacement",),
    histograms={"x": (-2.0, 2.0, 10)},
    basins={"left": "x < 0 and x > -1", "right": "not x < 0"},
    first_passage="x > 0.3",
)
RECORD_ON_TABLE = replace(RECORD, each=("x",))
SCANS = {id(PLANE): {"c": [0.1, 0.2]}, id(TABLE): {"disorder": [2, 0]}}


@cuda.jit
def words_of(counters, low, high, out):
    n = cuda.grid(1)
    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = philox(
        counters[n, 0], counters[n, 1], counters[n, 2], counters[n, 3], low, high
    )


BOWL = Expression("x**2/2", ("x",))
CASES = [
    (PLANE, DiagonalNoise((0.1, 0.3)), "euler_maruyama", "three_point", "mixed"),
    (DOUBLE_WELL, WARM, "euler_maruyama", "two_point", "mixed"),
    (TABLE, WARM, "euler_maruyama", "gaussian", "float32"),
]
MORE_CASES = [
    (PLANE, UNEVEN, "milstein", "gaussian", "mixed"),
    (DOUBLE_WELL, WARM, "euler_maruyama", "three_point", "mixed"),
    (DOUBLE_WELL, WARM, "euler_maruyama", "two_point", "float32"),
    (TABLE, WARM, "euler_maruyama", "gaussian", "mixed"),
    (DOUBLE_WELL, WARM, "euler_maruyama", "gaussian", "mixed"),
    (DOUBLE_WELL, WARM, "euler_maruyama", "gaussian", "float32"),
    (DOUBLE_WELL, WARM, "baoab", "gaussian", "mixed"),
    (DOUBLE_WELL, WARM, "heavy_ball", "gaussian", "mixed"),
    (DOUBLE_WELL, WARM, "leimkuhler_matthews", "gaussian", "mixed"),
    (DOUBLE_WELL, WARM, "sra1", "gaussian", "mixed"),
    (PLANE, UNEVEN, "stratonovich_heun", "gaussian", "mixed"),
    (PLANE, UNEVEN, "sri2", "gaussian", "mixed"),
    (BOWL, WARM, "exact", "gaussian", "mixed"),
]
OUTSIDE = [Record(steps=(5, 20, 40), means=("energy",))]
MORE_OUTSIDE = [
    Record(steps=(5, 20, 40), basins={"low": "log(x) < 0", "high": "x >= 1"}),
    Record(first_passage="sqrt(x) > 2"),
]


SIMULATED = {"mixed": 1e-14, "float32": 1e-6}
"""Largest difference of anything recorded from the CPU's: in the simulator."""
DEVICE = {"mixed": 1e-12, "float32": 5e-6}
"""On a GPU, whose compiler joins products and sums and has elementary functions of its own."""


def main(*, more: bool) -> None:
    philox_words()
    agreement([*CASES, *MORE_CASES] if more else CASES, SIMULATED)
    reductions()
    beyond_the_domain([*OUTSIDE, *MORE_OUTSIDE] if more else OUTSIDE)
    print("agree")


def philox_words() -> None:
    """Philox words, bit for bit."""
    counters = np.random.default_rng(0).integers(0, 1 << 32, (8, 4), dtype=np.uint32)
    out = np.zeros((8, 4), np.uint32)
    words_of[1, 8](counters, np.uint32(0xDEADBEEF), np.uint32(0x12345678), out)
    expected = philox4x32(tuple(counters.T), (0xDEADBEEF, 0x12345678))
    assert np.array_equal(out, np.stack(expected, axis=1)), "Philox words differ"


def agreement(cases: list, rounding: dict[str, float], device: str = "cuda") -> dict[str, float]:
    """All that is recorded of each case, and a stop on the way, which changes no bit: the largest differences."""
    found = {}
    for landscape, noise, scheme, increments, precision in cases:
        arguments = dict(
            time_step=0.02,
            steps=22,
            trajectories=3,
            seed=(5 << 32) + 7,
            scheme=scheme,
            increments=increments,
            precision=precision,
            record=RECORD_ON_TABLE if landscape is TABLE else RECORD,
            scan=SCANS.get(id(landscape)),
            start=[0.1] * landscape.dimension,
            parameters={"momentum": 0.5} if scheme == "heavy_ball" else {},
            force=True,
        )
        on_cpu = integrate(landscape, noise, device="cpu", **arguments)
        on_gpu = integrate(landscape, noise, device=device, **arguments)
        assert on_gpu.data.attrs["backend"].startswith("fused on cuda"), on_gpu.data.attrs["backend"]
        apart = 0.0
        for name in on_cpu.data:
            here, there = on_gpu.data[name].values, on_cpu.data[name].values
            np.testing.assert_allclose(here, there, rtol=0, atol=rounding[precision], err_msg=f"{scheme}: {name}")
            apart = max(apart, float(np.nanmax(np.abs(here - there), initial=0.0)))
        stopped = integrate(landscape, noise, device=device, **{**arguments, "steps": 7, "until": 22}).state
        resumed = integrate(landscape, noise, device=device, state=stopped, **{**arguments, "steps": 15}).state
        assert np.array_equal(resumed.vectors["position"], on_gpu.state.vectors["position"]), "stop and go differ"
        coordinates = f"{landscape.dimension} coordinate{'s' * (landscape.dimension > 1)}"
        where = "random potentials at sites" if landscape is TABLE else coordinates
        found[f"{scheme}, {increments}, {precision}, {where}"] = apart
    return found


def reductions() -> None:
    """Partial sums have the bits of sums in the order of the trajectories, tile by tile and group by group."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(4), [300, 250, 500, 90])
    seen = 1e3 + rng.normal(size=(3, groups.size))
    seen[0, [7, 600]], seen[0, 601] = np.nan, -np.inf
    state = np.zeros((2, groups.size))
    state[1, 601] = np.inf
    tiles = -(-groups.size // TILE)
    sums = np.zeros((2, tiles, 2, 3, 3))
    gpu_reductions.sum_tiles[1, 2 * tiles](1, seen, groups, np.array([2, 1]), sums)
    assert not sums[0].any()
    for tile in range(tiles):
        for group in np.unique(groups[tile * TILE : (tile + 1) * TILE]):
            here = np.flatnonzero((groups == group) & (np.arange(groups.size) // TILE == tile))
            for q, row in enumerate((2, 1)):
                x = seen[row, here]
                once = twice = 0.0
                for away in (x - x[0]).tolist():
                    once += away
                    twice += away * away
                found = sums[1, tile, q, :, group - groups[tile * TILE]]
                assert found.tolist() == [x[0], once, twice], (tile, group, q)
    counts, faults = np.zeros((2, 1, 4, 12), np.int64), np.zeros((2, 3, 2), np.int64)
    first = np.full((2, 3), groups.size)
    edges = np.array([(999.0, 10 / 2.0, 10)])
    gpu_reductions.count[5, 228](1, seen, state, 2, groups, 1, np.array([1]), edges, counts, faults, first)
    for group in range(4):
        x = seen[1, groups == group]
        inside = np.histogram(x, 10, (999.0, 1001.0))[0]
        assert counts[1, 0, group].tolist() == [np.sum(x < 999.0), *inside, np.sum(x >= 1001.0)]
    assert faults[1].tolist() == [[2, 1], [0, 0], [0, 0]]
    assert first[1].tolist() == [7, groups.size, groups.size]
    assert not faults[0].any()


def beyond_the_domain(records: list[Record], on: str = "cuda") -> None:
    """Walkers that leave the domain of a formula end the run with the same words as on the CPU."""
    well = Expression("x**2/2 - log(x)", ("x",))
    run = dict(time_step=0.05, steps=40, trajectories=20, start=[0.6], seed=2)
    for record in records:
        said = []
        for device in ("cpu", on):
            try:
                integrate(well, IsotropicNoise(1.0), device=device, record=record, **run)
            except NotFinite as error:
                said.append(str(error))
        assert len(said) == 2, f"not told: {record}"
        assert said[0] == said[1], said


if __name__ == "__main__":
    main(more="more" in sys.argv)
