"""Sharpness and inherent structures against autograd, closed forms and the symmetries that they must not see."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training import curvature
from langevin_sgd.training.full_batch import EnergyAndGradient, FullBatch
from langevin_sgd.training.probes import building
from langevin_sgd.training.probes.inherent_structures.measure import structures
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.sharpness import measure as sharpness
from langevin_sgd.training.probes.sharpness.config import SharpnessProbe
from langevin_sgd.training.quench import quench
from langevin_sgd.training.threads import Workers

HIDDEN = 5
SGD = Sgd(learning_rate=0.1, batch_size=8)


def _of(network, samples, w: np.ndarray) -> np.ndarray:
    full = FullBatch(network, samples, 0.0, Workers(1))
    return np.array(sharpness.of_hessian(curvature.hessian(full, w), w))


def _parts(w: np.ndarray) -> list[np.ndarray]:
    """Views of the weights of 9 -> 5 -> 4: W1, b1, W2, b2."""
    first, bias, second, last = np.split(w, np.cumsum([9 * HIDDEN, HIDDEN, 4 * HIDDEN]))
    return [first.reshape(HIDDEN, 9), bias, second.reshape(4, HIDDEN), last]


def _rescaled(w: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(w_in, b, w_out) -> (l w_in, l b, w_out/l) for every hidden unit."""
    first, bias, second, last = _parts(w)
    return np.concatenate([(first * factors[:, None]).ravel(), bias * factors, (second / factors).ravel(), last])


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh()])
def test_sharpness_is_that_of_autograds_hessian(make_network, samples, activation):
    network = make_network(nn.Linear(9, HIDDEN), activation, nn.Linear(HIDDEN, 4))
    w = network.weights()

    def loss(point: torch.Tensor) -> torch.Tensor:
        outputs = network.outputs(network.parameters(point), samples.inputs)
        return nn.functional.cross_entropy(outputs, samples.labels)

    h = torch.autograd.functional.hessian(loss, w).numpy()
    expected = [np.linalg.eigvalsh(h)[-1], np.trace(h), (w.numpy() ** 2 * np.diag(h)).sum()]
    np.testing.assert_allclose(_of(network, samples, w.numpy()), expected, rtol=1e-10)


def test_the_invariant_measure_is_the_loss_under_relative_errors(make_network, samples):
    """<L(w (1 + s z))> - L(w) = (s^2/2) sum w^2 H_kk: 4,000 antithetic pairs at s = 0.01, within 4 standard errors."""
    network = make_network(nn.Linear(9, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 4))
    w, full = network.weights().numpy(), FullBatch(network, samples, 0.0, Workers(1))
    z = np.random.default_rng(3).normal(size=(4000, w.size))
    rise = np.array([
        sum(full.energy_and_gradient(w * (1 + sign * 0.01 * one)).energy for sign in (1, -1)) / 2 for one in z
    ]) - full.energy_and_gradient(w).energy  # fmt: skip
    found = 2 * rise / 0.01**2
    error = found.std(ddof=1) / len(found) ** 0.5
    expected = _of(network, samples, w)[2]
    assert error < 0.03 * expected
    assert abs(found.mean() - expected) < 4 * error


def test_rescaling_relu_units_changes_all_but_the_invariant_measure(make_network, samples):
    network = make_network(nn.Linear(9, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 4))
    w = network.weights().numpy()
    other = _rescaled(w, np.array([0.1, 0.5, 1.0, 3.0, 20.0]))
    outputs = [network.outputs(network.parameters(torch.from_numpy(p)), samples.inputs) for p in (w, other)]
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
    before, after = _of(network, samples, w), _of(network, samples, other)
    assert after[0] > 5 * before[0]
    assert after[1] > 5 * before[1]
    assert after[2] == pytest.approx(before[2], rel=1e-10)


def test_permutations_and_signs_of_tanh_units_change_nothing(make_network, samples):
    network = make_network(nn.Linear(9, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 4))
    w = network.weights().numpy()
    first, bias, second, last = _parts(_rescaled(w, np.array([1.0, -1.0, 1.0, -1.0, -1.0])))
    order = [3, 0, 4, 1, 2]
    other = np.concatenate([first[order].ravel(), bias[order], second[:, order].ravel(), last])
    assert np.abs(other - w).max() > 0.1
    np.testing.assert_allclose(_of(network, samples, other), _of(network, samples, w), rtol=1e-10)


def test_too_large_a_network_is_refused_before_training():
    with pytest.raises(UserError, match=r"4001 parameters are too many .* remove probes"):
        building.build([SharpnessProbe(kind="sharpness")], Watched(10, 2, 4001, SGD, 1e-6), declared={})


def test_a_quench_ends_in_the_well_that_it_began_in():
    """-cos(6 x)/6: from all over the well of 0, whose ridge is pi/6; L-BFGS alone leaps over it from 0.352."""

    class Wells:
        dimension = 1

        def energy_and_gradient(self, w):
            return EnergyAndGradient(float(-np.cos(6 * w[0]) / 6), np.sin(6 * w))

        def hessian_products(self, w, vectors):
            return vectors * 6 * np.cos(6 * w[0])

    starts = np.linspace(0.03, 0.5, 20)
    for start in (*starts, *-starts):
        found = quench(Wells(), np.array([start]), tolerance=1e-8)
        np.testing.assert_allclose(found.position, 0.0, atol=1e-7)
        assert found.energy == pytest.approx(-1 / 6)


def test_minima_with_the_same_outputs_are_one_structure_the_lowest_first():
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(3, 20, 4))
    which = np.array([2, 0, 0, 1, 2, 0])
    outputs = [kinds[k] * (1 + 1e-3 * rng.normal(size=(20, 4))) for k in which]
    energies = np.array([0.5, 0.1, 0.1001, 0.3, 0.4999, 0.1002])
    labels, chosen = structures(energies, outputs, same_within=0.02)
    assert labels.tolist() == [2, 0, 0, 1, 2, 0]
    assert chosen.tolist() == [1, 3, 4]
    labels, chosen = structures(energies, outputs, same_within=1e-5)
    assert len(chosen) == 6
