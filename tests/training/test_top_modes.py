"""The sharpest modes by Lanczos iteration against the dense Hessian and covariance."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.errors import UserError
from langevin_sgd.training import curvature, full_batch, top_modes
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.minimum import Minimum
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

DECAY = 0.01


def make(sizes: tuple[int, ...], samples: int, threads: int = 1) -> tuple[FullBatch, np.ndarray]:
    """A tanh network and its weights, at no minimum: then gradients have a mean, which C is centred by."""
    rng = np.random.default_rng(3)
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.Tanh())][:-1]
    network = Network.of(nn.Sequential(*layers), dtype=torch.float64)
    x, labels = rng.normal(size=(samples, sizes[0])), rng.integers(0, sizes[-1], samples)
    full = FullBatch(network, Samples.of(x, labels, dtype=torch.float64, device="cpu"), DECAY, Workers(threads))
    return full, 0.3 * rng.normal(size=network.size)


def at(full: FullBatch, w: np.ndarray) -> Minimum:
    return Minimum(w, *full.energy_and_gradient(w))


def compare(sizes: tuple[int, ...], samples: int, modes: int) -> None:
    full, w = make(sizes, samples)
    found, dense = top_modes.measure(full, at(full, w), modes), curvature.measure(full, w)
    np.testing.assert_allclose(found.eigenvalues, dense.eigenvalues[:modes], rtol=1e-6)
    overlap = np.abs((found.eigenvectors * dense.eigenvectors[:, :modes]).sum(axis=0))
    np.testing.assert_allclose(overlap, 1.0, atol=1e-6)
    scale = np.abs(dense.noise_in_modes).max()
    signs = np.sign((found.eigenvectors * dense.eigenvectors[:, :modes]).sum(axis=0))
    in_modes = found.noise_in_modes * np.outer(signs, signs)
    np.testing.assert_allclose(in_modes, dense.noise_in_modes[:modes, :modes], atol=1e-5 * scale)
    assert found.noise_trace == pytest.approx(dense.noise_trace, rel=1e-10)
    assert found.dimension == full.dimension


def test_eigenpairs_and_noise_are_those_of_the_dense_matrices() -> None:
    compare((9, 12, 4), 80, 7)


@pytest.mark.validate
def test_eigenpairs_at_two_thousand_weights() -> None:
    compare((64, 27, 10), 400, 20)  # d = 2,035


def test_threads_and_chunks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_batch, "_SAMPLES_AT_A_TIME", 30)
    (one, w), (two, _) = make((9, 12, 4), 80, 1), make((9, 12, 4), 80, 2)
    first, second = top_modes.measure(one, at(one, w), 5), top_modes.measure(two, at(two, w), 5)
    for name in ("eigenvalues", "eigenvectors", "noise_in_modes", "noise_trace", "step_left"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_the_step_left_to_the_minimum_is_that_across_the_modes() -> None:
    """At most that of the dense Hessian, and nearly that: along its flattest mode the way is longest."""
    full, w = make((9, 4), 80)  # convex
    dense = curvature.measure(full, w)
    for modes in (1, 7):
        slopes = (dense.eigenvectors.T @ full.energy_and_gradient(w).gradient)[modes:]
        left = np.linalg.norm(slopes / dense.eigenvalues[modes:])
        found = top_modes.measure(full, at(full, w), modes).step_left
        assert 0.7 * left < found <= left
    assert dense.step_left == 0.0


def test_as_many_modes_as_weights_are_refused() -> None:
    full, w = make((2, 2), 20)
    with pytest.raises(UserError, match="6 modes of 6 weights; give fewer"):
        top_modes.measure(full, at(full, w), 6)


def test_what_does_not_converge_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_modes, "_RESTARTS", 1)
    monkeypatch.setattr(top_modes, "_VECTORS_MORE", 1)
    full, w = make((9, 12, 4), 80)
    with pytest.raises(UserError, match=r"of 20 modes were found after .* ask for fewer"):
        top_modes.measure(full, at(full, w), 20)
