"""What the largest eigenvalues of the Hessians of 64 replicas cost in one call, and one by one.

    python analysis/benchmarks/hessian_spectrum.py [--replicas 64] [--repeats 3] [--hidden 25]

The ten largest of each of an MLP 64-25-10 on digits (d = 1,885, all samples, float64) to 1e-3: by Lanczos iteration of
all replicas at once, as the probe `hessian_spectrum` makes it; of one replica after the other by scipy's eigsh with
products recorded as ours are; and by eigsh with those of curvlinops (left out, and said so, where it is not installed).
All have as many threads as torch would take. One by one a few replicas are timed, and told for all. Eigenvalues are
compared first. Times are on the wall, medians over repeats, timed in turn. Exit code 1 below ten times as fast.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import scipy.sparse.linalg
import torch
from numpy.typing import NDArray
from torch import nn

from langevin_sgd.training import initial
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.digits import DigitsData
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble_products import EnsembleProducts
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.lanczos import leading_pairs
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

TOP, TOLERANCE, MOST, FEW = 10, 1e-3, 400, 2
WANTED = 10.0

Find = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Of weights (row, d) the largest eigenvalues (row, 10)."""


def main(arguments: list[str] | None = None) -> int:
    """Time, print a table, and say what is short of what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=25)
    parser.add_argument("--samples", type=int, help="by default all of the training set")
    options = parser.parse_args(arguments)

    digits = data.load(DigitsData(), seed=1)
    section = MultilayerPerceptron(kind="mlp", hidden=(options.hidden,))

    def build() -> nn.Module:
        return architectures.build(section, digits.train_inputs.shape[1:], 10)

    def of(module: nn.Module) -> torch.Tensor:
        return Network.of(module, dtype=torch.float64).weights()

    network = Network.of(build(), dtype=torch.float64)
    few = slice(options.samples)
    samples = Samples.of(digits.train_inputs[few], digits.train_labels[few], dtype=torch.float64)
    weights = initial.weights(build, of, 1, range(options.replicas)).double().numpy()
    start = np.random.default_rng(0).normal(size=network.size)
    with Workers(torch.get_num_threads()) as workers:
        products = EnsembleProducts(Instruments(network, samples, None, weight_decay=0.0, workers=workers))

        def together(at: NDArray[np.float64]) -> NDArray[np.float64]:
            first = np.tile(start, (len(at), 1))
            pairs = leading_pairs(lambda v: products(at, v), first, TOP, most=MOST, tolerance=TOLERANCE)
            return np.array([each.values[:TOP] for each in pairs])

        timed: dict[str, tuple[Find, int]] = {"in one call": (together, options.replicas)}
        timed["one by one here"] = (_one_by_one(network, samples, workers, start), FEW)
        if importlib.util.find_spec("curvlinops") is None:
            print("curvlinops not installed")
        else:
            timed["curvlinops, one by one"] = (_curvlinops(build(), samples, start), FEW)
        return _report(network.size, timed, weights, options.repeats)


def _report(d: int, timed: dict[str, tuple[Find, int]], weights: NDArray[np.float64], repeats: int) -> int:
    found = {name: find(weights[:FEW]) for name, (find, _) in timed.items()}  # which warms up, too
    for name, eigenvalues in found.items():
        apart = np.abs(eigenvalues / found["in one call"] - 1).max()
        assert apart < 2 * TOLERANCE, f"{name}: eigenvalues differ by {apart:.2g}"
    walls: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(repeats):
        for name, (find, count) in timed.items():
            began = time.perf_counter()
            find(weights[:count])
            walls[name].append((time.perf_counter() - began) * len(weights) / count)
    print(f"{len(weights)} replicas, d = {d}, {torch.get_num_threads()} threads; seconds of all replicas")
    medians = {name: statistics.median(values) for name, values in walls.items()}
    ratios = {name: each / medians["in one call"] for name, each in medians.items()}
    for name, each in medians.items():
        wanted = "" if name == "in one call" else f"   ({WANTED:g} wanted)"
        print(f"{name:>24} {each:8.2f} {ratios[name]:8.1f}{wanted}")
    return int(any(ratio < WANTED for name, ratio in ratios.items() if name != "in one call"))


def _one_by_one(network: Network, samples: Samples, workers: Workers, start: NDArray[np.float64]) -> Find:
    exact = FullBatch(network, samples, 0.0, workers)

    def find(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(
            [_leading(lambda v, w=w: exact.hessian_products(w, v.reshape(1, -1))[0], w.size, start) for w in weights]
        )

    return find


def _curvlinops(module: nn.Module, samples: Samples, start: NDArray[np.float64]) -> Find:
    import curvlinops

    module = module.double()
    batch = [(samples.inputs, samples.labels)]

    def find(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = []
        for w in weights:
            nn.utils.vector_to_parameters(torch.from_numpy(w), module.parameters())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                hessian = curvlinops.HessianLinearOperator(
                    module, nn.CrossEntropyLoss(), list(module.parameters()), batch, check_deterministic=False
                ).to_scipy()
            rows.append(_leading(hessian.matvec, w.size, start))
        return np.array(rows)

    return find


def _leading(
    product: Callable[[NDArray[np.float64]], NDArray[np.float64]], d: int, start: NDArray[np.float64]
) -> NDArray[np.float64]:
    hessian = scipy.sparse.linalg.LinearOperator((d, d), matvec=product, dtype=np.float64)
    found = scipy.sparse.linalg.eigsh(hessian, k=TOP, which="LA", tol=TOLERANCE, v0=start, return_eigenvectors=False)
    return np.sort(found)[::-1]


if __name__ == "__main__":
    sys.exit(main())
