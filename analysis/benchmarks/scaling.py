"""How the time of a run grows with trajectories, steps, dimension and parameter points, through the public call.

A component-step is one step of one coordinate of one trajectory. `integrate` is compiled beforehand, and the best of
several rounds counts; what a call costs beside its steps is in the times.

    python analysis/benchmarks/scaling.py [--json] [--rounds 5] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Run:
    """One call: `per_point` trajectories of every point of a scan of k."""

    landscape: Expression
    per_point: int
    steps: int
    points: int = 1

    @property
    def component_steps(self) -> int:
        """Trajectories times steps times coordinates."""
        return self.per_point * self.points * self.steps * self.landscape.dimension

    def seconds(self, rounds: int, threads: int) -> float:
        """The best time, compiled beforehand."""
        scan = {"k": np.linspace(0.5, 2.0, self.points).tolist()} if self.points > 1 else None
        best = float("inf")
        for _ in range(rounds + 1):
            started = time.perf_counter()
            integrate(
                self.landscape, WARM, time_step=0.01, seed=1, precision="float32", threads=threads,
                trajectories=self.per_point, steps=self.steps, scan=scan,
            )  # fmt: skip
            best = min(best, time.perf_counter() - started)
        return best


TABLE = {
    "trajectories, 1000 steps": {n: Run(OU, n, 1000) for n in (512, 5_120, 51_200, 512_000)},
    "steps, 10240 trajectories": {n: Run(OU, 10_240, n) for n in (100, 1_000, 10_000, 100_000)},
    "dimension, 10240 trajectories x 1000 steps": {
        d: Run(quadratic(np.diag(np.arange(1.0, d + 1))), 10_240, 1000) for d in (1, 2, 4, 8, 16)
    },
    "parameter points, 102400 trajectories in all x 2000 steps": {
        p: Run(OU, 102_400 // p, 2000, p) for p in (1, 8, 64, 512)
    },
}


def first_call(cache: str) -> float:
    """Seconds of the first call in a fresh process, after the imports."""
    import os

    environment = {**os.environ, "LANGEVIN_SGD_CACHE": cache}
    done = subprocess.run([sys.executable, "-c", FRESH], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    table: dict[str, dict[str, dict[str, float]]] = {}
    for name, runs in TABLE.items():
        table[name] = {}
        for size, run in runs.items():
            taken = run.seconds(arguments.rounds, arguments.threads)
            table[name][str(size)] = {"seconds": taken, "component_steps_a_second": run.component_steps / taken}
    with tempfile.TemporaryDirectory() as cache:
        table["first call in a fresh process, beyond imports"] = {
            "compiled": {"seconds": first_call(cache)},
            "from the cache": {"seconds": min(first_call(cache) for _ in range(3))},
        }
    if arguments.json:
        print(json.dumps(table))
        return
    for name, row in table.items():
        print(f"{name}:")
        for size, measured in row.items():
            rate = measured.get("component_steps_a_second")
            told = "" if rate is None else f" {rate / 1e6:10,.0f} million component-steps a second"
            print(f"  {size:>14} {measured['seconds']:10.4f} s{told}")


if __name__ == "__main__":
    main()
