"""H against the second moment of the samples' gradients, held against both matrices in full."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.training import curvature
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble_products import EnsembleProducts
from langevin_sgd.training.losses import functions
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.gauss_newton.config import GaussNewtonProbe
from langevin_sgd.training.probes.gauss_newton.measure import Comparison
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

ROWS, VECTORS = 3, 200


def instruments(module: torch.nn.Module, workers: Workers, labels=None) -> Instruments:
    generator = np.random.default_rng(1)
    inputs, drawn = generator.normal(size=(60, 6)), generator.integers(3, size=60)
    data = Samples.of(inputs, drawn if labels is None else labels, dtype=torch.float64)
    return Instruments(Network.of(module, dtype=torch.float64), data, None, weight_decay=0.3, workers=workers)


@pytest.fixture(scope="module")
def compared():
    """What is measured of a network of two layers, and H, F and g of each row."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    with Workers(2) as workers:
        given = instruments(module, workers)
        d = given.network.size
        weights = np.random.default_rng(2).normal(size=(ROWS, d))
        section = GaussNewtonProbe(kind="gauss_newton", eigenvectors=4, vectors=VECTORS)
        found = Comparison(given, section, dimension=d, seed=5)(weights)
        alone = Comparison(given, section, dimension=d, seed=5)(weights[1:2])
        exact = []
        for w in weights:
            gradient = given.loss.energy_and_gradient(w).gradient
            second = curvature.noise_covariance(given.loss, w) + np.outer(gradient, gradient)
            exact.append((curvature.hessian(given.loss, w), second, gradient))
        vectors = np.random.default_rng(3).normal(size=(ROWS, d))
        products = EnsembleProducts(given, functions.second_moment_product)(weights, vectors)
        return found, alone, exact, vectors, products


def test_products_are_those_of_the_matrices(compared):
    _, _, exact, vectors, products = compared
    for row, (_, second, gradient) in enumerate(exact):
        np.testing.assert_allclose(
            products[row], np.concatenate([second @ vectors[row], gradient]), rtol=1e-9, atol=1e-12
        )


def test_distance_and_scale_are_those_of_the_matrices_within_their_errors(compared):
    found, _, exact, *_ = compared
    for row, (hessian, second, _) in enumerate(exact):
        size = np.linalg.norm(hessian)
        error = found["stderr"][row]
        assert abs(found["difference"][row] - np.linalg.norm(hessian - second) / size) < 4.0 * error
        assert 0 < error < 0.2 * found["difference"][row]
        assert abs(found["scale"][row] - np.sum(hessian * second) / size**2) < 0.1


def test_the_gradient_lies_along_the_eigenvectors_as_it_does(compared):
    found, _, exact, *_ = compared
    for row, (hessian, _, gradient) in enumerate(exact):
        vectors = np.linalg.eigh(hessian)[1][:, ::-1][:, :4]
        np.testing.assert_allclose(found["top"][row], (vectors.T @ gradient) ** 2 / (gradient @ gradient), atol=1e-3)


def test_a_row_does_not_hang_on_the_others(compared):
    found, alone, *_ = compared
    for name, values in alone.items():
        np.testing.assert_array_equal(values[0], found[name][1])


def test_of_softmax_regression_on_labels_as_it_predicts_them_both_are_the_same():
    """H = mean x x^T (diag p - p p^T) is F on average over labels drawn from p: exactly, with samples in proportion.

    All of 60 samples are one input, p = 1/3: labels 20 of each. Shuffled labels of other inputs would not do.
    """
    torch.manual_seed(0)
    with Workers(1) as workers:
        given = instruments(torch.nn.Linear(6, 3), workers, labels=np.repeat([0, 1, 2], 20))
        given.samples.inputs[:] = given.samples.inputs[:1].clone()
        section = GaussNewtonProbe(kind="gauss_newton", eigenvectors=2, vectors=4)
        comparison = Comparison(given, section, dimension=21, seed=5)
        found = comparison(np.zeros((1, 21)))
        assert found["difference"][0] < 1e-7
        assert found["scale"][0] == pytest.approx(1.0, abs=1e-9)
        assert comparison(np.random.default_rng(1).normal(size=(1, 21)))["difference"][0] > 0.1


def test_it_is_measured_along_training():
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "mlp", "hidden": [4]}, "replicas": 3,
        "steps": 60, "record_times": 8,
        "probes": [{"kind": "gauss_newton", "eigenvectors": 3, "looks": 2, "replicas": 2}],
    }  # fmt: skip
    study = {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}
    found = lsgd.simulate(study)["network"]
    assert found.gradient_in_top.shape == (2, 2, 3)
    assert np.isfinite(found.gauss_newton_difference).all()
    network["probes"][0]["replicas"] = 5
    with pytest.raises(lsgd.ConfigError, match="5 is more than the 3 of the network"):
        lsgd.parse(study)
