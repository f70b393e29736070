"""How the time of a run grows with trajectories, steps, dimension and parameter points, through the public call.

python analysis/benchmarks/scaling.py [--json] [--rounds 5] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.landscapes.expression import Expression, quadratic
from langevin_sgd.noise import IsotropicNoise

OU = Expression("k*x**2/2", ("x",), {"k": 1.0})
WARM = IsotropicNoise(0.25)

FRESH = """
import time
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.noise import IsotropicNoise
from langevin_sgd.landscapes.expression import Expression
started = time.perf_counter()
landscape = Expression("k*x**2/2", ("x",), {"k": 1.0})
integrate(landscape, IsotropicNoise(0.25), time_step=0.01, steps=4, trajectories=512)
print(time.perf_counter() - started)
"""


def seconds(landscape: Expression, rounds: int, **arguments: Any) -> float:
    """The best time of a run, compiled beforehand."""
    best = float("inf")
    for _ in range(rounds + 1):
        started = time.perf_counter()
        integrate(landscape, WARM, time_step=0.01, seed=1, precision="float32", **arguments)
        best = min(best, time.perf_counter() - started)
    return best


def first_call(cache: str) -> float:
    """Seconds of the first call in a fresh process, after the imports."""
    import os

    environment = {**os.environ, "LANGEVIN_SGD_CACHE": cache}
    done = subprocess.run([sys.executable, "-c", FRESH], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    fixed = {"rounds": arguments.rounds, "threads": arguments.threads}
    table: dict[str, dict[str, float]] = {
        "trajectories, 1000 steps": {
            str(n): seconds(OU, trajectories=n, steps=1000, **fixed) for n in (512, 5_120, 51_200, 512_000)
        },
        "steps, 10240 trajectories": {
            str(n): seconds(OU, trajectories=10_240, steps=n, **fixed) for n in (100, 1_000, 10_000, 100_000)
        },
        "dimension, 10240 trajectories x 1000 steps": {
            str(d): seconds(quadratic(np.diag(np.arange(1.0, d + 1))), trajectories=10_240, steps=1000, **fixed)
            for d in (1, 2, 4, 8, 16)
        },
        "parameter points, 102400 trajectories in all x 2000 steps": {
            str(p): seconds(
                OU, trajectories=102_400 // p, steps=2000, scan={"k": np.linspace(0.5, 2.0, p).tolist()}, **fixed
            )
            for p in (1, 8, 64, 512)
        },
    }
    with tempfile.TemporaryDirectory() as cache:
        table["first call in a fresh process, beyond imports"] = {
            "compiled": first_call(cache),
            "from the cache": min(first_call(cache) for _ in range(3)),
        }
    if arguments.json:
        print(json.dumps(table))
        return
    for name, row in table.items():
        print(f"{name}:")
        for key, value in row.items():
            print(f"  {key:>8} {value:10.4f} s")


if __name__ == "__main__":
    main()
