import numpy as np
import pytest

from langevin_sgd.landscapes.quadratic import Quadratic


@pytest.fixture
def hessian():
    root = np.random.default_rng(0).normal(size=(6, 6))
    return root @ root.T


def test_energy_gradient_and_hessian_fit_the_matrix(hessian):
    minimum = np.arange(6.0)
    landscape = Quadratic.from_matrix(hessian, minimum)
    w = np.random.default_rng(1).normal(size=(4, 3, 6))
    x = w - minimum
    np.testing.assert_allclose(landscape.energy(w), 0.5 * np.einsum("abi,ij,abj->ab", x, hessian, x))
    np.testing.assert_allclose(landscape.gradient(w), x @ hessian, atol=1e-12)
    np.testing.assert_allclose(landscape.hessian(), hessian, atol=1e-12)
    assert landscape.energy(minimum) == 0
    assert landscape.dimension == 6


def test_gradient_is_the_derivative_of_the_energy(hessian):
    landscape = Quadratic.from_matrix(hessian)
    w, step = np.random.default_rng(2).normal(size=6), 1e-5
    slopes = [(landscape.energy(w + step * e) - landscape.energy(w - step * e)) / (2 * step) for e in np.eye(6)]
    np.testing.assert_allclose(landscape.gradient(w), slopes, rtol=1e-8)


def test_eigenvalues_descend_and_modes_go_there_and_back(hessian):
    landscape = Quadratic.from_matrix(hessian, np.ones(6))
    assert np.all(np.diff(landscape.eigenvalues) <= 0)
    w = np.random.default_rng(3).normal(size=(5, 6))
    modes = landscape.in_modes(w)
    np.testing.assert_allclose(landscape.from_modes(modes), w)
    np.testing.assert_allclose(landscape.energy(w), 0.5 * modes**2 @ landscape.eigenvalues)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [(np.ones((2, 3)), "square"), (np.ones(3), "square"), ([[1.0, 2.0], [0.0, 1.0]], "symmetric")],
)
def test_matrices_that_are_no_hessian_are_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        Quadratic.from_matrix(matrix)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        Quadratic(np.ones(2), np.eye(3), np.zeros(2))
    with pytest.raises(ValueError, match="do not fit"):
        Quadratic.from_matrix(np.eye(2), np.zeros(3))
