"""Bootstrap: reproducible whatever the chunk, and of the right mean and variance; the model of the covariance."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.estimators import resampling
from langevin_sgd.estimators.resampling import bootstrap_means, bootstrap_weights, relative_covariance


def test_resamples_do_not_depend_on_how_many_are_made_at_a_time(monkeypatch):
    values = np.random.default_rng(0).exponential(size=(50, 3))
    whole = bootstrap_means(values, seed=3, resamples=40)
    monkeypatch.setattr(resampling, "_WORDS_AT_A_TIME", 7 * 50)
    np.testing.assert_allclose(bootstrap_means(values, seed=3, resamples=40), whole, rtol=1e-14)
    assert not np.allclose(bootstrap_means(values, seed=4, resamples=40), whole)
    np.testing.assert_array_equal(
        bootstrap_weights(50, seed=3, first=10, last=12), bootstrap_weights(50, seed=3, first=0, last=12)[10:]
    )


def test_mean_and_variance_of_the_bootstrap():
    values = np.random.default_rng(1).exponential(size=(200, 1))
    means = bootstrap_means(values, seed=0, resamples=4000)[:, 0]
    error = values.std() / np.sqrt(200)
    assert means.mean() == pytest.approx(values.mean(), abs=4 * error / np.sqrt(4000))
    assert means.std() == pytest.approx(error, rel=4 / np.sqrt(2 * 4000))


def test_covariance_of_a_stationary_process_in_even_steps():
    """x = exp(a) with a of correlation rho^|i-j|; the correlation of x is then known in closed form to be close."""
    random = np.random.default_rng(2)
    samples, times, rho = 40000, 6, 0.8
    a = np.empty((samples, times))
    a[:, 0] = random.standard_normal(samples)
    for i in range(1, times):
        a[:, i] = rho * a[:, i - 1] + np.sqrt(1 - rho**2) * random.standard_normal(samples)
    sizes = np.exp(0.3 * np.arange(times))
    relative = 0.1 * np.exp(0.2 * np.arange(times))
    covariance = relative_covariance(sizes * (1 + relative * a))
    expected = np.outer(relative, relative) * rho ** np.abs(np.subtract.outer(np.arange(times), np.arange(times)))
    np.testing.assert_allclose(covariance, expected, rtol=0.05)


def test_perfect_correlation_can_still_be_inverted():
    values = np.random.default_rng(3).exponential(size=(100_000, 1)) * np.arange(1.0, 6.0)
    covariance = relative_covariance(values)
    assert np.linalg.cond(covariance) < 1e3
    same = np.ones((10, 5))  # no spread at all
    assert np.all(np.isfinite(np.linalg.cholesky(relative_covariance(same))))
