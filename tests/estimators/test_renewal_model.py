"""The surrogate has the law, the growth and the correlation that it states."""

from __future__ import annotations

import numpy as np

from langevin_sgd.checks.diffusion.distance import sup_distance
from langevin_sgd.estimators.renewal_model import renewal_positions
from langevin_sgd.theory import logarithmic_diffusion as theory

LN_TIME = np.array([10.0, 14.0, 24.0, 40.0])
DISORDERS = 8000


def test_law_growth_and_correlation():
    setting = {"amplitude": 2.0, "thermal_energy": 0.5, "shift": -2.0}
    x = renewal_positions(np.arange(DISORDERS), LN_TIME, seed=1, rate=3.0, **setting)
    xi = x / theory.length_scale(LN_TIME, alpha=1.0, **setting)
    for column in xi.T:  # Kolmogorov's bound at 1e-4
        assert sup_distance(column, theory.cdf) < 2.23 / np.sqrt(DISORDERS)
    relative = x**2 / theory.mean_squared_displacement(LN_TIME, **setting) - 1
    measured = np.mean(relative[:, 1:] * relative[:, :-1], axis=0) / np.mean(relative**2)
    expected = ((LN_TIME[:-1] - 2) / (LN_TIME[1:] - 2)) ** 3.0
    np.testing.assert_allclose(measured, expected, atol=0.12)  # 4 standard errors of a product of heavy tails


def test_a_disorder_is_the_same_whichever_others_are_asked_for():
    every = renewal_positions(np.arange(100), LN_TIME, seed=5)
    np.testing.assert_array_equal(renewal_positions([7, 99], LN_TIME, seed=5), every[[7, 99]])
    assert not np.allclose(renewal_positions([7, 99], LN_TIME, seed=6), every[[7, 99]])


def test_without_renewal_a_disorder_keeps_its_position_in_units_of_the_scale():
    x = renewal_positions(np.arange(50), LN_TIME, seed=2, alpha=1.25, rate=0.0)
    scale = theory.length_scale(LN_TIME, alpha=1.25, amplitude=1.0, thermal_energy=1.0)
    np.testing.assert_allclose(x / scale, np.repeat(x[:, :1] / scale[0], 4, axis=1), rtol=1e-12)
