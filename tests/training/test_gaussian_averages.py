"""Averages of a network over a Gaussian of its weights, against all derivatives evaluated one by one at every point."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.training import curvature
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.gaussian_averages import GaussianAverages, Surroundings
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

DECAY = 0.05


@pytest.fixture
def about(make_network, samples):
    """Instruments, surroundings in the eigenbasis of H without its flat modes, and a factor of a covariance."""
    network = make_network(nn.Linear(9, 4))
    instruments = Instruments(network, samples, None, weight_decay=DECAY, workers=Workers(1))
    origin = network.weights().numpy().copy()
    k, v = curvature.eigenbasis(curvature.hessian(instruments.energy, origin))
    noisy = k > DECAY + 1e-9
    factor = np.diag(0.03 / np.sqrt(k[noisy]))
    factor[1, 0] = 0.02
    return instruments, Surroundings(origin, v[:, noisy], k[noisy] - DECAY), factor


def evaluated(instruments, about, mean, factor):
    """The same with every derivative in full at all points of a frame: exact to second order."""
    full: FullBatch = instruments.energy
    p = len(mean)
    z = np.sqrt(p) * np.linalg.qr(np.random.default_rng(0).normal(size=(p, p)))[0]
    away = np.concatenate([z, -z]) @ factor.T
    gradients, h, c = [], 0.0, 0.0
    for w in about.weights(mean + away):
        gradients.append(full.energy_and_gradient(w).gradient @ about.basis)
        h = h + curvature.hessian(full, w) / len(away)
        c = c + curvature.noise_covariance(full, w) / len(away)
    h, c = (about.basis.T @ one @ about.basis for one in (h, c))
    rest = np.stack(gradients) - np.mean(gradients, axis=0) - away @ h
    return np.mean(gradients, axis=0), h, c, rest.T @ rest / len(rest)


def test_averages_are_those_of_derivatives_at_every_point(about):
    instruments, around, factor = about
    averages = GaussianAverages(instruments, around, seed=3)
    mean = np.full(len(factor), 0.02)
    found = [averages(mean, factor, frame) for frame in range(6)]
    expected = evaluated(instruments, around, mean, factor)
    for name, value in zip(("gradient", "hessian", "noise", "rest"), expected, strict=True):
        each = np.stack([getattr(one, name) for one in found])
        own = 0.5 if name == "rest" else 0.02
        error = each.var(axis=0, ddof=1).sum() / len(each)
        # the ratio is about one of many degrees of freedom, and what is expected has its own error of higher order
        assert np.sum((each.mean(axis=0) - value) ** 2) < 3.0 * error + (own * np.linalg.norm(value)) ** 2, name
    at = around.weights(mean)
    c_0 = around.basis.T @ curvature.noise_covariance(instruments.energy, at) @ around.basis
    changed = np.mean([one.noise for one in found], axis=0) - c_0
    assert np.linalg.norm(changed - (expected[2] - c_0)) < 0.2 * np.linalg.norm(expected[2] - c_0)


def test_bits_do_not_depend_on_the_number_of_threads(about):
    instruments, around, factor = about
    mean = np.zeros(len(factor))
    alone = GaussianAverages(instruments, around, seed=3)(mean, factor, 0)
    with Workers(3) as workers:
        instruments = Instruments(instruments.network, instruments.samples, None, weight_decay=DECAY, workers=workers)
        several = GaussianAverages(instruments, around, seed=3)(mean, factor, 0)
    for ours, theirs in zip(alone, several, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert torch.get_num_threads() == 1
