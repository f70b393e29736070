"""The closed forms of analysis/02_position_dependent_noise.py against the package's curvature."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.training import curvature
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.threads import Workers

SCRIPT = Path(__file__).parents[2] / "analysis" / "02_position_dependent_noise.py"


@pytest.fixture(scope="module")
def analysis():
    spec = importlib.util.spec_from_file_location("position_dependent_noise", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def problem(analysis, blobs):
    inputs = np.pad(blobs[0], ((0, 0), (0, 1)), constant_values=1.0)
    return analysis.SoftmaxRegression(torch.from_numpy(inputs), torch.from_numpy(blobs[1]), 4)


def test_averages_are_those_of_the_packages_gradient_hessian_and_noise(make_network, samples, problem):
    network = make_network(nn.Linear(9, 4))
    full = FullBatch(network, samples, 0.0, Workers(1))
    points = np.random.default_rng(0).normal(size=(3, network.size))
    order = problem.from_parameters(np.arange(float(network.size))).flatten().numpy().astype(int)
    gradient, hessian, noise = problem.averages(torch.stack([problem.from_parameters(w) for w in points]))
    expected = np.mean([full.energy_and_gradient(w).gradient for w in points], axis=0)
    np.testing.assert_allclose(gradient, expected[order], atol=1e-14)
    for found, function in ((hessian, curvature.hessian), (noise, curvature.noise_covariance)):
        expected = np.mean([function(full, w) for w in points], axis=0)
        np.testing.assert_allclose(found, expected[np.ix_(order, order)], atol=1e-14)


def test_the_excess_is_that_of_the_average_noise(analysis, problem):
    """Nothing averaged: the law itself. With <C> the excess is proportional to eta, and that of Gaussian draws."""
    decay = analysis.WEIGHT_DECAY * np.eye(40)
    minimum = torch.zeros(4, 10, dtype=torch.float64)
    for _ in range(30):
        gradient, hessian, noise = problem.averages(minimum[None])
        step = np.linalg.solve(hessian + decay, gradient + decay @ minimum.flatten().numpy())
        minimum = minimum - torch.from_numpy(step).view(4, 10)
    hessian += decay
    assert analysis.predicted(problem, minimum, 0.1, drift=False, noise=False)[0] == pytest.approx(1.0, abs=1e-12)
    small, large = (analysis.predicted(problem, minimum, eta, drift=False, noise=True)[0] - 1 for eta in (0.01, 0.04))
    assert large == pytest.approx(4 * small, rel=0.2)

    law = analysis.stationary(hessian, noise, 0.01)
    shrink = np.eye(40) - 0.01 * hessian
    np.testing.assert_allclose(law, shrink @ law @ shrink + 0.01**2 / analysis.BATCH_SIZE * noise, atol=1e-12)
    step = np.random.default_rng(1).multivariate_normal(np.zeros(40), law, size=4000)
    draws = minimum + torch.from_numpy(np.concatenate([step, -step])).view(-1, 4, 10)
    drawn = np.trace(analysis.stationary(hessian, problem.averages(draws)[2], 0.01)) / np.trace(law) - 1
    assert small == pytest.approx(drawn, rel=0.1)
