"""What a point of a scan of a formula costs beside its arithmetic, and a scan of very many points as a whole.

The study is a double well at many temperatures, 64 walkers for 100 steps at each, or with `--kind ornstein_uhlenbeck` a
valley of two modes at many noise scales, 64 replicas of 1000 steps, with its run directory and report.
The cost of a point is the difference of two sizes, so that what any study costs is left out; CPU time, user and system,
of all threads, the best of several. The arithmetic alone is that of `integrate` for as many walkers, or the jumps.

    python analysis/benchmarks/scan_overhead.py [--rounds 3] [--kind ornstein_uhlenbeck]
    python analysis/benchmarks/scan_overhead.py --full [--points 100000]     # one large study: time, files, opening
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.integrators.exact_together import Case, Together
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.jumps import Jumps
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.scan_points import trajectory_numbers
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise
from langevin_sgd.observables.schedule import log_spaced_steps

FEW, MANY = 100, 2_100
WALKERS, STEPS, TIMES = 64, 100, 8
LOW, HIGH = 0.1, 1.0
ENERGY = "(x**2 - 1)**2"


def study(points: int) -> dict[str, Any]:
    """A double well at so many temperatures."""
    model = {
        "kind": "langevin", "potential": {"kind": "expression", "energy": ENERGY, "variables": ["x"]},
        "temperature": LOW, "time_step": 0.01, "steps": STEPS, "replicas": WALKERS, "record_times": TIMES,
        "start": [-1.0],
    }  # fmt: skip
    scan = {"models.well.temperature": {"linear": [LOW, HIGH, points]}}
    return {"name": "many", "seed": 1, "models": {"well": model}, "scan": scan}


def valley(points: int) -> dict[str, Any]:
    """Two modes at so many noise scales."""
    model = {
        "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.3]}, "steps": 1_000,
        "noise": {"kind": "isotropic", "scale": LOW}, "replicas": WALKERS,
    }  # fmt: skip
    scan = {"models.valley.noise.scale": {"linear": [LOW, HIGH, points]}}
    sgd = {"learning_rate": 0.1, "batch_size": 8}
    return {"name": "many", "seed": 1, "sgd": sgd, "models": {"valley": model}, "scan": scan}


def cpu() -> float:
    """User and system time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def of_study(config: dict[str, Any], folder: Path) -> float:
    """CPU seconds of the study."""
    before = cpu()
    lsgd.simulate(config, output=folder / "run", overwrite=(folder / "run").exists())
    return cpu() - before


def of_arithmetic(points: int) -> float:
    """CPU seconds of one launch of as many walkers, without anything around it."""
    before = cpu()
    integrate(
        Expression(ENERGY, ("x",)),
        IsotropicNoise(LOW),
        time_step=0.01,
        steps=STEPS,
        trajectories=points * WALKERS,
        start=[-1.0],
        parameters={"temperature": np.repeat(np.linspace(LOW, HIGH, points), WALKERS)},
        record=Record(steps=log_spaced_steps(STEPS, TIMES).tolist(), each=["energy", "squared_displacement", "x"]),
    )
    return cpu() - before


def of_jumps(points: int) -> float:
    """CPU seconds of the jumps of as many replicas, those of one launch at a time, without anything around it."""
    before = cpu()
    steps = np.union1d(log_spaced_steps(1_000, 64), np.arange(502, 1_001))
    for first in range(0, points, FEW):
        cases = [
            Case(
                Jumps.of(np.array([1.0, 0.3]), scale**2 * np.eye(2), 0.1, 8, 0.0, "discrete"),
                np.zeros(2), trajectory_numbers([first + place], WALKERS), steps,
            )
            for place, scale in enumerate(np.linspace(LOW, HIGH, min(FEW, points - first)))
        ]  # fmt: skip
        together = Together(cases, 1, WALKERS)
        states = together.beginning()
        while states.done < steps.size:
            states, _ = together.moved(states, min(together.most, steps.size - states.done))
    return cpu() - before


@dataclass(frozen=True)
class Kind:
    """A study of so many points, its arithmetic alone, the larger size, and what a point is."""

    study: Callable[[int], dict[str, Any]]
    arithmetic: Callable[[int], float]
    many: int
    what: str


KINDS = {
    "langevin": Kind(study, of_arithmetic, MANY, f"{WALKERS} walkers x {STEPS} steps"),
    "ornstein_uhlenbeck": Kind(valley, of_jumps, 600, f"{WALKERS} replicas x 1000 steps"),
}


def a_point(kind: Kind, rounds: int) -> None:
    """Print the cost of a point beyond the first hundred."""
    sizes = (FEW, kind.many)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        of_study(kind.study(2), folder)  # compiles, imports
        kind.arithmetic(2)
        costs = [min(of_study(kind.study(points), folder) for _ in range(rounds)) for points in sizes]
        plain = [min(kind.arithmetic(points) for _ in range(rounds)) for points in sizes]
    whole, arithmetic = ((after - before) / (kind.many - FEW) * 1e3 for before, after in (costs, plain))
    print(f"{kind.what} a point, beyond the first {FEW} of {kind.many:,}: ms of CPU a point")
    print(f"{'study with run directory and report':40s} {whole:6.3f}")
    print(f"{'the arithmetic, one launch':40s} {arithmetic:6.3f}")
    print(f"{'overhead':40s} {whole - arithmetic:6.3f}")


def large(points: int) -> None:
    """Print what a scan of very many points takes and leaves."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        of_study(study(2), folder)
        began, before = time.perf_counter(), cpu()
        lsgd.simulate(study(points), output=folder / "large")
        seconds, used = time.perf_counter() - began, cpu() - before
        store = folder / "large" / "data.zarr"
        files = [path for path in store.rglob("*") if path.is_file()]
        began = time.perf_counter()
        with xr.open_zarr(store, group="well") as data:
            opened = time.perf_counter() - began
            shape = dict(data.sizes)
        print(f"{points:,} points of {WALKERS} walkers x {STEPS} steps")
        print(f"{'seconds, whole study':40s} {seconds:8.1f}")
        print(f"{'seconds of CPU':40s} {used:8.1f}")
        print(f"{'peak memory, GB':40s} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:8.2f}")
        print(f"{'files of the store':40s} {len(files):8,d}")
        print(f"{'GB of the store':40s} {sum(path.stat().st_size for path in files) / 1e9:8.2f}")
        print(f"{'seconds to open it with xarray':40s} {opened:8.3f}")
        print(f"dimensions: {shape}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", choices=KINDS, default="langevin")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--points", type=int, default=100_000)
    given = parser.parse_args()
    if given.full:
        large(given.points)
    else:
        a_point(KINDS[given.kind], given.rounds)


if __name__ == "__main__":
    main()
