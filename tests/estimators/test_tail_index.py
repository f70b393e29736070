"""The block estimator of the tail index, on samples of stable laws and on what only looks like one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.tail_index import inverse_tail_index


@pytest.mark.parametrize("alpha", [2.0, 1.5, 1.0])
def test_the_index_of_a_stable_law_is_found(alpha):
    samples = stats.levy_stable.rvs(alpha, 0.0, size=(40, 900), random_state=1)
    found = inverse_tail_index(samples)
    assert found.shape == (40,)
    assert abs(found.mean() - 1.0 / alpha) < 4.0 * found.std(ddof=1) / np.sqrt(40)
    assert found.std(ddof=1) / np.sqrt(40) < 0.02


def test_gaussians_of_different_scales_look_heavy_together():
    generator = np.random.default_rng(1)
    samples = generator.normal(size=(40, 900)) * np.exp(2.0 * generator.normal(size=900))
    assert inverse_tail_index(samples).mean() > 0.6
    one_by_one = inverse_tail_index(samples.T)
    assert abs(one_by_one.mean() - 0.5) < 4.0 * one_by_one.std() / np.sqrt(900)


def test_three_samples_are_refused():
    with pytest.raises(UserError, match="at least 4"):
        inverse_tail_index([1.0, 2.0, 3.0])
