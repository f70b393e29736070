"""The energy's law against chi-squared and hypoexponential closed forms and against Monte Carlo."""

import numpy as np
import pytest
from scipy import stats

from langevin_sgd.theory import ornstein_uhlenbeck as theory
from langevin_sgd.theory.quadratic_form import (
    effective_degrees_of_freedom,
    energy_weights,
    mixture_cdf,
    weighted_chi_squared_cdf,
)

LEVELS = np.array([1e-12, 1e-6, 1e-3, 0.05, 0.3, 0.5, 0.6, 0.8, 0.99, 1 - 1e-6])


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 10, 100, 650])
def test_equal_weights_give_chi_squared(degrees):
    law = stats.chi2(degrees)
    energies = np.append(law.ppf(LEVELS), law.mean())
    found = weighted_chi_squared_cdf(np.full(degrees, 0.3), 0.3 * energies)
    np.testing.assert_allclose(found, law.cdf(energies), atol=1e-10)
    np.testing.assert_allclose(found[1:4], LEVELS[1:4], rtol=1e-6)  # relative accuracy in the lower tail


@pytest.mark.parametrize("degrees", [1, 2, 5, 40, 650])
def test_many_energies_are_interpolated_within_the_stated_error(degrees):
    law = stats.chi2(degrees)
    energies = law.rvs((50, 400), random_state=1)
    found = weighted_chi_squared_cdf(np.ones(degrees), energies)
    assert found.shape == energies.shape
    assert np.abs(found - law.cdf(energies)).max() < 1e-6


@pytest.mark.parametrize("scales", [(1.0, 0.3, 0.1, 1e-4), (1.0, 0.9, 0.5), (2.0, 1.0, 1e-9)])
def test_pairs_of_equal_weights_give_a_hypoexponential_law(scales):
    scales = np.array(scales)
    energies = np.geomspace(1e-3, 40, 200)
    expected = np.ones_like(energies)
    for i, scale in enumerate(scales):
        others = np.delete(scales, i)
        expected -= np.prod(scale / (scale - others)) * np.exp(-energies / (2 * scale))
    found = weighted_chi_squared_cdf(np.repeat(scales, 2), energies)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("decades", [1, 4, 12])
def test_spread_weights_against_monte_carlo(decades):
    """Sup-distance of 200,000 draws below the Dvoretzky-Kiefer-Wolfowitz bound at 1e-6; a law 3% too hot above."""
    weights = np.geomspace(10.0**-decades, 1.0, 60)
    rng = np.random.default_rng(decades)
    energies = np.sort(rng.chisquare(1, size=(200_000, 60)) @ weights)
    bound = np.sqrt(np.log(2 / 1e-6) / 2 / energies.size)
    ranks = np.arange(1, energies.size + 1) / energies.size
    assert np.abs(weighted_chi_squared_cdf(weights, energies) - ranks).max() < bound
    assert np.abs(weighted_chi_squared_cdf(1.03 * weights, energies) - ranks).max() > bound


def test_limits_and_shapes():
    found = weighted_chi_squared_cdf([1.0, 0.5, 0.0], [[-1.0, 0.0, 1e-300], [1e4, np.inf, 1.5]])
    assert found.shape == (2, 3)
    np.testing.assert_array_equal(found[0, :2], 0)
    assert 0 <= found[0, 2] < 1e-100
    np.testing.assert_array_equal(found[1, :2], 1)
    assert 0.5 < found[1, 2] < 0.7
    assert weighted_chi_squared_cdf([1.0], []).shape == (0,)
    repeated = weighted_chi_squared_cdf([1.0], np.full(1000, 0.455))
    np.testing.assert_allclose(repeated, stats.chi2(1).cdf(0.455), atol=1e-12)


def test_it_increases():
    weights = np.geomspace(1e-6, 1, 30)
    found = weighted_chi_squared_cdf(weights, np.geomspace(1e-3, 60, 100_000))
    assert np.diff(found).min() > -1e-8


@pytest.mark.parametrize("weights", [[-1.0, 1.0], [0.0, 0.0], [np.nan], []])
def test_impossible_weights_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        weighted_chi_squared_cdf(weights, [1.0])


def test_an_energy_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="not a number"):
        weighted_chi_squared_cdf([1.0], [np.nan])


def test_energy_weights_are_the_eigenvalues_of_half_h_s(problem):
    p = problem(12)
    covariance = theory.discrete_covariance(p.k, p.c, 0.1, 4, 0.5)
    weights = energy_weights(p.k, covariance)
    expected = np.sort(np.linalg.eigvals(p.hessian @ (p.vectors @ covariance @ p.vectors.T)).real)[::-1] / 2
    np.testing.assert_allclose(weights, expected, rtol=1e-9)
    assert weights.sum() == pytest.approx(np.trace(p.hessian @ p.vectors @ covariance @ p.vectors.T) / 2)


def test_only_isotropic_noise_in_the_continuum_has_temperature_over_four_in_every_mode(problem):
    p = problem(12)
    temperature = theory.temperature(0.1, 4, theory.noise_scale(p.c))
    weights = energy_weights(p.k, theory.isotropic_covariance(p.k, p.c, 0.1, 4))
    np.testing.assert_allclose(weights, temperature / 4)
    assert effective_degrees_of_freedom(weights) == pytest.approx(12)
    measured = energy_weights(p.k, theory.continuum_covariance(p.k, p.c, 0.1, 4))
    assert effective_degrees_of_freedom(measured) < 11
    assert measured.sum() == pytest.approx(weights.sum())  # the mean energy cannot tell the noises apart


def test_noise_free_modes_have_weight_zero(problem):
    p = problem(3)
    k, covariance = np.append(p.k, [-1e-17, 0.0]), np.zeros((5, 5))
    covariance[:3, :3] = theory.discrete_covariance(p.k, p.c, 0.1, 4)
    weights = energy_weights(k, covariance)
    np.testing.assert_allclose(weights[:3], energy_weights(p.k, covariance[:3, :3]))
    assert weights.shape == (5,)
    assert not weights[3:].any()


def test_a_mixture_is_the_mean_of_its_components() -> None:
    """Half chi^2_1 with weight 1 and half with weight 3: sampled, within 4 standard errors everywhere."""
    rng = np.random.default_rng(12)
    weights = np.array([[1.0, 0.0], [3.0, 0.0]])
    energies = np.linspace(0.05, 12.0, 40)
    drawn = np.where(rng.random(200_000) < 0.5, 1.0, 3.0) * rng.chisquare(1, 200_000)
    law = mixture_cdf(weights, energies)
    found = (drawn[:, None] <= energies).mean(axis=0)
    assert np.all(np.abs(found - law) < 4 * np.sqrt(law * (1 - law) / drawn.size) + 1e-6)
    single = weighted_chi_squared_cdf(weights.mean(axis=0), energies)
    assert np.abs(found - single).max() > 0.03
