"""Stationary means and variances of correlated series, without bias."""

import numpy as np

from langevin_sgd.estimators.stationary import pooled_covariance, stationary_summary


def test_stationary_summary_is_unbiased_for_correlated_series() -> None:
    """AR(1) with correlation 0.98: the pooled variance and its errors survive few, strongly correlated samples.

    Two thousand ensembles of 6 replicas and 100 samples; 4 standard errors. Without the term Var(mu) the variance
    would come out some 13% low, which the second assertion shows that this test would see.
    """
    rng = np.random.default_rng(3)
    ensembles, replicas, samples, a = 2000, 6, 100, 0.98
    x = np.empty((ensembles, replicas, samples))
    x[..., 0] = rng.normal(size=(ensembles, replicas))
    for n in range(1, samples):
        x[..., n] = a * x[..., n - 1] + np.sqrt(1 - a**2) * rng.normal(size=(ensembles, replicas))
    x += 5.0
    first, second = x.mean(-1), (x**2).mean(-1)
    summary = stationary_summary(first.T, second.T)  # ensembles stand in for modes
    variance = summary.variance.value
    stderr = variance.std() / np.sqrt(ensembles)
    assert abs(variance.mean() - 1.0) < 4 * stderr
    naive = (second - first.mean(1, keepdims=True) ** 2).mean(1)
    assert abs(naive.mean() - 1.0) > 4 * stderr
    assert abs(np.mean((summary.mean.value - 5.0) ** 2) / np.mean(summary.mean.stderr**2) - 1) < 0.15
    jackknife = np.sqrt(np.mean(summary.variance.stderr**2))
    assert 0.9 < jackknife / variance.std() < 1.25  # the jackknife is conservative


def test_two_replicas_give_no_error_bar() -> None:
    two = stationary_summary(np.ones((2, 1)), np.ones((2, 1)))
    assert np.isnan(two.variance.stderr).all()


def test_the_covariance_is_that_of_correlated_replicas_and_has_no_bias():
    """2000 ensembles of five replicas of four samples each: the mean over them within 4.5 standard errors of S; about
    the mean of each ensemble without the correction it would be 5% too small. Errors say how far single ones are."""
    covariance = np.array([[2.0, 0.9, 0.0], [0.9, 1.0, -0.4], [0.0, -0.4, 0.5]])
    rng = np.random.default_rng(3)
    x = rng.multivariate_normal([1.0, -2.0, 0.5], covariance, size=(2000, 5, 4))
    found = [
        pooled_covariance(own.mean(1), np.einsum("rti,rtj->rij", own, own) / 4) for own in x
    ]  # every replica is stationary on its own, and its samples are independent
    values, errors = np.stack([each.value for each in found]), np.stack([each.stderr for each in found])
    scatter = values.std(0)
    assert np.all(np.abs(values.mean(0) - covariance) < 4.5 * scatter / np.sqrt(2000))
    assert np.any(np.abs(values.mean(0) - 0.95 * covariance) > 4.5 * scatter / np.sqrt(2000))
    np.testing.assert_allclose(np.sqrt((errors**2).mean(0)), scatter, rtol=0.12)
    one = x[0]
    summary = stationary_summary(one.mean(1), (one**2).mean(1))
    np.testing.assert_allclose(np.diagonal(found[0].value), summary.variance.value, rtol=1e-12)
    np.testing.assert_allclose(np.diagonal(found[0].stderr), summary.variance.stderr, rtol=1e-10)
    assert np.isnan(pooled_covariance(np.ones((1, 2)), np.ones((1, 2, 2))).value).all()
