"""Growth of a variance between two times: unbiased, with the error that it says, exact beside the plain difference."""

import numpy as np
import pytest

from langevin_sgd.estimators.variance_growth import variance_growth

REPLICAS, TRIALS = 16, 3000


def test_it_is_the_difference_of_variances_and_its_error_the_jackknifes():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 7, 3)) + 5.0

    def plain(kept):
        return (y[kept].var(0, ddof=1) - x[kept].var(0, ddof=1)).sum()

    found = variance_growth(x, y)
    assert found.value == pytest.approx(plain(np.arange(7)), rel=1e-12)
    without = np.array([plain(np.delete(np.arange(7), r)) for r in range(7)])
    assert found.stderr == pytest.approx(np.sqrt(6 / 7 * ((without - without.mean()) ** 2).sum()), rel=1e-10)
    assert np.isnan(variance_growth(x[:2], y[:2]).stderr)


@pytest.mark.parametrize("diffuses", [True, False])
def test_it_is_unbiased_and_its_error_is_its_own(diffuses):
    """Walks that doubled their time, of growth 1, and values that have nothing to do with each other, of growth 0."""
    x, z = np.random.default_rng(1).normal(size=(2, TRIALS, REPLICAS, 1))
    values, stderr = np.array([variance_growth(a, a + b if diffuses else b) for a, b in zip(x, z, strict=True)]).T
    spread = values.std(ddof=1)
    assert abs(values.mean() - diffuses) < 4 * spread / np.sqrt(TRIALS)
    np.testing.assert_allclose(np.sqrt((stderr**2).mean()), spread, rtol=0.1)
