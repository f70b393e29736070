"""Random features: the first layer stays, and the minimum is that of ridge regression on the features."""

from __future__ import annotations

import numpy as np
import torch

import langevin_sgd as lsgd
from langevin_sgd.models.network.problem import prepare
from langevin_sgd.training.architectures.random_features import RandomFeatures
from langevin_sgd.training.initial import build_with_seed

DECAY = 0.01


def study(**network) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris", "standardise": True}, "loss": "mse", "start": "minimum",
        "architecture": {"kind": "random_features", "features": 7}, "steps": 2, "replicas": 2, "record_times": 2,
        "precision": "float64", "measure_curvature": False, **network,
    }  # fmt: skip
    sgd = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": DECAY}
    return {"name": "one", "seed": 4, "sgd": sgd, "models": {"network": network}}


def test_the_minimum_is_that_of_ridge_regression():
    """The bias has decay too, so that it is a feature that is 1."""
    parsed = lsgd.parse(study())
    problem = prepare(parsed.models["network"], seed=4, device="cpu", refuse_size=lambda _: None)
    module, samples = problem.module, problem.train
    features = (2 / 7) ** 0.5 * torch.relu(samples.inputs.double() @ module.directions.double().T / 4**0.5)
    design = np.concatenate([features.numpy(), np.ones((len(samples), 1))], axis=1)
    targets = np.eye(3)[samples.labels.numpy()]
    matrix = design.T @ design / len(design) + DECAY * np.eye(8)
    best = np.linalg.solve(matrix, design.T @ targets / len(design))
    loss = 0.5 * np.square(design @ best - targets).sum(1).mean()
    found = lsgd.simulate(study())["network"]
    np.testing.assert_allclose(found.train_loss[:, 0], loss, rtol=1e-6)
    np.testing.assert_allclose(found.energy[:, 0], loss + 0.5 * DECAY * np.square(best).sum(), rtol=1e-6)


def test_features_are_those_of_the_formula_and_are_not_trained():
    section = RandomFeatures(kind="random_features", features=5)
    module = build_with_seed(lambda: section.build((2, 3), 4), 1, 0)
    x = torch.randn(3, 2, 3)
    u, readout = module.directions, module.readout
    features = (2 / 5) ** 0.5 * torch.relu(x.reshape(3, 6) @ u.T / 6**0.5)
    torch.testing.assert_close(module(x), features @ readout.weight.T + readout.bias)
    assert {name for name, _ in module.named_parameters()} == {"readout.weight", "readout.bias"}
    other = build_with_seed(lambda: section.build((2, 3), 4), 2, 0)
    assert not torch.equal(other.directions, u)
