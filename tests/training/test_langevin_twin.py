"""Steps of a Langevin twin: noise of exactly the covariance that is meant, a drift that is the full gradient."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.random_numbers import streams
from langevin_sgd.training import curvature
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.langevin_twin import LangevinTwin
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.twin_noise import (
    DiagonalNoise,
    FrozenNoise,
    IsotropicNoise,
    PerSampleNoise,
    SvagNoise,
    Twinned,
    TwinNoise,
)

SGD = Sgd(learning_rate=0.3, batch_size=4, weight_decay=0.02)
L = 3


@pytest.fixture
def network(make_network):
    return make_network(nn.Linear(9, 4))


@pytest.fixture
def full(network, samples):
    return FullBatch(network, samples, SGD.weight_decay, Workers(1))


@pytest.fixture
def twinned(network, samples, full):
    start = network.weights().numpy()
    return Twinned(samples, 7, SGD.batch_size, L, torch.float64, full, start)


def test_its_normals_are_those_of_the_generator(twinned):
    replicas, step = np.array([0, 3, 70_000]), 2**33 + 5
    for components in (1, 9, 300):
        drawn = streams.normals(
            7, trajectories=replicas, steps=[step], components=components, stream=streams.Stream.TWIN_NOISE
        )[0]
        np.testing.assert_allclose(twinned.normals(step, replicas, components), drawn, rtol=1e-5, atol=1e-6)


class _Units(Twinned):
    """Row i has the normal i at 1 and all others at 0."""

    def normals(self, step, replicas, components):
        return np.eye(components)[replicas]  # in float64, so that what is made of them can be told from its square


@pytest.fixture
def units(twinned):
    return _Units(**vars(twinned))


def centred_gradients(twinned):
    return twinned.sample_gradients()


def test_noise_in_the_weights_of_samples_has_the_covariance_of_every_sample(units, samples, full):
    noise, every = PerSampleNoise(units), np.arange(len(samples))
    weights = torch.cat([part[2] for part in noise.terms(0, every)], dim=1).numpy()
    blocks = []
    full.sample_gradients(units.start, lambda block: blocks.append(block.numpy().copy()))
    gradients = np.concatenate(blocks)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)  # noise does not push along the drift
    steps = (weights - 1.0 / len(samples)) @ gradients
    c = curvature.noise_covariance(full, units.start)
    np.testing.assert_allclose(steps.T @ steps, c * L / SGD.batch_size, atol=1e-12)
    uncentred = gradients.T @ gradients / len(samples) * L / SGD.batch_size
    assert np.abs(steps.T @ steps - uncentred).max() > 1e-4  # what a missing mean of z would give


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        (FrozenNoise, lambda c: c),
        (DiagonalNoise, lambda c: np.diag(np.diag(c))),
        (IsotropicNoise, lambda c: np.eye(len(c)) * np.trace(c) / len(c)),
    ],
)
def test_kicks_have_the_covariance_that_they_are_called_by(units, samples, full, kind, of):
    noise = kind(units)
    components = len(samples) if kind is FrozenNoise else full.dimension
    kicks = noise.kick(0, np.arange(components)).numpy()
    c = of(curvature.noise_covariance(full, units.start))
    np.testing.assert_allclose(kicks.T @ kicks, c, atol=1e-12)
    if noise.variances is not None:
        np.testing.assert_allclose(np.diag(noise.variances), c, atol=1e-12)


def test_svag_has_the_mean_and_the_covariance_of_the_step_of_the_twin(twinned):
    ((_, _, weights),) = SvagNoise(twinned).terms(5, np.arange(3))
    # independent samples: the mean gradient, and the sum of squares times C
    np.testing.assert_allclose(weights.sum(dim=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose((weights**2).sum(dim=1), L / SGD.batch_size, rtol=1e-12)


def moved(network, noise, start, *, replicas, substeps, steps=6, workers=1, before=0):
    with Workers(workers) as threads:
        twin = LangevinTwin(
            network, CROSS_ENTROPY, SGD, noise, weights=start.expand(replicas, -1), substeps=substeps, workers=threads
        )
        if before:
            twin.advance(0, before)
            state = twin.state()
            twin.advance(before, steps)  # goes on from the state below, not from here
            twin.restore(state)
        twin.advance(before, steps)
    return twin.weights.clone()


def test_without_noise_it_is_descent_with_a_smaller_step(network, samples, twinned):
    start = network.weights()
    found = moved(network, TwinNoise(twinned), start, replicas=2, substeps=L)
    finer = SGD.model_copy(update={"learning_rate": SGD.learning_rate / L, "batch_size": len(samples)})
    descent = Ensemble(network, samples, finer, weights=start.expand(2, -1), dtype=torch.float64, workers=Workers(1))
    every = np.tile(np.arange(len(samples)), (6 * L, 2, 1))

    class Every:
        def block(self, step, at_most):
            return every[:at_most]

    descent.advance(Every(), 0, 6 * L)
    torch.testing.assert_close(found, descent.weights, rtol=1e-12, atol=1e-13)


def test_the_step_adds_noise_of_the_right_size(network, samples, twinned, full):
    """The mean square of one step's noise, over 400 replicas: 6 of its standard errors, 1.5% each."""
    start, rows = network.weights(), 400
    c = curvature.noise_covariance(full, start.numpy())
    still = moved(network, TwinNoise(twinned), start, replicas=2, substeps=L, steps=1)[0]
    for kind in (PerSampleNoise, FrozenNoise, SvagNoise):
        rate = SGD.model_copy(update={"learning_rate": 1e-3})  # so small that the drift does not change meanwhile
        twin = LangevinTwin(
            network, CROSS_ENTROPY, rate, kind(twinned), weights=start.expand(rows, -1), substeps=L, workers=Workers(1)
        )
        twin.advance(0, 1)
        spread = (twin.weights - twin.weights.mean(0)).numpy()
        found = (spread**2).sum() / (rows - 1)
        each = (spread**2).sum(axis=1)
        error = each.std() / np.sqrt(rows)
        expected = rate.learning_rate**2 / SGD.batch_size * np.trace(c)  # l steps of f eta^2/B
        assert abs(found - expected) < 5 * error, kind.__name__
        assert error < 0.1 * expected
    assert torch.isfinite(still).all()


def test_svag_of_one_is_sgd_on_its_minibatches(network, samples, full, twinned):
    alone = Twinned(**{**vars(twinned), "substeps": 1})
    noise = SvagNoise(alone)
    found = moved(network, noise, network.weights(), replicas=2, substeps=1)

    class First:
        """The first of the two minibatches."""

        def block(self, step, at_most):
            inputs = noise.terms(step, np.arange(2))[0][0][:, : SGD.batch_size]
            same = (inputs[:, :, None] == samples.inputs[None, None]).all(dim=-1)
            return same.to(torch.int64).argmax(dim=-1).numpy()[None]

    trained = Ensemble(
        network, samples, SGD, weights=network.weights().expand(2, -1), dtype=torch.float64, workers=Workers(1)
    )
    trained.advance(First(), 0, 6)
    torch.testing.assert_close(found, trained.weights, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", [PerSampleNoise, FrozenNoise, DiagonalNoise, SvagNoise])
def test_a_replica_has_its_bits_whatever_runs_beside_it(make_network, samples, full, twinned, kind):
    network = make_network(nn.Linear(9, 4), dtype=torch.float32)
    single = Twinned(**{**vars(twinned), "samples": samples.to(torch.float32), "dtype": torch.float32})
    noise, start = kind(single), network.weights()
    whole = moved(network, noise, start, replicas=50, substeps=2)
    for replicas, workers, before in ((1, 1, 0), (5, 2, 2), (50, 2, 3)):
        part = moved(network, noise, start, replicas=replicas, substeps=2, workers=workers, before=before)
        assert torch.equal(part, whole[:replicas]), (replicas, workers, before)
