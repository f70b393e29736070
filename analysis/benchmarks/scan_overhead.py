"""What a point of a scan of a formula costs beside its arithmetic, and a scan of very many points as a whole.

The study is a double well at many temperatures, 64 walkers for 100 steps at each, with its run directory and report.
The cost of a point is the difference of two sizes, so that what any study costs is left out; CPU time, user and system,
of all threads, the best of several. The arithmetic alone is that of `integrate` for as many walkers.

    python analysis/benchmarks/scan_overhead.py [--rounds 3]
    python analysis/benchmarks/scan_overhead.py --full [--points 100000]     # one large study: time, files, opening
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
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


def cpu() -> float:
    """User and system time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def of_study(points: int, folder: Path) -> float:
    """CPU seconds of the study."""
    before = cpu()
    lsgd.simulate(study(points), output=folder / "run", overwrite=(folder / "run").exists())
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


def a_point(rounds: int) -> None:
    """Print the cost of a point beyond the first hundred."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        of_study(2, folder)  # compiles, imports
        of_arithmetic(2)
        costs = [min(of_study(points, folder) for _ in range(rounds)) for points in (FEW, MANY)]
        plain = [min(of_arithmetic(points) for _ in range(rounds)) for points in (FEW, MANY)]
    whole, arithmetic = ((large - small) / (MANY - FEW) * 1e3 for small, large in (costs, plain))
    print(f"{WALKERS} walkers x {STEPS} steps a point, beyond the first {FEW} of {MANY:,}: ms of CPU a point")
    print(f"{'study with run directory and report':40s} {whole:6.3f}")
    print(f"{'the arithmetic, one launch':40s} {arithmetic:6.3f}")
    print(f"{'overhead':40s} {whole - arithmetic:6.3f}")


def large(points: int) -> None:
    """Print what a scan of very many points takes and leaves."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        of_study(2, folder)
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
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--points", type=int, default=100_000)
    given = parser.parse_args()
    if given.full:
        large(given.points)
    else:
        a_point(given.rounds)


if __name__ == "__main__":
    main()
