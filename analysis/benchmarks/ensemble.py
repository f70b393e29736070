"""What an ensemble costs: 64 replicas against one, and against a plain loop over 64 models with torch.optim.SGD.

    python analysis/benchmarks/ensemble.py [--architecture softmax|mlp|cnn] [--replicas 64] [--repeats 7] [--json FILE]

Softmax regression (or an MLP 64-32-10, or convolutions of 8 and 16 channels with pooling and one dense layer) on
digits, minibatches of 16 for every replica, with weight decay.
All three are warmed up, then timed in turn, repeat by repeat, so that a slow moment of the machine hits them alike; the
medians over repeats are compared. Seconds are per step of all replicas. The arithmetic of a step is counted as three
times that of its products forward, and set against what the machine does with large matrices on as many cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training import initial
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.cnn import ConvolutionalNetwork
from langevin_sgd.training.architectures.images import as_taken
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.architectures.softmax import Softmax
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.digits import DigitsData
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

LIMIT = 4.0
SGD = Sgd(learning_rate=0.1, batch_size=16, weight_decay=0.01)
ARCHITECTURES = {
    "softmax": Softmax(kind="softmax"),
    "mlp": MultilayerPerceptron(kind="mlp", hidden=(32,)),
    "cnn": ConvolutionalNetwork(kind="cnn", channels=(8, 16), kernel=3, dense=()),
}
# multiplications and additions of one sample forward
OPERATIONS = {
    "softmax": 2 * 64 * 10,
    "mlp": 2 * (64 * 32 + 32 * 10),
    "cnn": 2 * (64 * 9 * 8 + 16 * 72 * 16 + 64 * 10),
}
SIZE_OF_A_LARGE_MATRIX = 1024


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; exit code 1 if 64 replicas of softmax regression cost more than four times one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="softmax")
    parser.add_argument("--replicas", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, help="steps of the ensemble in one repeat (1500; of cnn 150)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args(arguments)

    digits = data.load(DigitsData(), seed=1)
    architecture = ARCHITECTURES[options.architecture]
    inputs = as_taken(architecture, digits.train_inputs, DigitsData())
    samples = Samples.of(inputs, digits.train_labels, dtype=torch.float32)
    steps = options.steps or (150 if architecture.IMAGES else 1500)

    def build() -> nn.Module:
        return architectures.build(architecture, inputs.shape[1:], 10)

    with Workers(torch.get_num_threads()) as workers:
        timed = {
            f"{options.replicas} replicas": _ensemble(build, samples, options.replicas, steps, workers),
            "1 replica": _ensemble(build, samples, 1, steps, workers),
            "plain loop": _plain_loop(build, samples, options.replicas, steps=max(1, steps // 100)),
        }
        for run in timed.values():
            run()
        seconds: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(options.repeats):
            for name, run in timed.items():
                seconds[name].append(run())

    rate = _matrix_rate()
    many, one, loop = (statistics.median(values) for values in seconds.values())
    result = {
        "architecture": options.architecture,
        "replicas": options.replicas,
        "batch_size": SGD.batch_size,
        "repeats": options.repeats,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "seconds_per_step": seconds,
        "ratio_to_one_replica": many / one,
        "ratio_of_plain_loop": loop / many,
        "operations_per_second": 3 * OPERATIONS[options.architecture] * options.replicas * SGD.batch_size / many,
        "operations_per_second_of_large_matrices": rate,
    }
    for name, values in seconds.items():
        print(f"{name:>12}: {1e6 * statistics.median(values):9.1f} us a step ({_range(values)})")
    print(f"{options.replicas} replicas take {many / one:.2f} times as long as one (at most {LIMIT:g} wanted)")
    print(f"a plain loop over {options.replicas} models with torch.optim.SGD takes {loop / many:.0f} times as long")
    share = result["operations_per_second"] / rate
    print(
        f"{result['operations_per_second'] / 1e9:.1f} GFLOP/s, {100 * share:.0f}% of {rate / 1e9:.0f} of large matrices"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(options.architecture == "softmax" and many / one > LIMIT)


def _ensemble(
    build: Callable[[], nn.Module], samples: Samples, replicas: int, steps: int, workers: Workers
) -> Callable[[], float]:
    network = Network.of(build(), dtype=torch.float32)
    start = initial.weights(build, lambda module: Network.of(module, dtype=torch.float32).weights(), 1, range(replicas))
    ensemble = Ensemble(network, samples, SGD, weights=start, dtype=torch.float32, workers=workers)
    minibatches = Minibatches.of(SGD, seed=1, replicas=replicas, samples=len(samples))
    done = 0

    def run() -> float:
        nonlocal done
        began = time.perf_counter()
        ensemble.advance(minibatches, done, done + steps)
        done += steps
        return (time.perf_counter() - began) / steps

    return run


def _plain_loop(build: Callable[[], nn.Module], samples: Samples, models: int, steps: int) -> Callable[[], float]:
    """One model after the other, as a script without vmap would do it."""
    networks = [build() for _ in range(models)]
    rule = {"lr": SGD.learning_rate, "momentum": SGD.momentum, "weight_decay": SGD.weight_decay}
    optimisers = [torch.optim.SGD(network.parameters(), **rule) for network in networks]

    def run() -> float:
        began = time.perf_counter()
        for network, optimiser in zip(networks, optimisers, strict=True):
            for _ in range(steps):
                index = torch.randint(len(samples), (SGD.batch_size,))
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(samples.inputs[index]), samples.labels[index]).backward()
                optimiser.step()
        return (time.perf_counter() - began) / steps

    return run


def _matrix_rate() -> float:
    """Multiplications and additions a second of the product of two large matrices: the best of ten."""
    a = torch.randn(SIZE_OF_A_LARGE_MATRIX, SIZE_OF_A_LARGE_MATRIX)
    times = []
    for _ in range(10):
        began = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - began)
    return 2 * SIZE_OF_A_LARGE_MATRIX**3 / min(times)


def _range(values: list[float]) -> str:
    return f"{1e6 * min(values):.1f} to {1e6 * max(values):.1f}"


if __name__ == "__main__":
    sys.exit(main())
