"""Lanczos iteration: vectors that stay orthogonal, and products that no longer change the answer are not made."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.training.lanczos import Lanczos, leading_pairs

D = 300
SPECTRA = {
    "even": np.linspace(-1.0, 1.0, D),
    "like a Hessian": np.concatenate([[100.0, 50.0, 20.0], np.geomspace(1.0, 1e-9, D - 3)]),
    "pairs": np.repeat(np.geomspace(1.0, 1e-6, D // 2), 2),
    "huge": 1e12 * np.geomspace(1.0, 1e-14, D),
}


def rotated(eigenvalues: np.ndarray) -> np.ndarray:
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
    matrix: np.ndarray = (basis * eigenvalues) @ basis.T
    return 0.5 * (matrix + matrix.T)


@pytest.mark.parametrize("name", SPECTRA)
def test_vectors_stay_orthogonal_long_after_values_are_found(name: str):
    """Without being made orthogonal to all before they lose it as soon as a value is found (Paige 1980)."""
    matrix = rotated(SPECTRA[name])
    iteration = Lanczos(lambda v: v @ matrix, np.random.default_rng(1).normal(size=(2, D)), 150)
    for _ in range(150):
        iteration.step()
    for row in range(2):
        basis = iteration._basis[row, : int(iteration._length[row])]
        assert np.abs(basis @ basis.T - np.eye(len(basis))).max() < 1e-13
        values = iteration.pairs(row, 1).values
        assert abs(values[0] / SPECTRA[name].max() - 1.0) < 1e-9


def test_a_row_ends_by_itself_and_its_residuals_are_those_of_its_vectors():
    wide, narrow = rotated(SPECTRA["even"]), rotated(SPECTRA["like a Hessian"])

    def products(v: np.ndarray) -> np.ndarray:
        return np.stack([v[0] @ wide, v[1] @ narrow])

    start = np.random.default_rng(1).normal(size=(2, D))
    pairs = leading_pairs(products, start, 3, most=200, tolerance=1e-3)
    assert len(pairs[0].values) > 2 * len(pairs[1].values)
    for each, matrix in zip(pairs, (wide, narrow), strict=True):
        left = np.linalg.norm(each.vectors @ matrix - each.values[:3, None] * each.vectors, axis=1)
        np.testing.assert_allclose(left, each.residuals, rtol=1e-6, atol=1e-12)
        assert (left <= 1e-3 * each.values[:3]).all()
    (alone,) = leading_pairs(lambda v: v @ narrow, start[1:], 3, most=200, tolerance=1e-3)
    np.testing.assert_array_equal(alone.values, pairs[1].values)
