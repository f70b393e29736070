"""What an ensemble costs beside its peers: 64 replicas here, in JAX, and in a plain loop with torch.optim.SGD.

    python analysis/benchmarks/ensemble.py [softmax] [mlp] [cnn] [--replicas 64] [--repeats 21] [--json FILE]

Softmax regression, an MLP 64-32-10, and convolutions of 8 and 16 channels with pooling and one dense layer, on digits
in float32: minibatches of 16 for every replica, drawn on the way, with weight decay. JAX (left out, and said so, where
it is not installed) is `vmap` over replicas and `lax.scan` over steps in one compiled function; before it is timed, its
weights are compared with those of the ensemble after the same minibatches. The plain loop runs on one thread, on which
models so small are done soonest; the others have as many as torch would take.

Everything is warmed up, then timed in turn, repeat by repeat, so that a slow moment of the machine hits all alike; the
medians over repeats are compared, and the quartiles stand beside them. Times are per step of all replicas: on the wall,
and of CPU, all threads together, which other programs disturb less. The arithmetic of a step is counted as three times
that of its products forward, and set against what the machine does with large matrices on as many threads, timed among
the others. Exit code 1 if less than what is wanted was reached.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.training import initial
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.cnn import ConvolutionalNetwork
from langevin_sgd.training.architectures.images import as_taken
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.architectures.section import ArchitectureSection
from langevin_sgd.training.architectures.softmax import Softmax
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.digits import DigitsData
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

SGD = Sgd(learning_rate=0.1, batch_size=16, weight_decay=0.01)
SIZE_OF_A_LARGE_MATRIX = 1024
STEPS_COMPARED = 30
ROUNDING = 1e-5  # of weights of order one after so many steps in float32

Run = Callable[[], int]
"""Makes a few steps, and returns how many."""


@dataclass(frozen=True)
class Case:
    """One network; `operations` are the multiplications and additions of one sample forward.

    `wanted` are the least ratios to the peers' times, and the least share of the rate of large matrices.
    """

    architecture: ArchitectureSection
    operations: int
    steps: int
    wanted: dict[str, float]


CASES = {
    "softmax": Case(Softmax(kind="softmax"), 2 * 64 * 10, 400, {"JAX": 1.5, "plain loop": 90}),
    "mlp": Case(MultilayerPerceptron(kind="mlp", hidden=(32,)), 2 * (64 * 32 + 32 * 10), 150, {"JAX": 1.2}),
    "cnn": Case(
        ConvolutionalNetwork(kind="cnn", channels=(8, 16), kernel=3, dense=()),
        2 * (64 * 9 * 8 + 16 * 72 * 16 + 64 * 10),
        50,
        {"JAX": 6, "plain loop": 5, "large matrices": 0.15},
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Time the networks that were asked for, print a table of each, and say what is short of what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", choices=[*CASES, []], help="by default all")
    parser.add_argument("--replicas", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args(arguments)

    print(f"{options.replicas} replicas, minibatches of {SGD.batch_size}, {torch.get_num_threads()} threads")
    results = {name: measure(name, options.replicas, options.repeats) for name in options.networks or CASES}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    short = [f"{name}: {what}" for name, result in results.items() for what in result["short"]]
    print("less than wanted: " + "; ".join(short) if short else "all that is wanted was reached")
    return int(bool(short))


def measure(name: str, replicas: int, repeats: int) -> dict[str, Any]:
    """Time one network and its peers, print the table, and return its figures."""
    case = CASES[name]
    digits = data.load(DigitsData(), seed=1)
    inputs = as_taken(case.architecture, digits.train_inputs, DigitsData())
    samples = Samples.of(inputs, digits.train_labels, dtype=torch.float32)

    def build() -> nn.Module:
        return architectures.build(case.architecture, inputs.shape[1:], 10)

    with Workers(torch.get_num_threads()) as workers:
        timed = {
            "here": _ensemble(build, samples, replicas, case.steps, workers),
            "one replica here": _ensemble(build, samples, 1, case.steps, workers),
            "plain loop": _plain_loop(build, samples, replicas),
            "large matrices": _matrix_product(),
        }
        if importlib.util.find_spec("jax") is None:
            print("jax not installed")
        else:
            timed["JAX"] = _in_jax(name, build, samples, replicas, case.steps, workers)
        wall: dict[str, list[float]] = {peer: [] for peer in timed}
        cpu: dict[str, list[float]] = {peer: [] for peer in timed}
        for repeat in range(repeats + 1):
            for peer, run in timed.items():
                began = time.perf_counter(), time.process_time()
                steps = run()
                if repeat > 0:  # the first warms up
                    wall[peer].append((time.perf_counter() - began[0]) / steps)
                    cpu[peer].append((time.process_time() - began[1]) / steps)
    return _report(name, case, replicas, wall, cpu)


def _report(
    name: str, case: Case, replicas: int, wall: dict[str, list[float]], cpu: dict[str, list[float]]
) -> dict[str, Any]:
    medians = {peer: statistics.median(values) for peer, values in wall.items()}
    rate = 2 * SIZE_OF_A_LARGE_MATRIX**3 / medians.pop("large matrices")
    done = 3 * case.operations * replicas * SGD.batch_size / medians["here"]
    ratios = {peer: each / medians["here"] for peer, each in medians.items()}
    print(f"\n{name:>18}    us a step       (quartiles)        CPU   times as long")
    for peer, median in medians.items():
        low, _, high = (1e6 * each for each in statistics.quantiles(wall[peer], n=4))
        used = 1e6 * statistics.median(cpu[peer])
        print(
            f"{peer:>18} {1e6 * median:12.1f} {low:9.1f} to {high:8.1f} {used:10.1f} {ratios[peer]:10.2f}"
            f"{_wanted(case, peer, '{:g}')}"
        )
    ratios["large matrices"] = done / rate
    print(
        f"{done / 1e9:.1f} GFLOP/s, {done / rate:.1%} of {rate / 1e9:.0f} of large matrices"
        f"{_wanted(case, 'large matrices', '{:.0%}')}"
    )
    asked = {peer: least for peer, least in case.wanted.items() if peer in ratios}
    return {
        "replicas": replicas,
        "batch_size": SGD.batch_size,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "seconds_per_step": wall,
        "cpu_seconds_per_step": cpu,
        "ratios": ratios,
        "operations_per_second": done,
        "operations_per_second_of_large_matrices": rate,
        "short": [f"{peer} {ratios[peer]:.3g} of {least:g}" for peer, least in asked.items() if ratios[peer] < least],
    }


def _wanted(case: Case, peer: str, form: str) -> str:
    return f" (at least {form.format(case.wanted[peer])} wanted)" if peer in case.wanted else ""


def _start(build: Callable[[], nn.Module], replicas: int) -> torch.Tensor:
    return initial.weights(build, lambda module: Network.of(module, dtype=torch.float32).weights(), 1, range(replicas))


def _of(build: Callable[[], nn.Module], samples: Samples, replicas: int, workers: Workers) -> Ensemble:
    network = Network.of(build(), dtype=torch.float32)
    start = _start(build, replicas)
    return Ensemble(network, samples, SGD, weights=start, dtype=torch.float32, workers=workers)


def _ensemble(build: Callable[[], nn.Module], samples: Samples, replicas: int, steps: int, workers: Workers) -> Run:
    ensemble = _of(build, samples, replicas, workers)
    minibatches = Minibatches.of(SGD, seed=1, replicas=replicas, samples=len(samples))
    done = 0

    def run() -> int:
        nonlocal done
        ensemble.advance(minibatches, done, done + steps)
        done += steps
        return steps

    return run


def _plain_loop(build: Callable[[], nn.Module], samples: Samples, models: int) -> Run:
    """One model after the other, as a script without vmap would do it: a step of each."""
    networks = [build() for _ in range(models)]
    rule = {"lr": SGD.learning_rate, "momentum": SGD.momentum, "weight_decay": SGD.weight_decay}
    optimisers = [torch.optim.SGD(network.parameters(), **rule) for network in networks]

    def run() -> int:
        with one_torch_thread():
            for network, optimiser in zip(networks, optimisers, strict=True):
                index = torch.randint(len(samples), (SGD.batch_size,))
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(samples.inputs[index]), samples.labels[index]).backward()
                optimiser.step()
        return 1

    return run


def _in_jax(
    name: str, build: Callable[[], nn.Module], samples: Samples, replicas: int, steps: int, workers: Workers
) -> Run:
    """The peer in JAX, if it makes the same steps: else this raises."""
    from ensemble_in_jax import JaxEnsemble

    ensemble = _of(build, samples, replicas, workers)
    network = Network.of(build(), dtype=torch.float32)
    start = [part.numpy() for part in network.parameters(_start(build, replicas))]
    peer = JaxEnsemble(name, start, samples.inputs.numpy(), samples.labels.numpy(), SGD)

    minibatches = Minibatches.of(SGD, seed=1, replicas=replicas, samples=len(samples))
    peer.advance(minibatches.block(0, STEPS_COMPARED))
    ensemble.advance(minibatches, 0, STEPS_COMPARED)
    # of most replicas: in a few, rounding tells whether a unit is on
    apart = float(np.median(np.abs(ensemble.weights.numpy() - peer.weights()).max(axis=1)))
    assert apart < ROUNDING, f"{name} in JAX is another network: weights differ by {apart:.2g}"
    seed = 0

    def run() -> int:
        nonlocal seed
        seed += 1
        peer.train(steps, seed)
        return steps

    return run


def _matrix_product() -> Run:
    a, b = torch.randn(2, SIZE_OF_A_LARGE_MATRIX, SIZE_OF_A_LARGE_MATRIX)

    def run() -> int:
        a @ b
        return 1

    return run


if __name__ == "__main__":
    sys.exit(main())
