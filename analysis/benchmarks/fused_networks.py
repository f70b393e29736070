"""What fusing the points of a scan costs: 64 points of 16 replicas at one batch size against one of 1,024 replicas.

    python analysis/benchmarks/fused_networks.py [--architecture softmax|mlp] [--points 64] [--replicas 16]
        [--steps 2000] [--start shared|minimum] [--repeats 3] [--json FILE]

Networks on digits, minibatches of 16; the points differ in learning rate, from 0.02 to 0.2. Everything is in the time:
data, tracing, training, recording. The three are run in turn, repeat by repeat, and the medians of CPU seconds (of all
threads) are compared; "apart" runs some of the points as studies of their own, for what fusing saves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.network import landmarks
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.points import run_points
from langevin_sgd.study.loading import parse

LIMIT = 1.25
APART = 4
ARCHITECTURES = {"softmax": {"kind": "softmax"}, "mlp": {"kind": "mlp", "hidden": [32]}}


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; exit code 1 if the points of softmax regression cost more than 1.25 times the one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="softmax")
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--replicas", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--start", choices=("shared", "minimum"), default="shared")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args(arguments)

    rates = np.geomspace(0.02, 0.2, options.points)
    runs: dict[str, Callable[[], None]] = {
        "fused": lambda: _run(options, rates, options.replicas),
        "one": lambda: _run(options, rates[-1:], options.points * options.replicas),
        "apart": lambda: _run_apart(options, rates[:: options.points // APART]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.repeats):
        for name, run in runs.items():
            landmarks.forget()
            began = time.process_time()
            run()
            seconds[name].append(time.process_time() - began)

    fused, one, apart = (statistics.median(values) for values in seconds.values())
    apart *= options.points / APART
    points, whole = f"{options.points} points of {options.replicas} replicas", options.points * options.replicas
    print(f"{points}: {fused:.1f} s of CPU; one of {whole}: {one:.1f} s; each point a study of its own: {apart:.1f} s")
    print(f"the points cost {fused / one:.2f} times the one (at most {LIMIT:g} wanted)")
    if options.json:
        result = {**vars(options), "json": None, "torch": torch.__version__, "seconds": seconds, "ratio": fused / one}
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(options.architecture == "softmax" and fused / one > LIMIT)


def _run_apart(options: argparse.Namespace, rates: np.ndarray) -> None:
    for place in range(APART):
        landmarks.forget()
        _run(options, rates[place : place + 1], options.replicas)


def _run(options: argparse.Namespace, rates: np.ndarray, replicas: int) -> None:
    network = {
        "kind": "network",
        "architecture": ARCHITECTURES[options.architecture],
        "replicas": replicas,
        "steps": options.steps,
        "start": options.start,
    }
    sgd = {"learning_rate": 0.1, "batch_size": 16, "weight_decay": 0.01}
    study = parse({"name": "fused", "seed": 1, "sgd": sgd, "models": {"network": network}})
    model = study.models["network"]
    assert isinstance(model, NetworkModel)
    points = [(model, Sgd(**{**sgd, "learning_rate": float(rate)})) for rate in rates]
    failed = [each.error for each in run_points(points, Context(study, "network")) if isinstance(each, PointFailed)]
    assert not failed, failed


if __name__ == "__main__":
    sys.exit(main())
