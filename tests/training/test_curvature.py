import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.errors import UserError
from langevin_sgd.training import curvature, full_batch
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

DECAY = 0.03


@pytest.fixture
def make_full(samples, monkeypatch):
    # several chunks of samples and of columns, the last ones short
    monkeypatch.setattr(full_batch, "_SAMPLES_AT_A_TIME", 60)
    monkeypatch.setattr(full_batch, "_NUMBERS_AT_A_TIME", 2000)
    monkeypatch.setattr(curvature, "_COLUMNS_AT_A_TIME", 17)

    def make(network, weight_decay: float = DECAY, threads: int = 1) -> FullBatch:
        return FullBatch(network, samples, weight_decay, Workers(threads))

    return make


def _softmax(make_network, samples, seed: int = 4):
    """Weights of softmax regression, and p (N, K) and inputs with a 1 for the bias (N, D + 1)."""
    network = make_network(nn.Linear(9, 4))
    w = np.random.default_rng(seed).normal(size=network.size)
    matrix = np.concatenate([w[:36].reshape(4, 9), w[36:, None]], axis=1)
    x = np.concatenate([samples.inputs.numpy(), np.ones((len(samples), 1))], axis=1)
    p = np.exp(x @ matrix.T)
    p /= p.sum(1, keepdims=True)
    return network, w, p, x


def _in_torch_order(blocks: np.ndarray) -> np.ndarray:
    """(K, D + 1) leading indices with the bias last -> (K D weights, then K biases)."""
    return np.concatenate([blocks[:, :-1].reshape(-1, *blocks.shape[2:]), blocks[:, -1]])


def test_energy_and_gradient_of_softmax_regression(make_network, make_full, samples):
    network, w, p, x = _softmax(make_network, samples)
    labels = samples.labels.numpy()
    energy, gradient = make_full(network).energy_and_gradient(w)
    expected = -np.log(p[np.arange(len(labels)), labels]).mean() + 0.5 * DECAY * w @ w
    np.testing.assert_allclose(energy, expected, rtol=1e-13)
    residual = p - np.eye(4)[labels]
    np.testing.assert_allclose(gradient, _in_torch_order(residual.T @ x / len(x)) + DECAY * w, atol=1e-14)


def test_hessian_and_noise_of_softmax_regression(make_network, make_full, samples):
    """H = <(diag p - p p^T) x x^T> + weight decay, and C = <g g^T> - <g><g>^T with g = (p - y) x."""
    network, w, p, x = _softmax(make_network, samples)
    full = make_full(network)
    curve = np.einsum("nk,kl->nkl", p, np.eye(4)) - np.einsum("nk,nl->nkl", p, p)
    h = np.einsum("nkl,na,nb->kalb", curve, x, x) / len(x)
    h = _in_torch_order(np.moveaxis(_in_torch_order(h), 0, 2)).T + DECAY * np.eye(w.size)
    np.testing.assert_allclose(curvature.hessian(full, w), h, atol=1e-14)
    residual = p - np.eye(4)[samples.labels.numpy()]
    g = np.stack([_in_torch_order(np.outer(r, a)) for r, a in zip(residual, x, strict=True)])
    np.testing.assert_allclose(curvature.noise_covariance(full, w), np.cov(g.T, bias=True), atol=1e-14)


def test_hessian_of_a_deeper_network_by_finite_differences(make_network, make_full):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    full = make_full(network)
    w = network.weights().numpy()
    h = curvature.hessian(full, w)
    assert np.array_equal(h, h.T)
    for column in (0, 20, 60, network.size - 1):
        e = np.zeros(w.size)
        e[column] = 1e-5
        difference = full.energy_and_gradient(w + e).gradient - full.energy_and_gradient(w - e).gradient
        np.testing.assert_allclose(h[column], difference / 2e-5, atol=1e-9)


def test_weight_decay_is_in_the_hessian_and_not_in_the_noise(make_network, make_full):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    w = network.weights().numpy()
    with_decay, without = make_full(network), make_full(network, 0.0)
    difference = curvature.hessian(with_decay, w) - curvature.hessian(without, w)
    np.testing.assert_allclose(difference, DECAY * np.eye(w.size), atol=1e-14)
    assert np.array_equal(curvature.noise_covariance(with_decay, w), curvature.noise_covariance(without, w))


def test_the_noise_is_that_of_minibatch_gradients(make_network, make_full, samples):
    """The variance of the gradient over random minibatches of one sample, in random directions, is v^T C v."""
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    full = make_full(network)
    w = network.weights().numpy()
    c = curvature.noise_covariance(full, w)
    blocks = []
    full.sample_gradients(w, lambda g: blocks.append(g.numpy().copy()))
    gradients = np.concatenate(blocks)
    assert len(gradients) == len(samples)
    np.testing.assert_allclose(gradients.mean(0) + DECAY * w, full.energy_and_gradient(w).gradient, atol=1e-14)
    v = np.random.default_rng(1).normal(size=w.size)
    np.testing.assert_allclose(v @ c @ v, (gradients @ v).var(), rtol=1e-12)


def test_eigenbasis_is_sorted_orthogonal_and_complete(make_network, make_full):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    measured = curvature.measure(make_full(network), network.weights().numpy())
    k, v = measured.eigenvalues, measured.eigenvectors
    assert np.all(np.diff(k) <= 0)
    np.testing.assert_allclose(v.T @ v, np.eye(k.size), atol=1e-12)
    np.testing.assert_allclose(v * k @ v.T, measured.hessian, atol=1e-12)
    np.testing.assert_allclose(v @ measured.noise_in_modes @ v.T, measured.noise_covariance, atol=1e-12)
    assert np.trace(measured.noise_in_modes) == pytest.approx(np.trace(measured.noise_covariance))
    assert np.all(v[np.abs(v).argmax(0), np.arange(k.size)] > 0)


def test_bits_do_not_depend_on_threads(make_network, make_full):
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    w = network.weights().numpy()
    one, three = (make_full(network, threads=threads) for threads in (1, 3))
    assert np.array_equal(one.energy_and_gradient(w).gradient, three.energy_and_gradient(w).gradient)
    a, b = curvature.measure(one, w), curvature.measure(three, w)
    for x, y in zip(vars(a).values(), vars(b).values(), strict=True):
        assert np.array_equal(x, y)


def test_what_is_held_of_a_point_serves_that_point_alone(make_network, make_full, monkeypatch):
    """The bits of one who was never asked before, at points and numbers of directions in turn, with memory or none."""
    monkeypatch.setattr(full_batch, "_NUMBERS_AT_A_TIME", 1 << 20)  # all directions in one block
    network = make_network(nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 4))
    generator = np.random.default_rng(1)
    here, there = (generator.normal(size=network.size) for _ in range(2))
    one, three = (generator.normal(size=(rows, network.size)) for rows in (1, 3))
    expected = {
        (at, rows): make_full(network).hessian_products(w, vectors)
        for at, w in enumerate((here, there))
        for rows, vectors in enumerate((one, three))
    }
    for most in (full_batch.MOST, 0):
        monkeypatch.setattr(full_batch, "MOST", most)
        asked, moving = make_full(network, threads=2), here.copy()
        for at, rows in ((0, 0), (0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (1, 0)):
            moving[:] = (here, there)[at]  # the same array, changed in place
            found = asked.hessian_products(moving, (one, three)[rows])
            np.testing.assert_array_equal(found, expected[at, rows])
    exact = curvature.hessian(make_full(network), there) @ three[0]
    np.testing.assert_allclose(expected[1, 1][0], exact, rtol=1e-9, atol=1e-12)


def test_modes_without_noise_are_those_that_no_sample_moves(make_network, make_full, samples):
    """Adding the same to all classes changes nothing: one such mode for every input and the bias."""
    network, w, _, _ = _softmax(make_network, samples)
    measured = curvature.measure(make_full(network), w)
    noise = np.diagonal(measured.noise_in_modes)
    silent = noise < 1e-10 * noise.max()
    assert silent.sum() == 10
    np.testing.assert_allclose(measured.eigenvalues[silent], DECAY, rtol=1e-10)


def test_too_many_parameters_are_refused_before_anything_is_measured(make_network, make_full):
    network = make_network(nn.Linear(9, 400), nn.ReLU(), nn.Linear(400, 4))
    with pytest.raises(UserError, match="5604 parameters are too many"):
        curvature.measure(make_full(network), network.weights().numpy())


class _ThroughNumpy(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x * 2.0

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):
        return torch.from_numpy(gradient.numpy() * 2.0)


class _Doubling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(9, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _ThroughNumpy.apply(self.linear(x))


def test_a_network_that_leaves_torch_is_refused(samples):
    network = Network.of(_Doubling(), dtype=torch.float64)
    full = FullBatch(network, samples, 0.0, Workers(1))
    with pytest.raises(UserError, match="cannot be differentiated as the curvature needs it"):
        curvature.measure(full, np.zeros(network.size))
