from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from langevin_sgd.errors import UserError
from langevin_sgd.training import curvature, minimum
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.threads import Workers


@pytest.fixture
def make_full(samples):
    return lambda network, decay=0.01: FullBatch(network, samples, decay, Workers(1))


def test_the_minimum_of_a_convex_loss_is_found_from_anywhere(make_network, make_full):
    network = make_network(nn.Linear(9, 4))
    full = make_full(network)
    rng = np.random.default_rng(0)
    found = [minimum.find(full, rng.normal(size=network.size), tolerance=1e-9) for _ in range(2)]
    for one in found:
        assert one.gradient_norm <= 1e-9
        assert one.gradient_norm == np.linalg.norm(full.energy_and_gradient(one.position).gradient)
    np.testing.assert_allclose(found[0].position, found[1].position, atol=1e-6)
    nearby = found[0].position + 1e-3 * rng.normal(size=(20, network.size))
    assert min(full.energy_and_gradient(w).energy for w in nearby) > found[0].energy


def test_newton_steps_reach_what_quasi_newton_does_not(make_network, make_full, monkeypatch):
    monkeypatch.setattr(minimum, "_QUASI_NEWTON_STEPS", 15)
    network = make_network(nn.Linear(9, 4))
    found = minimum.find(make_full(network, 1e-3), network.weights().numpy(), tolerance=1e-11)
    assert found.gradient_norm <= 1e-11


def test_a_minimum_of_a_network_with_a_hidden_layer(make_network, make_full):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    full = make_full(network)
    found = minimum.find(full, network.weights().numpy(), tolerance=1e-6)
    assert found.gradient_norm <= 1e-6
    assert np.linalg.eigvalsh(curvature.hessian(full, found.position))[0] > 0


def test_a_saddle_of_hidden_units_that_are_alike_is_left(make_network, make_full):
    """Their gradients are alike too, so that no descent ever tells them apart: it ends on a saddle."""
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    full = make_full(network, 1e-3)
    start = network.weights().clone()
    inward, bias, outward, _ = network.parameters(start)
    inward[:], bias[:], outward[:] = inward[0].clone(), bias[0].clone(), outward[:, :1].clone()
    alike = network.flatten(network.parameters(start)).numpy()
    descent = minimum._Search(full, 1e-6, lambda *_: None).descend(alike)
    assert descent.gradient_norm <= 1e-6
    assert np.linalg.eigvalsh(curvature.hessian(full, descent.position))[0] < -1e-3
    assert minimum.lowest_curvature(full, descent).is_negative
    found = minimum.find(full, alike, tolerance=1e-6)
    assert found.gradient_norm <= 1e-6
    assert np.linalg.eigvalsh(curvature.hessian(full, found.position))[0] > 0
    assert found.energy < descent.energy - 0.01


def test_a_trust_region_goes_on_where_conjugate_gradients_find_no_descent(make_network, make_full, monkeypatch):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    full, start = make_full(network, 1e-3), network.weights().numpy()
    stuck = minimum.Minimum(minimum._newton(full, start, 1e-8), 0.0, np.zeros(network.size))
    assert np.linalg.norm(full.energy_and_gradient(stuck.position).gradient) > 0.1
    assert minimum.lowest_curvature(full, stuck).curvature < -0.1
    monkeypatch.setattr(minimum, "_QUASI_NEWTON_STEPS", 1)
    found = minimum.find(full, start, tolerance=1e-9)
    assert found.gradient_norm <= 1e-9
    assert np.linalg.eigvalsh(curvature.hessian(full, found.position))[0] > 0


def test_failure_where_the_curvature_is_negative_says_so(make_network, make_full, monkeypatch):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    full, start = make_full(network, 1e-3), network.weights().numpy()
    monkeypatch.setattr(minimum, "_QUASI_NEWTON_STEPS", 1)
    monkeypatch.setattr(minimum, "_TRUST_REGION_STEPS", 1)
    monkeypatch.setattr(minimum, "_SADDLES", 0)
    with pytest.raises(
        UserError, match=r"gradient norm is still 0.\d+ after .* lowest curvature seen there is -0.\d+;"
    ):
        minimum.find(full, start, tolerance=1e-8)
    with pytest.raises(
        UserError, match=r"a saddle after each of 0: the gradient norm is \S+e-\d+, but the lowest .* -1"
    ):
        minimum.find(full, 0.05 * start, tolerance=1e-8)


def test_failure_names_the_norm_reached_and_the_mend(make_network, make_full):
    network = make_network(nn.Linear(9, 4))
    with pytest.raises(UserError, match=r"gradient norm is still \S+e-1\d .*weight_decay"):
        minimum.find(make_full(network), network.weights().numpy(), tolerance=1e-30)


def test_progress_is_reported(make_network, make_full):
    network = make_network(nn.Linear(9, 4))
    seen = []
    minimum.find(make_full(network), network.weights().numpy(), tolerance=1e-6, progress=lambda *a: seen.append(a))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert len(seen) > 5


def test_polishing_ends_at_rounding(make_network, make_full):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    full = make_full(network, 1e-3)
    found = minimum.find(full, network.weights().numpy(), tolerance=1e-5)
    polished = minimum.polish(full, found)
    assert found.gradient_norm > 1e-7
    assert polished.gradient_norm < 1e-14
    assert polished.gradient_norm == np.linalg.norm(full.energy_and_gradient(polished.position).gradient)
    assert polished.energy <= found.energy
    again = minimum.polish(full, polished)
    assert np.linalg.norm(again.position - polished.position) < 1e-10


def test_polishing_keeps_what_newton_would_make_worse(make_network, make_full):
    """At a start far from the minimum the full step overshoots."""
    network = make_network(nn.Linear(9, 4))
    full = make_full(network, 1e-6)
    far = 30.0 * np.random.default_rng(0).normal(size=network.size)
    start = minimum.Minimum(far, *full.energy_and_gradient(far))
    assert minimum.polish(full, start).gradient_norm <= start.gradient_norm


def test_looks_go_on_while_the_lowest_curvature_may_be_negative():
    """One of a thousandth of the largest among two thousand, which forty products do not tell from those around it."""
    k = np.append(np.linspace(0.002, 1.0, 1999), -0.001)
    made = []

    def products(w, rows):
        made.append(len(rows))
        return k * rows

    full = SimpleNamespace(dimension=len(k), hessian_products=products)
    at = minimum.Minimum(np.zeros(len(k)), 0.0, np.full(len(k), 1e-9))
    lowest = minimum.lowest_curvature(full, at)
    assert lowest.is_negative
    assert lowest.curvature == pytest.approx(-0.001, rel=0.05)
    assert 40 < len(made) <= 160
    made.clear()
    k = np.linspace(0.5, 1.0, 2000)
    assert not minimum.lowest_curvature(full, at).is_negative
    assert len(made) == 40
