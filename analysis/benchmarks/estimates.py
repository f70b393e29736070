"""What `langevin-sgd simulate --dry-run` says of three studies, against what they then take.

Time and size of the models are compared; the real time is that of the whole study without checks and report, in a
process that has imported and compiled by then.

    python analysis/benchmarks/estimates.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import langevin_sgd as lsgd

SGD = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1}
WELL = {
    "kind": "langevin", "potential": {"kind": "expression", "energy": "(x**2 - 1)**2", "variables": ["x"]},
    "temperature": 0.3, "time_step": 0.01, "steps": 20_000, "replicas": 4096, "start": [-1.0],
}  # fmt: skip
NETWORK = {"kind": "network", "architecture": {"kind": "softmax"}, "replicas": 32, "steps": 3000}
OU = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}, "replicas": 64}
STUDIES: dict[str, dict[str, Any]] = {
    "walkers in a well": {"models": {"well": WELL}},
    "walkers at 16 temperatures": {
        "models": {"well": {**WELL, "replicas": 512}},
        "scan": {"models.well.temperature": {"linear": [0.2, 0.5, 16]}},
    },
    "a network and a model of it": {"sgd": SGD, "models": {"network": NETWORK, "ou": OU}},
}


def main() -> None:
    """Print the table."""
    print(f"{'':30s} {'seconds':>20s} {'MB on disk':>20s}")
    print(f"{'':30s}" + 2 * f" {'estimate':>10s} {'real':>9s}")
    for name, study in STUDIES.items():
        whole = {"name": "estimated", "seed": 1, **study}
        said = lsgd.plan(whole).attrs
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            lsgd.simulate(whole, output=Path(folder) / "run")
            seconds = time.perf_counter() - began
            size = sum(
                file.stat().st_size for file in (Path(folder) / "run" / "data.zarr").rglob("*") if file.is_file()
            )
        print(f"{name:30s} {said['seconds']:10.1f} {seconds:9.1f} {said['disk'] / 1e6:10.1f} {size / 1e6:9.1f}")


if __name__ == "__main__":
    main()
