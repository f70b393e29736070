from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.estimators.survival import kaplan_meier, mean_first_passage


def passages(seed, *, mean=10.0, lag=0.5, replicas=2000, end=np.inf):
    times = lag + np.random.default_rng(seed).exponential(mean - lag, replicas)
    return np.where(times > end, np.nan, times)


def test_without_censoring_it_is_the_plain_mean_whatever_the_law():
    times = np.random.default_rng(0).gamma(3.0, 2.0, 500)
    found = mean_first_passage(times, 1e3)
    assert found.mean == pytest.approx(times.mean(), rel=1e-12)
    assert found.stderr == pytest.approx(times.std(ddof=1) / np.sqrt(500), rel=1e-9)
    assert found.censored_share == 0.0


@pytest.mark.parametrize("end", [4.0, 8.0, 30.0])  # 69%, 45% and 4% censored
def test_the_mean_of_censored_exponential_times_is_unbiased_with_an_honest_error(end):
    found = [mean_first_passage(passages(seed, end=end), end) for seed in range(300)]
    deviations = np.array([(each.mean - 10.0) / each.stderr for each in found])
    assert abs(deviations.mean()) < 4 / np.sqrt(300)  # 4 standard errors
    assert deviations.std() == pytest.approx(1.0, abs=4 / np.sqrt(600))
    # leaving the censored out, or counting the end as their time, would be far off
    seen = passages(0, end=end)
    if end < 10:
        assert np.nanmean(seen) < 10.0 - 10 * found[0].stderr
        assert np.where(np.isnan(seen), end, seen).mean() < 10.0 - 5 * found[0].stderr


def test_a_law_that_is_not_exponential_is_told_by_its_distance():
    alarms = 0
    for seed in range(200):
        found = mean_first_passage(passages(seed, end=15.0), 15.0)
        alarms += found.exponential_distance > found.exponential_noise
    assert alarms <= 10 + 3 * np.sqrt(10)  # at most 1 in 20, by 3 standard errors
    aging = np.random.default_rng(1).weibull(2.0, 2000) * 10.0
    found = mean_first_passage(np.where(aging > 15.0, np.nan, aging), 15.0)
    assert found.exponential_distance > 2 * found.exponential_noise


def test_kaplan_meier_is_the_share_left_and_ends_above_zero_if_some_are_censored():
    times = np.array([1.0, 2.0, np.nan, 4.0])
    curve = kaplan_meier(times, 5.0)
    np.testing.assert_allclose(curve.time, [1.0, 2.0, 4.0, 5.0])
    np.testing.assert_allclose(curve.survival, [0.75, 0.5, 0.25, 0.25])
    assert np.all(curve.low <= curve.survival)
    assert np.all(curve.high >= curve.survival)
    long = passages(3, end=12.0)
    curve = kaplan_meier(long, 12.0)
    at = np.searchsorted(curve.time, 5.0) - 1
    assert curve.survival[at] == pytest.approx(np.mean(~(long <= curve.time[at])), rel=1e-12)
    assert curve.low[at] < np.exp(-4.5 / 9.5) < curve.high[at]


@pytest.mark.parametrize(
    ("times", "why"),
    [([np.nan, np.nan], "no first passage"), ([[1.0]], "must be"), ([1.0, 9.0], "between 0 and the end"),
     ([1.0, np.nan, np.nan], "too few")],
)  # fmt: skip
def test_what_cannot_be_a_mean_is_refused(times, why):
    with pytest.raises(ValueError, match=why):
        mean_first_passage(times, 5.0)
