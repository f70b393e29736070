"""What each probe costs at its default schedule, in CPU seconds over those of the training that it watches.

An MLP 64-16-10 on digits, 16 replicas, trained for 2,000, 15,000 and 60,000 steps (about 0.2, 2 and 8 s of CPU): a
fifth is the line from 15,000 on. Below that the single measurement that every probe makes takes more. Each is run
twice, and the second time counts: the first one also records the functions of the probe, which is told beside it.

    python analysis/benchmarks/probe_costs.py [--steps 2000 15000 60000] [PROBE ...]    # exit code 1 beyond the line
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import langevin_sgd as lsgd
from langevin_sgd.observables.cpu_seconds import PROBE, TRAINING, cpu_seconds

LINE, LONG_ENOUGH = 0.25, 15_000  # a fifth, and a margin for the noise of the clock
PROBES: dict[str, dict[str, Any]] = {
    "batch_sharpness": {},
    "critical_samples": {"radius": 0.3},
    "degrees_of_freedom": {},
    "gauss_newton": {},
    "generalisation": {},
    "hessian_spectrum": {},
    "neural_tangent_kernel": {},
    "noise_covariance": {},
    "per_example": {},
    "reconstruction": {},
    "scale_invariance": {},
    "spectrum_of_error": {"frequencies": [1, 2, 3, 4]},
}
"""Those that choose their schedule by what the training pays, or look once, with what they cannot do without."""

ON: dict[str, dict[str, Any]] = {
    "spectrum_of_error": {"data": {"name": "harmonics"}, "loss": "mse"},
}
"""What is not trained on digits by cross entropy."""


def study(probe: str, steps: int) -> dict[str, Any]:
    """One training with one probe."""
    network = {
        "kind": "network", "data": {"name": "digits"}, "architecture": {"kind": "mlp", "hidden": [16]}, "replicas": 16,
        "start": "independent", "steps": steps, "record_times": 30, "probes": [{"kind": probe, **PROBES[probe]}],
        **ON.get(probe, {}),
    }  # fmt: skip
    sgd = {"learning_rate": 0.05, "batch_size": 16}
    return {"name": "cost", "seed": 1, "sgd": sgd, "models": {"network": network}}


def seconds(probe: str, steps: int) -> tuple[float, float]:
    """CPU seconds of the steps and of the probe."""
    spent = cpu_seconds(lsgd.simulate(study(probe, steps))["network"].attrs)
    return spent[TRAINING], spent[f"{PROBE}{probe}"]


def main() -> int:
    """Print a line a probe and length; 1 if one that is long enough costs more than its share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("probes", nargs="*", metavar="PROBE")
    parser.add_argument("--steps", nargs="+", type=int, default=[2_000, 15_000, 60_000])
    given = parser.parse_args()
    if unknown := set(given.probes) - set(PROBES):
        parser.error(f"{', '.join(sorted(unknown))}: none of {', '.join(PROBES)}")
    beyond = 0
    print(f"{'probe':<24}{'steps':>8}{'training':>10}{'probe':>8}{'share':>8}{'first use':>11}")
    for probe in given.probes or PROBES:
        for steps in given.steps:
            _, first = seconds(probe, steps)
            training, spent = seconds(probe, steps)
            share = spent / training
            told = "  beyond" * (steps >= LONG_ENOUGH and share > LINE)
            beyond += bool(told)
            print(f"{probe:<24}{steps:>8}{training:>8.2f} s{spent:>6.2f} s{share:>8.0%}{first - spent:>9.2f} s{told}")
    return int(beyond > 0)


if __name__ == "__main__":
    sys.exit(main())
