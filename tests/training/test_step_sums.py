"""Sums over every step: what they are, that they change nothing, and that they do not depend on who is beside."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.step_sums import _OnCpu, _OnDevice
from langevin_sgd.training.threads import Workers

SEED = 3
CASES = [(0.0, 0.0), (0.0, 0.1), (0.8, 0.1)]


def _network(make_network, dtype=torch.float64):
    return make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4), dtype=dtype)


def _made(network, samples, sgd, replicas, *, squares=True, workers=1):
    with Workers(workers) as pool:
        told = {"dtype": samples.inputs.dtype, "workers": pool, "squares": squares}
        ensemble = Ensemble(network, samples, sgd, weights=network.weights().expand(replicas, -1), **told)
        ensemble.advance(Minibatches.of(sgd, seed=SEED, replicas=replicas, samples=len(samples)), 0, 9)
    return ensemble


@pytest.mark.parametrize(("mu", "decay"), CASES)
def test_they_are_the_squares_of_the_steps(make_network, samples, mu, decay):
    network = _network(make_network)
    sgd = Sgd(learning_rate=0.2, batch_size=3, momentum=mu, weight_decay=decay)
    minibatches = Minibatches.of(sgd, seed=SEED, replicas=2, samples=len(samples))
    told = {"weights": network.weights().expand(2, -1), "dtype": torch.float64, "workers": Workers(1), "squares": True}
    ensemble, expected = Ensemble(network, samples, sgd, **told), np.zeros((2, 4))
    for step in range(9):
        before = ensemble.weights.clone()
        ensemble.advance(minibatches, step, step + 1)
        moved = torch.split((ensemble.weights - before) / sgd.learning_rate, network.sizes, dim=1)
        expected += np.stack([(part**2).sum(1).numpy() for part in moved], axis=1)
    np.testing.assert_allclose(ensemble.squares.numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize(("mu", "decay"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_they_change_no_bit_and_depend_on_nobody_beside(make_network, samples, mu, decay, dtype):
    network, data = _network(make_network, dtype), samples.to(dtype)
    sgd = Sgd(learning_rate=0.2, batch_size=3, momentum=mu, weight_decay=decay)
    many = _made(network, data, sgd, 37)
    assert torch.equal(many.weights, _made(network, data, sgd, 37, squares=False).weights)
    assert torch.equal(many.squares, _made(network, data, sgd, 37, workers=2).squares)
    assert torch.equal(many.squares[:2], _made(network, data, sgd, 2).squares)
    assert torch.equal(many.squares[:1], _made(network, data, sgd, 1).squares)
    assert (many.squares > 0).all()


def test_they_are_part_of_the_state(make_network, samples):
    network, sgd = _network(make_network), Sgd(learning_rate=0.2, batch_size=3)
    first = _made(network, samples, sgd, 2)
    other = _made(network, samples, sgd, 2)
    minibatches = Minibatches.of(sgd, seed=SEED, replicas=2, samples=len(samples))
    first.advance(minibatches, 9, 12)
    state = first.state()
    first.advance(minibatches, 12, 15)
    other.restore(state)
    other.advance(minibatches, 12, 15)
    assert torch.equal(first.squares, other.squares)
    assert "squares" not in _made(network, samples, sgd, 2, squares=False).state()


def test_torch_and_the_compiled_sum_are_one():
    """Of pieces amid rows, in either precision."""
    draw = torch.Generator().manual_seed(0)
    for dtype, decay in ((torch.float64, 0.0), (torch.float64, 0.3), (torch.float32, 0.3)):
        values, weights = (torch.randn(5, 40, generator=draw, dtype=torch.float64).to(dtype) for _ in range(2))
        share = decay * torch.arange(5).to(dtype)
        found = [torch.ones(5, 3, dtype=torch.float64) for _ in range(2)]
        for adds, sums in zip((_OnCpu, _OnDevice), found, strict=True):
            adds(weights, share, sums).add(values, 3, 11, 23, 0.5, 1)
        np.testing.assert_allclose(*found, rtol=1e-12 if dtype == torch.float64 else 1e-6)
        whole = values[:, 3:26].double() + share[:, None].double() * weights[:, 11:34].double()
        np.testing.assert_allclose(found[0][:, 1], 1 + 0.5 * (whole**2).sum(1), rtol=1e-6)
        assert (found[0][:, [0, 2]] == 1).all()
