from typing import NamedTuple

import numpy as np
import pytest


class Problem(NamedTuple):
    """A quadratic energy and a noise that do not commute, in coordinates (H, C) and in the modes of H (k, c)."""

    hessian: np.ndarray
    noise: np.ndarray
    k: np.ndarray
    c: np.ndarray
    vectors: np.ndarray


def _problem(dimension: int, *, largest: float = 15.0, smallest: float = 0.05, rank: int | None = None, seed: int = 0):
    rng = np.random.default_rng((seed, dimension))
    vectors = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    k = np.geomspace(largest, smallest, dimension)
    gradients = rng.normal(size=(rank or 2 * dimension, dimension)) * rng.uniform(0.3, 3.0, size=dimension)
    noise = gradients.T @ gradients / len(gradients)
    return Problem((vectors * k) @ vectors.T, noise, k, vectors.T @ noise @ vectors, vectors)


@pytest.fixture
def problem():
    return _problem
