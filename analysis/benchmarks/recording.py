"""What recording costs of the training: of loss, energy and accuracy at most a fifth is wanted, at the default.

    python analysis/benchmarks/recording.py [CASE ...] [--json FILE]

Cases: softmax regression, an MLP 64-32-10 and a small CNN on digits, an MLP 784-128-10 on images that are made up, and
the networks of configs, cnn.yaml among them by default. Each is trained once; the seconds are those of the steps
(training), of loss, energy and accuracy (evaluating), and of the moments of displacements, which are recorded at all
times (moving). What is spent once, on tracing the functions that are evaluated, stands apart. The share is that of
evaluating in the training, and "in full" what it were with all recorded times in float64. Behind them how many were
evaluated, and in what arithmetic.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.run import run
from langevin_sgd.study.config import Study
from langevin_sgd.study.loading import load, parse
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.energy import Evaluator
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.ensemble_record import EnsembleRecord

LIMIT = 0.2
SGD = {"learning_rate": 0.05, "batch_size": 16, "weight_decay": 0.01}
SMALL_CNN = {"kind": "cnn", "channels": [8, 16], "kernel": 3, "dense": []}
NETWORKS: dict[str, dict[str, Any]] = {
    "softmax": {"architecture": {"kind": "softmax"}, "steps": 20_000},
    "mlp": {"architecture": {"kind": "mlp", "hidden": [32]}, "steps": 8000},
    "cnn_200": {"architecture": SMALL_CNN, "steps": 200},
    "images": {
        "architecture": {"kind": "mlp", "hidden": [128]}, "data": {"name": "recording:images"}, "steps": 1000,
        "replicas": 16,
    },
}  # fmt: skip
CONFIGS = Path(__file__).parents[2] / "configs"
CASES = (*NETWORKS, "cnn.yaml")


def images() -> DataSet:
    """6000 training and 1000 test images of 784 numbers in ten classes, as many as configs/mnist.yaml takes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 7000)
    inputs = rng.normal(size=(10, 784))[labels] + 3.0 * rng.normal(size=(7000, 784))
    test = {"test_inputs": inputs[6000:], "test_labels": labels[6000:]}
    return DataSet(inputs[:6000], labels[:6000], classes=10, name="images", **test)


def main(arguments: list[str] | None = None) -> int:
    """Print a line a network; exit code 1 if evaluations take more than a fifth of the training of any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}, or another config")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args(arguments)

    results = {}
    columns = f"{'training':>9s} {'evaluating':>10s} {'share':>6s} {'in full':>7s} {'moving':>8s} {'tracing':>8s}"
    print(f"{'':26s} {columns}  evaluated")
    for case in options.cases or CASES:
        study = load(CONFIGS / case) if case.endswith(".yaml") else _study(case)
        for name in (each for each, model in study.models.items() if isinstance(model, NetworkModel)):
            label = name if name == case else f"{case} {name}"
            results[label] = found = _measure(study, name)
            print(
                f"{label:26s} {found['training']:7.2f} s {found['evaluating']:8.2f} s {found['share']:6.1%} "
                f"{found['in_full']:7.0%} {found['moving']:6.2f} s {found['tracing']:6.2f} s  "
                f"{found['evaluated']} of {found['times']} times in float{found['bits']}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return int(any(found["share"] > LIMIT for found in results.values()))


def _study(case: str) -> Study:
    return parse({"name": case, "seed": 1, "sgd": SGD, "models": {case: {"kind": "network", **NETWORKS[case]}}})


def _measure(study: Study, name: str) -> dict[str, Any]:
    model = study.models[name]
    assert isinstance(model, NetworkModel)
    with (
        _timed(Ensemble, "advance") as training,
        _timed(EnsembleRecord, "observe") as recording,
        _timed(Evaluator, "__call__") as evaluating,
        _timed(Evaluator, "_trace") as tracing,
    ):
        found = run(model, model.sgd_of(study.sgd), name=name, seed=study.seed)
    seconds = {
        "training": sum(training),
        "evaluating": sum(evaluating) - sum(tracing),
        "moving": sum(recording) - sum(evaluating),
        "tracing": sum(tracing),
    }
    evaluated = int(found["evaluated"].sum())
    return {
        **seconds,
        "share": seconds["evaluating"] / seconds["training"],
        "in_full": _in_full(found, seconds["evaluating"]) / seconds["training"],
        "evaluated": evaluated,
        "times": found.sizes["time"],
        "bits": int(found["evaluation_bits"]),
    }


def _in_full(found: xr.Dataset, seconds: float) -> float:
    """Those of evaluations at all recorded times; float64 takes twice as long as float32."""
    evaluated = int(found["evaluated"].sum()) - 1  # the replicas at the start are one
    return seconds * (found.sizes["time"] - 1) / evaluated * 64 / int(found["evaluation_bits"])


@contextmanager
def _timed(owner: type, method: str) -> Iterator[list[float]]:
    """While active, the seconds of every call of a method."""
    original, seconds = getattr(owner, method), []

    def measured(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(*arguments, **named)
        finally:
            seconds.append(time.perf_counter() - began)

    setattr(owner, method, measured)
    try:
        yield seconds
    finally:
        setattr(owner, method, original)


if __name__ == "__main__":
    sys.exit(main())
