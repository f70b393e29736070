"""The root by which correlated noise is drawn: right for every rank, and no choice of rounding's."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.integrators.exact import simulate
from langevin_sgd.integrators.jumps import covariance_root


@pytest.mark.parametrize("rank", [0, 1, 5, 12])
def test_its_square_is_the_covariance_and_it_is_of_no_higher_rank(rank):
    gradients = np.random.default_rng(rank).normal(size=(rank, 12)) * np.geomspace(1e-8, 1.0, 12)
    covariance = gradients.T @ gradients
    root = covariance_root(covariance)
    scale = np.sqrt(np.outer(np.diagonal(covariance), np.diagonal(covariance)))
    assert np.all(np.abs(root @ root.T - covariance) <= 1e-12 * scale)
    assert np.linalg.matrix_rank(root / np.maximum(np.sqrt(np.diagonal(covariance)), 1e-300)[:, None], 1e-6) == rank


def test_it_is_scipys_root_of_the_correlations():
    from scipy.linalg import sqrtm

    a = np.random.default_rng(2).normal(size=(6, 6))
    covariance = a @ a.T
    sigma = np.sqrt(np.diagonal(covariance))
    np.testing.assert_allclose(
        covariance_root(covariance), sigma[:, None] * sqrtm(covariance / np.outer(sigma, sigma)), atol=1e-12
    )


@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(np.eye(40), id="isotropic"),
        pytest.param(np.exp(-np.abs(np.subtract.outer(np.arange(40), np.arange(40))) / 5.0), id="correlated"),
        pytest.param(np.ones((40, 40)) + np.eye(40), id="equal correlations"),
        pytest.param(np.kron(np.eye(20), np.ones((2, 2))), id="rank 20"),
    ],
)
def test_paths_do_not_jump_with_the_rounding_of_h_and_c(momentum, noise):
    """H and C that differ in their last digits, as those of another machine do: paths differ by little, not wholly."""
    k = np.repeat(np.geomspace(8.0, 0.5, 20), 2)  # degenerate modes among them
    rng = np.random.default_rng(0)

    def paths(digits: float) -> np.ndarray:
        shaken = noise * (1.0 + digits * (lambda z: z + z.T)(rng.uniform(-0.5, 0.5, noise.shape)))
        seen: list[np.ndarray] = []
        simulate(
            k * (1.0 + digits * rng.uniform(-1, 1, 40)), shaken, learning_rate=0.1, batch_size=4, momentum=momentum,
            seed=5, replicas=3, steps=[0, 1, 7, 300], start="stationary",
            visit=lambda index, step, w: seen.append(w.copy()),
        )  # fmt: skip
        return np.array(seen)

    first, second = paths(0.0), paths(4e-16)
    assert np.abs(first - second).max() < 1e-5 * first.std()
