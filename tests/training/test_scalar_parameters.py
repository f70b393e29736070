"""Parameters of shape (), and beside them of shape (1,) and (0,): H, C and sharpness against torch.func alone."""

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training import curvature
from langevin_sgd.training.architectures.checking import check
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.interpolation import tabulate
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.sharpness import measure as sharpness
from langevin_sgd.training.threads import Workers

DECAY = 0.03


class _Tempered(nn.Module):
    """t tanh(W x + b) + u x^2 with numbers t and u, and a parameter without entries."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(1.3))
        self.linear = nn.Linear(9, 4)
        self.nothing = nn.Parameter(torch.zeros(0))
        self.square = nn.Parameter(torch.tensor([0.2]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.temperature * torch.tanh(self.linear(x)) + self.square * x[:, :4] ** 2 + self.nothing.sum()


class _Alone(nn.Module):
    """One number is all there is."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x[:, :4]


@pytest.fixture(params=[_Tempered, _Alone])
def network(request) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Network.of(request.param(), dtype=torch.float64)


def _loss(network: Network, inputs: torch.Tensor, labels: torch.Tensor):
    """The mean cross entropy as a function of the weights (d,), written with torch.func alone."""
    shapes = {name: p.shape for name, p in network.module.named_parameters()}

    def loss(w: torch.Tensor) -> torch.Tensor:
        pieces = torch.split(w, [shape.numel() for shape in shapes.values()])
        values = {name: piece.reshape(shapes[name]) for name, piece in zip(shapes, pieces, strict=True)}
        outputs = torch.func.functional_call(network.module, values, (inputs,))
        return nn.functional.cross_entropy(outputs, labels)

    return loss


def test_curvature_noise_and_sharpness_are_those_of_torch(network, samples):
    check(network.module, samples.inputs, 4, name="mine")
    w = network.weights()
    d = len(w)
    full = FullBatch(network, samples, DECAY, Workers(1))
    loss = _loss(network, samples.inputs, samples.labels)
    h = torch.func.jacrev(torch.func.jacrev(loss))(w).numpy()
    found = curvature.hessian(full, w.numpy())
    np.testing.assert_allclose(found, h + DECAY * np.eye(d), rtol=1e-9, atol=1e-12)
    gradients = torch.stack([
        torch.func.grad(_loss(network, x[None], y[None]))(w)
        for x, y in zip(samples.inputs, samples.labels, strict=True)
    ]).numpy()  # fmt: skip
    c = np.cov(gradients.T, ddof=0).reshape(d, d)
    np.testing.assert_allclose(curvature.noise_covariance(full, w.numpy()), c, rtol=1e-9, atol=1e-12)
    energy, gradient = full.energy_and_gradient(w.numpy())
    np.testing.assert_allclose(energy, float(loss(w)) + DECAY / 2 * float(w @ w), rtol=1e-12)
    np.testing.assert_allclose(gradient, gradients.mean(0) + DECAY * w.numpy(), rtol=1e-9, atol=1e-12)
    bare = FullBatch(network, samples, 0.0, Workers(1))
    expected = [np.linalg.eigvalsh(h)[-1], np.trace(h), (w.numpy() ** 2 * np.diag(h)).sum()]
    measured = sharpness.of_hessian(curvature.hessian(bare, w.numpy()), w.numpy())
    np.testing.assert_allclose(measured, expected, rtol=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_ensemble_is_torchs_own_sgd(network, samples, momentum):
    sgd = Sgd(learning_rate=0.1, batch_size=8, momentum=momentum, weight_decay=DECAY)
    start = network.weights().expand(3, -1)
    ensemble = Ensemble(network, samples, sgd, weights=start, dtype=torch.float64, workers=Workers(1))
    indices = np.random.default_rng(1).integers(0, len(samples), (6, 3, 8))

    class Drawn:
        def block(self, step: int, at_most: int) -> np.ndarray:
            return indices[step : step + at_most]

    ensemble.advance(Drawn(), 0, 6)
    for replica in range(3):
        w = network.weights().clone().requires_grad_()
        rule = torch.optim.SGD([w], lr=0.1, momentum=momentum, weight_decay=DECAY)
        for chosen in indices[:, replica]:
            rule.zero_grad()
            _loss(network, samples.inputs[chosen], samples.labels[chosen])(w).backward()
            rule.step()
        np.testing.assert_allclose(ensemble.weights[replica], w.detach(), rtol=1e-10, atol=1e-12)


def test_the_line_through_two_points_has_its_loss_and_slope(network, samples):
    first = network.weights().numpy()
    second, s = first + 0.3, np.linspace(-0.5, 1.5, 5)
    line = tabulate(network, samples, 0.0, first=first, second=second, position=s, workers=Workers(1))
    loss = _loss(network, samples.inputs, samples.labels)
    for value, energy, slope in zip(s, line.energy, line.gradient, strict=True):
        w = torch.from_numpy(first + value * (second - first))
        np.testing.assert_allclose(energy, float(loss(w)), rtol=1e-12)
        expected = float(torch.func.grad(loss)(w) @ torch.from_numpy(second - first))
        np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-6)  # the table is in float32
