"""The curvature of every sample of a least-squares problem, and where there is none."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from langevin_sgd.training import curvature, least_squares
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.losses.mse.config import SquaredErrorLoss
from langevin_sgd.training.threads import Workers

MSE = SquaredErrorLoss(kind="mse").build()


class Correlated(Loss):
    """(z - t)^T W (z - t)/2 with errors that are not weighed alike, one of them not at all."""

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        w = torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]], dtype=outputs.dtype)
        return 0.5 * (((outputs - targets) @ w) * (outputs - targets)).sum(1)


class Quartic(Loss):
    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets) ** 4).sum(1)


def full_batch(make_network, loss: Loss, *layers: nn.Module, targets: np.ndarray, decay: float = 0.0) -> FullBatch:
    x = np.random.default_rng(0).normal(size=(len(targets), 3))
    samples = Samples.of(x, targets, dtype=torch.float64)
    return FullBatch(make_network(*layers), samples, decay, Workers(1), loss)


@pytest.mark.parametrize("loss", [MSE, Correlated()])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_rows_make_the_hessians_of_the_samples(make_network, loss: Loss, decay: float) -> None:
    """By second differences of each sample's gradient, exact for a quadratic loss."""
    targets = np.random.default_rng(1).normal(size=(20, 3))
    full = full_batch(make_network, loss, nn.Linear(3, 3), targets=targets, decay=decay)
    w = np.linspace(-1.0, 1.0, full.dimension)
    roots = curvature.measure(full, w).roots
    assert roots.shape == (20, 3, 12)

    def gradients(at: np.ndarray) -> np.ndarray:
        found: list[Tensor] = []
        full.sample_gradients(at, lambda block: found.append(block.clone()))
        return torch.cat(found).numpy()

    moved = np.random.default_rng(2).normal(size=12)
    expected = gradients(w + moved) - gradients(w)
    np.testing.assert_allclose(np.einsum("nop,noq,q->np", roots, roots, moved), expected, rtol=1e-10, atol=1e-11)


def test_classes_as_one_hot_rows_are_least_squares_too(make_network) -> None:
    full = full_batch(make_network, MSE, nn.Linear(3, 4), targets=np.arange(20) % 4)
    assert curvature.measure(full, np.zeros(16)).roots.shape == (20, 4, 16)


def test_other_losses_and_networks_have_none(make_network) -> None:
    targets = np.random.default_rng(1).normal(size=(20, 2))
    nonlinear = nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2)
    for full in (
        full_batch(make_network, MSE, *nonlinear, targets=targets),
        full_batch(make_network, MSE, nn.Linear(3, 2), nn.Linear(2, 2), targets=targets),  # a product of weights
        full_batch(make_network, Quartic(), nn.Linear(3, 2), targets=targets),
        full_batch(make_network, CROSS_ENTROPY, nn.Linear(3, 4), targets=np.arange(20) % 4),
    ):
        w = np.full(full.dimension, 0.3)
        assert curvature.measure(full, w).roots.shape == (0, 0, full.dimension)


def test_more_weights_than_the_law_takes_have_none(make_network, monkeypatch: pytest.MonkeyPatch) -> None:
    full = full_batch(make_network, MSE, nn.Linear(3, 1), targets=np.random.default_rng(1).normal(size=20))
    monkeypatch.setattr(least_squares, "MOST_WEIGHTS", 3)
    assert curvature.measure(full, np.zeros(4)).roots.size == 0
