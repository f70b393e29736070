import numpy as np
import pytest

from langevin_sgd.noise import DiagonalNoise, FullNoise, IsotropicNoise
from langevin_sgd.theory.ornstein_uhlenbeck import noise_scale


def test_each_noise_is_its_covariance():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    np.testing.assert_array_equal(FullNoise(covariance).matrix(2), covariance)
    np.testing.assert_array_equal(DiagonalNoise(np.array([2.0, 1.0])).matrix(2), np.diag([2.0, 1.0]))
    np.testing.assert_array_equal(IsotropicNoise(3.0).matrix(2), 9.0 * np.eye(2))


def test_isotropic_noise_keeps_the_total_variance():
    covariance = np.diag([5.0, 1.0, 0.0])
    noise = IsotropicNoise.from_covariance(covariance)
    assert noise.scale == pytest.approx(noise_scale(covariance))
    assert np.trace(noise.matrix(3)) == pytest.approx(6.0)


def test_noise_of_low_rank_is_accepted():
    root = np.random.default_rng(0).normal(size=(50, 3))
    FullNoise(root @ root.T)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.ones((2, 3)), "square"),
        ([[1.0, 0.2], [0.0, 1.0]], "symmetric"),
        ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
        ([[1.0, 2.0], [2.0, 1.0]], "negative eigenvalue"),
    ],
)
def test_matrices_that_are_no_covariance_are_refused(covariance, message):
    with pytest.raises(ValueError, match=message):
        FullNoise(np.array(covariance))


@pytest.mark.parametrize("variances", [[-1.0], [np.inf], [[1.0]]])
def test_variances_that_are_none_are_refused(variances):
    with pytest.raises(ValueError, match="variances"):
        DiagonalNoise(np.array(variances))


@pytest.mark.parametrize("scale", [-1.0, np.nan, np.inf])
def test_a_scale_that_is_none_is_refused(scale):
    with pytest.raises(ValueError, match="scale"):
        IsotropicNoise(scale)


@pytest.mark.parametrize("noise", [FullNoise(np.eye(3)), DiagonalNoise(np.ones(3))])
def test_a_noise_of_another_dimension_is_refused(noise):
    with pytest.raises(ValueError, match="coordinates"):
        noise.matrix(2)
