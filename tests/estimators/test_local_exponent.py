"""Local exponents of exact laws, and their errors."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.local_exponent import local_exponent
from langevin_sgd.estimators.renewal_model import renewal_positions

LN_TIME = np.linspace(4.0, 40.0, 73)


def test_of_an_exact_law():
    values = np.full((10, 1), 1.36) * (LN_TIME - 2) ** 4
    with_shift = local_exponent(LN_TIME, values, shift=-2.0)
    np.testing.assert_allclose(with_shift.exponent, 4.0, rtol=1e-9)
    without = local_exponent(LN_TIME, values)
    np.testing.assert_allclose(without.exponent, 4 * without.ln_time / (without.ln_time - 2), rtol=0.02)
    assert without.exponent[0] > 4.5  # what a slope on logarithmic axes would call the exponent
    assert np.all((with_shift.ln_time_low < with_shift.ln_time) & (with_shift.ln_time < with_shift.ln_time_high))


@pytest.mark.validate
def test_errors_are_those_of_many_studies():
    studies = [
        local_exponent(
            LN_TIME, renewal_positions(np.arange(1000), LN_TIME, seed=seed, shift=-2.0) ** 2, shift=-2.0, points=5
        )
        for seed in range(60)
    ]
    found = np.array([study.exponent for study in studies])
    stated = np.array([study.stderr for study in studies]).mean(axis=0)
    np.testing.assert_allclose(found.std(axis=0, ddof=1), stated, rtol=4 / np.sqrt(2 * 59))
    np.testing.assert_allclose(found.mean(axis=0), 4.0, atol=4 * stated.max() / np.sqrt(60))


def test_what_is_refused():
    with pytest.raises(UserError, match="holds 3 times"):
        local_exponent(LN_TIME[::24], np.ones((10, 4)), width=0.05)
    with pytest.raises(UserError, match="3 samples give no errors"):
        local_exponent(LN_TIME, np.ones((3, 73)))
    with pytest.raises(UserError, match="run longer"):
        local_exponent(LN_TIME, np.ones((10, 73)), shift=-50.0)
