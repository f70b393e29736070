"""Drift and spread of replicas against their definitions, and without bias."""

import numpy as np
import pytest

from langevin_sgd.estimators.drift_and_spread import displacement_summary


def test_displacement_summary_is_what_it_says() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(9, 4)) + 2.0
    summary = displacement_summary(x)
    spread = x.var(0, ddof=1).sum()
    assert summary.spread == pytest.approx(spread, rel=1e-12)
    assert summary.drift_squared == pytest.approx((x.mean(0) ** 2).sum() - spread / 9, rel=1e-12)
    without = np.array([np.delete(x, r, axis=0).var(0, ddof=1).sum() for r in range(9)])
    assert summary.spread_stderr == pytest.approx(np.sqrt(8 / 9 * ((without - without.mean()) ** 2).sum()), rel=1e-10)
    np.testing.assert_allclose(summary.squared_displacement, (x**2).sum(1))


def test_displacement_summary_is_unbiased() -> None:
    """Drift 4 and spread 3 are recovered within 4 standard errors from 4,000 ensembles of 5 replicas."""
    rng = np.random.default_rng(2)
    drift = np.array([2.0, 0.0, 0.0])
    summaries = [displacement_summary(rng.normal(size=(5, 3)) + drift) for _ in range(4000)]
    found = np.array([(summary.drift_squared, summary.spread) for summary in summaries])
    stderr = found.std(0) / np.sqrt(len(found))
    assert np.all(np.abs(found.mean(0) - [4.0, 3.0]) < 4 * stderr)


def test_one_replica_gives_no_spread() -> None:
    one = displacement_summary(np.ones((1, 3)))
    assert np.isnan(one.spread)


@pytest.mark.parametrize(("replicas", "coordinates"), [(1, 1), (2, 2), (64, 1), (100, 3), (300, 16), (4096, 3)])
def test_ensembles_together_have_the_bits_that_each_has_alone(replicas: int, coordinates: int) -> None:
    x = np.random.default_rng(2).normal(size=(7, 5, coordinates, replicas)).swapaxes(-1, -2)
    x[1] = 0.0
    together = displacement_summary(x)
    for index in np.ndindex(7, 5):
        for one, each in zip(displacement_summary(x[index]), together, strict=True):
            np.testing.assert_array_equal(each[index], one)
