"""Variances by a process on the same random numbers: unbiased, and with the error that they say."""

import numpy as np
import pytest
from scipy import stats

from langevin_sgd.estimators.control_variate import ControlVariate, reduced_variance
from langevin_sgd.estimators.stationary import stationary_summary

REPLICAS, MODES, TRIALS = 12, 3, 800
SHARED, EXCESS, SHIFT = 0.9, 1.2, 0.4


def _moments(rng):
    """Moments of x = shift + sqrt(excess) (rho z + sqrt(1 - rho^2) y) over ten times, and of z, standard normal."""
    z, y = rng.normal(size=(2, REPLICAS, 10, MODES))
    x = SHIFT + np.sqrt(EXCESS) * (SHARED * z + np.sqrt(1.0 - SHARED**2) * y)
    return x.mean(1), (x**2).mean(1), ControlVariate(z.mean(1), (z**2).mean(1), np.ones(MODES))


@pytest.fixture(scope="module")
def trials():
    rng = np.random.default_rng(0)
    plain, reduced = [], []
    for _ in range(TRIALS):
        first, second, control = _moments(rng)
        plain.append(stationary_summary(first, second).variance)
        reduced.append(reduced_variance(first, second, control))
    return np.array(plain), np.array(reduced)  # (trial, value or error, mode)


def test_it_is_unbiased_and_its_error_is_its_own(trials):
    for found in trials:
        value, stderr = found[:, 0], found[:, 1]
        spread = value.std(0, ddof=1)
        assert (np.abs(value.mean(0) - EXCESS) < 4 * spread / np.sqrt(TRIALS)).all()
        np.testing.assert_allclose(np.sqrt((stderr**2).mean(0)), spread, rtol=0.12)


def test_its_intervals_cover_what_they_say(trials):
    """95% intervals of Student, of every hundred ensembles in turn and of all of them."""
    value, stderr = trials[1][:, 0], trials[1][:, 1]
    covered = np.abs(value - EXCESS) < stats.t.ppf(0.975, REPLICAS - 1) * stderr
    assert 0.92 < covered.mean() < 0.97
    assert (covered.reshape(TRIALS // 100, -1).mean(axis=1) > 0.88).all()  # five standard errors of 300 intervals


def test_the_error_is_smaller(trials):
    plain, reduced = (found[:, 0].std(0, ddof=1) for found in trials)
    assert (reduced < 0.65 * plain).all()


def test_a_wrong_expectation_is_a_bias():
    """What is taken for known enters one to one: an expectation 5% off is found in the estimate."""
    first, second, control = _moments(np.random.default_rng(1))
    wrong = ControlVariate(control.moment_1, control.moment_2, 1.05 * control.variance)
    difference = reduced_variance(first, second, wrong).value - reduced_variance(first, second, control).value
    np.testing.assert_allclose(difference, 0.05)


def test_energy_of_each_replica_is_cleared_likewise():
    *_, control = _moments(np.random.default_rng(2))
    k = np.array([1.0, 2.0, 5.0])
    np.testing.assert_allclose(control.energy_excess(k), ((control.moment_2 - 1.0) * k).sum(1) / 2)
