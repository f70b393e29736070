"""The squared mean of replicas: its error and its interval, from no drift to ten standard errors of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t

from langevin_sgd.estimators.squared_mean import SquaredMean, squared_mean

SPREADS = {
    "line": np.ones(1),
    "plane": np.ones(2),
    "long and thin": np.array([10.0, 1.0]),
    "ten": np.ones(10),
    "ten, over a factor 1000": np.geomspace(1.0, 1e-3, 10),
    "650": np.ones(650),
    "650, as one over the mode": 1.0 / np.arange(1.0, 651.0),
}


def _drawn(variance, *, drift: float, along: int, replicas: int, count: int, seed: int = 0):
    """Squared means of `count` ensembles of Gaussian replicas, and |mu|^2; drift in standard errors of the mean."""
    rng = np.random.default_rng(seed)
    mu = np.zeros(variance.size)
    mu[along] = drift * math.sqrt(variance[along] / replicas)
    found = [squared_mean(mu + rng.normal(size=(replicas, mu.size)) * np.sqrt(variance)) for _ in range(count)]
    names = ("value", "stderr", "spread", "dimension", "along")
    return SquaredMean(*[np.array([getattr(one, name) for one in found]) for name in names], replicas=replicas), mu @ mu


def _covered(variance, **drawn) -> float:
    found, truth = _drawn(variance, **drawn)
    low, high = found.interval(0.95)
    assert (low >= 0.0).all()
    assert (low <= high).all()
    return float(np.mean((low <= truth) & (truth <= high)))


def test_of_one_coordinate_far_from_zero_it_is_students_interval_squared():
    x = np.random.default_rng(1).normal(5.0, 1.0, size=(12, 1))
    mean, reach = x.mean(), t.ppf(0.975, 11) * x.std(ddof=1) / math.sqrt(12)
    low, high = squared_mean(x).interval(0.95)
    assert float(low) == pytest.approx((mean - reach) ** 2, rel=1e-3)
    assert float(high) == pytest.approx((mean + reach) ** 2, rel=1e-3)


def test_where_the_mean_is_nearly_zero_the_error_is_not():
    """Six replicas placed so that m = 1e-3 and s = 1: D = -1/6 is 0.7 standard errors from 0; a jackknife says 400."""
    x = np.array([[-1.0], [1.0], [-1.0], [1.0], [-0.5], [0.5]])
    x = x / x.std(ddof=1) + 1e-3
    found = squared_mean(x)
    assert float(found.value) == pytest.approx(-1 / 6, abs=1e-5)
    assert float(found.stderr) == pytest.approx(math.sqrt(2 / 30), rel=1e-4)
    low, high = found.interval(0.95)
    assert float(low) == 0.0
    assert 0.0 <= float(high) < 0.5
    without = np.array([float(squared_mean(np.delete(x, r, axis=0)).value) for r in range(6)])
    assert 10 * math.sqrt(5 / 6 * ((without - without.mean()) ** 2).sum()) / 6 < 1 / 6


@pytest.mark.parametrize("name", ["line", "ten, over a factor 1000"])
@pytest.mark.parametrize("drift", [0.0, 1.0, 3.0])
def test_the_interval_covers_near_zero(name, drift):
    """16 replicas, 200 ensembles: at least 95% less four standard errors."""
    covered = _covered(SPREADS[name], drift=drift, along=0, replicas=16, count=200)
    assert covered > 0.95 - 4 * math.sqrt(0.05 * 0.95 / 200)


def test_the_standard_error_is_that_of_the_estimate():
    """With and without a drift in ten coordinates, of 400 ensembles: the mean square within 40% of the variance."""
    for drift in (0.0, 8.0):
        found, truth = _drawn(SPREADS["ten"], drift=drift, along=0, replicas=16, count=400)
        assert np.mean(found.stderr**2) / found.value.var() == pytest.approx(1.0, abs=0.4)
        assert np.abs((found.value - truth) / found.stderr).max() < 6.0


def test_directions_that_share_the_spread():
    """(sum 1/k)^2/sum 1/k^2 = 30.5 of 650 modes, by 64 replicas within 10%."""
    variance = SPREADS["650, as one over the mode"]
    found, _ = _drawn(variance, drift=0.0, along=0, replicas=64, count=8)
    assert found.dimension.mean() == pytest.approx(variance.sum() ** 2 / (variance**2).sum(), rel=0.1)
    assert math.isnan(squared_mean(np.eye(3)).stderr)
    low, high = squared_mean(np.ones((5, 2))).interval(0.95)
    assert float(low) == float(high) == 2.0


@pytest.mark.validate
@pytest.mark.parametrize("drift", [0.0, 0.5, 1.0, 2.0, 4.0, 10.0])
@pytest.mark.parametrize(("name", "along"), [
    ("line", 0), ("plane", 0), ("long and thin", 0), ("long and thin", 1), ("ten", 0),
    ("ten, over a factor 1000", 0), ("ten, over a factor 1000", 9), ("650", 0), ("650, as one over the mode", 0),
    ("650, as one over the mode", 600),
])  # fmt: skip
def test_the_interval_covers_what_it_promises(name, along, drift):
    """Drift in standard errors of the mean along itself: 1,000 ensembles of 16 replicas.

    Exact for equal variances, where the interval misses at most 5% (four standard errors on top); at most 7.5% for
    unequal ones, of which 16 replicas tell little.
    """
    variance = SPREADS[name]
    covered = _covered(variance, drift=drift, along=along, replicas=16, count=1000)
    promised = 0.95 if np.ptp(variance) == 0.0 else 0.925
    print(f"{name}, {drift:g} along {along}: {covered:.3f}")
    assert covered > promised - 4 * math.sqrt(0.05 * 0.95 / 1000)
