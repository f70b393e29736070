"""Fingerprints of every config: a short run of each, one hash a variable, to compare two states of the code.

A change that is not meant to alter numbers is shown not to: write the fingerprints before and after it on one machine
(bits differ between processors), and compare. What is hashed: name, dimensions, type and bytes of each variable and
coordinate of each model and of the table of checks, the attributes, and which models failed with which words.

    python analysis/fingerprints.py write before.json [CONFIG ...]      # all configs: about two minutes on one core
    python analysis/fingerprints.py compare before.json after.json      # exit code 1 unless they are the same
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import langevin_sgd as lsgd

CONFIGS = Path(__file__).parents[1] / "configs"

# What makes each config short, as --set takes it. Every config has an entry: a new one is refused until it has too.
SHORTER: dict[str, list[str]] = {
    "ageing_at_minimum": [
        *(f"models.{name}.{key}" for name in ("near", "far", "descent") for key in (
            "steps=60", "replicas=4", "probes.0.waiting=[10, 20]", "probes.0.separations=[5, 10]")),
        *(f"models.{name}.burn_in=10" for name in ("near", "far"))],
    "aging": ["models.sinai.disorders=24", "models.sinai.half_width=600", "models.sinai.ln_time=[0.0, 16.0]",
              "models.sinai.aging.ln_waiting_times=[6.0, 10.0]"],
    "cnn": [f"models.{name}.{key}" for name in ("plain", "residual", "batch_normalised")
            for key in ("steps=40", "replicas=2")],
    "crossover": ["models.below.correlation_length=900.0", *(
        f"models.{name}.{key}" for name in ("below", "between", "beyond")
        for key in ("disorders=16", "half_width=600", "ln_time=[0.0, 12.0]"))],
    "double_well": ["models.well.steps=400", "models.well.replicas=64",
                    "scan.models.well.temperature={geometric: [0.25, 2.0, 3]}"],
    "drift_and_spread": [f"models.batch_{size}.{key}" for size in (4, 16, 128) for key in ("steps=60", "replicas=4")],
    "drift_or_barriers": [f"models.{name}.{key}" for name in (
        "cross_entropy", "mse", "label_noise", "random_labels", "planted")
        for key in ("steps=40", "replicas=4", "record_times=8")] + [
        "models.rough.alpha=1.7", "models.rough.disorders=8"],
    "epoch_sampling": ["models.network.steps=2000", "models.network.replicas=4"],
    "escape": [f"models.{name}.{key}" for name in ("line", "high", "isotropic", "plane_high", "aligned")
               for key in ("steps=2000", "replicas=64")],
    "flatness_scan": ["models.network.replicas=3", "models.network.training_time=30",
                      "scan.sgd.learning_rate=[0.1, 0.2]", "scan.sgd.batch_size=[32, 64]"],
    "flat_modes": [f"models.{name}.{key}" for name in ("independent", "epochs", "more_decay")
                   for key in ("steps=64", "replicas=4")],
    "five_theories": [f"models.{name}.{key}" for name in ("network", "twin")
                      for key in ("steps=40", "burn_in=10", "replicas=4")],
    "fractional_line": [f"models.alpha_{alpha}.{key}" for alpha in ("075", "100", "125", "150")
                        for key in ("disorders=16", "half_width=400", "ln_time=[0.0, 14.0]")],
    "high_dimension": ["models.d10.disorders=2", "models.d10.features=64", "models.d10.ln_time=[-5.0, -1.0]",
                       "models.d100.disorders=2", "models.d100.features=64", "models.d100.ln_time=[-5.0, -2.0]",
                       "models.d1000.disorders=2", "models.d1000.features=64", "models.d1000.ln_time=[-5.0, -3.0]",
                       "models.d1000.record_times=9", "models.d100.record_times=13", "models.d10.record_times=17"],
    "hoffer": ["models.network.training_time=4", "models.network.replicas=4", "models.network.record_times=6",
               "scan.size.zip.sgd.batch_size=[8, 64]"],
    "inherent_structures": ["models.network.steps=2000", "models.network.replicas=2",
                            "models.network.probes.0.snapshots=3"],
    "mnist": ["models.network.steps=8", "models.network.replicas=2"],
    "momentum": ["models.network.steps=2000", "models.network.replicas=4"],
    "nonequilibrium": [f"models.{name}.{key}" for name in ("solvable", "oblique", "isotropic")
                       for key in ("steps=1200", "burn_in=400", "replicas=64")] + ["models.linear.replicas=64"],
    "ornstein_uhlenbeck": [f"models.{name}.{key}" for name in ("discrete", "continuum", "momentum")
                           for key in ("steps=2000", "replicas=64")],
    "optimisers": [f"models.{name}.{key}" for name in ("plain", "heavy_ball", "nesterov", "dampened", "adam", "rmsprop")
                   for key in ("steps=2400", "replicas=4")],
    "plane": ["models.plane.disorders=4", "models.plane.half_width=40", "models.plane.ln_time=[0.0, 3.0]",
              "models.plane.record_times=25", "models.space.disorders=2", "models.space.half_width=10",
              "models.space.ln_time=[0.0, 0.8]", "models.space.record_times=17", "checks.0.window=1.0"],
    "real_basins": ["models.line.replicas=64", "scan.sgd.batch_size=[1, 4]",
                    "scan.models.line.learning_rate_per_sample=[0.02, 0.04]"],
    "regression": ["models.network.training_time=60", "models.network.replicas=4"],
    "scan": [*(f"models.{name}.replicas=3" for name in ("network", "ou", "isotropic")), "models.ou.steps=4000",
             "models.isotropic.steps=4000", "models.network.training_time=60",
             "scan.sgd.learning_rate=[0.2, 1.0]", "scan.sgd.batch_size=[8, 64]"],
    "self_consistent": ["models.network.training_time=20", "models.network.burn_in=10", "models.network.replicas=4",
                        "scan.sgd.learning_rate=[0.5]"],
    "sharp_flat": [*(f"models.{name}.{key}" for name in ("line", "large_step", "plane", "ten")
                     for key in ("steps=1200", "burn_in=400", "replicas=64")),
                   "scan.models.line.temperature=[1.0, 2.0]", "scan.models.large_step.sgd.learning_rate=[0.01, 0.02]",
                   "scan.models.plane.temperature=[1.0, 2.0]", "scan.models.ten.temperature=[1.05, 1.4]"],
    "side_by_side": ["models.network.steps=1500", "models.network_large_step.steps=1500",
                     "models.network.replicas=4", "models.network_large_step.replicas=4",
                     "models.ou.steps=8000", "models.isotropic.steps=8000", "models.ou_large_step.steps=8000"],
    "sinai": ["models.sinai.disorders=32", "models.sinai.half_width=800", "models.sinai.ln_time=[0.0, 16.0]"],
    "stationarity": [f"models.{name}.{key}" for name in ("mlp", "mlp_later", "softmax", "softmax_epochs")
                     for key in ("steps=1024", "replicas=4")],
    "temperature": [
        *(f"models.{name}.{key}" for name in ("network", "descent") for key in ("steps=60", "replicas=4")),
        "models.network.burn_in=10", "models.network.probes.0={kind: response, onsets: [20], delays: [1, 10]}",
        "models.network.probes.1={kind: averages, directions: 4, frames: 2}",
        "models.descent.probes.0.onsets=[5, 20]", "models.descent.probes.0.delays=[1, 10]"],
    "three_minima": ["models.network.steps=40", "models.network.architecture.hidden=[2]",
                     "models.network.probes.0.points=3"],
    "twin": [f"models.{name}.{key}" for name in ("network", "twin", "twin_at_sgd_step", "svag_2", "svag_4", "svag_8")
             for key in ("steps=40", "burn_in=10", "replicas=4")] + ["models.descent.steps=20"] + [
             f"models.{name}.replicas=4" for name in ("descent", "isotropic", "frozen", "full")],
    "wide_network": ["models.network.architecture.hidden=[40]", "models.network.steps=200",
                     "models.network.replicas=4"],
}  # fmt: skip

# Attributes that tell of the run and not of its results.
_OF_THE_RUN = ("provenance", "backend", "cpu_seconds")


def fingerprint(tree: xr.DataTree) -> dict[str, str]:
    """A hash of each variable and of the attributes of each group, by group/name."""
    found: dict[str, str] = {}
    for group, node in tree.children.items():
        dataset = node.to_dataset(inherit=False)
        for name, variable in dataset.variables.items():
            found[f"{group}/{name}"] = _hash(variable)
        attributes = {key: value for key, value in dataset.attrs.items() if key not in _OF_THE_RUN}
        found[f"{group}/(attributes)"] = _digest(json.dumps(attributes, sort_keys=True, default=str).encode())
    return found


def _hash(variable: xr.Variable) -> str:
    values = np.asarray(variable.values)
    text = values.dtype.kind in "OUT"
    content = json.dumps(values.tolist()).encode() if text else np.ascontiguousarray(values).tobytes()
    kind = "text" if text else values.dtype.str
    return _digest(f"{variable.dims} {values.shape} {kind} ".encode() + content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def write(file: Path, names: list[str]) -> None:
    """Run the configs `names`, all if there are none, and write their fingerprints as JSON."""
    known = {config.stem: config for config in sorted(CONFIGS.glob("*.yaml"))}
    missing = sorted(set(known) - set(SHORTER)) or sorted(set(names) - set(known))
    if missing:
        raise SystemExit(f"{', '.join(missing)}: no such config, or none with an entry in SHORTER")
    result: dict[str, Any] = {}
    for name in names or known:
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a model that fails is part of the fingerprint
            tree = lsgd.simulate(known[name], overrides=SHORTER[name])
        result[name] = fingerprint(tree)
        print(f"{name:<22}{len(result[name]):>5} variables {time.process_time() - began:>7.1f} s of CPU", flush=True)
    file.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def compare(before: Path, after: Path) -> int:
    """Print what differs between two files of fingerprints; 1 if anything does."""
    old, new = (json.loads(file.read_text(encoding="utf-8")) for file in (before, after))
    differences = 0
    for config in sorted(set(old) | set(new)):
        one, other = old.get(config, {}), new.get(config, {})
        for word, names in (
            ("gone", set(one) - set(other)),
            ("new", set(other) - set(one)),
            ("changed", {name for name in set(one) & set(other) if one[name] != other[name]}),
        ):
            differences += len(names)
            for name in sorted(names):
                print(f"{config}: {word}: {name}")
    total = sum(len(found) for found in new.values())
    print(f"{differences} differences in {len(new)} configs, {total} variables")
    return int(differences > 0)


def main() -> int:
    """Write or compare, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    writing.add_argument("file", type=Path)
    writing.add_argument("configs", nargs="*")
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command == "compare":
        return compare(given.before, given.after)
    write(given.file, given.configs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
