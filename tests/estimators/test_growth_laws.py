"""Fits of the laws of growth to exact curves, and what happens where a parameter is not identified."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.estimators.growth_laws import DIFFUSION, LOGARITHMIC, POWER, SATURATION, fit, whitening

LN_TIME = np.geomspace(10.0, 40.0, 12)
EVEN = np.eye(LN_TIME.size)


@pytest.mark.parametrize(("amplitude", "shift", "exponent"), [(1.36, -2.0, 4.0), (0.01, 30.0, 2.7), (5.0, -9.0, 1.1)])
def test_logarithmic_law_is_recovered(amplitude, shift, exponent):
    curve = np.log(amplitude * (LN_TIME + shift) ** exponent)
    free = fit(LOGARITHMIC, LN_TIME, curve[None], EVEN)
    assert free.parameter[0] == pytest.approx(shift, abs=1e-4)
    assert free.exponent[0] == pytest.approx(exponent, rel=1e-5)
    assert free.ln_amplitude[0] == pytest.approx(np.log(amplitude), abs=1e-3)
    assert not free.edge[0]
    np.testing.assert_allclose(
        free.predict(np.array([15.0, 60.0]))[0],
        np.log(amplitude * (np.array([15.0, 60.0]) + shift) ** exponent),
        atol=1e-4,
    )
    fixed = fit(LOGARITHMIC.with_exponent(exponent), LN_TIME, curve[None], EVEN)
    assert fixed.exponent[0] == exponent
    assert fixed.parameter[0] == pytest.approx(shift, abs=1e-5)
    # with the exponent of alpha = 1.25 in place of 1 no shift makes up for it
    wrong = fit(LOGARITHMIC.with_exponent(0.8 * exponent), LN_TIME, curve[None], EVEN)
    assert wrong.residual[0] > 1e-5


def test_other_laws_are_recovered():
    power = fit(POWER, LN_TIME, 0.3 + 0.15 * LN_TIME[None], EVEN)
    assert (power.ln_amplitude[0], power.exponent[0]) == pytest.approx((0.3, 0.15))
    diffusion = fit(DIFFUSION, LN_TIME, 0.3 + LN_TIME[None], EVEN)
    assert diffusion.ln_amplitude[0] == pytest.approx(0.3)
    curve = np.log(2.0 * -np.expm1(-np.exp(LN_TIME) / np.exp(17.0)))
    saturation = fit(SATURATION, LN_TIME, curve[None], EVEN)
    assert np.log(saturation.parameter[0]) == pytest.approx(17.0, abs=1e-4)
    assert saturation.ln_amplitude[0] == pytest.approx(np.log(2.0), abs=1e-5)
    np.testing.assert_allclose(saturation.predict(LN_TIME)[0], curve, atol=1e-4)


def test_a_power_of_time_has_no_finite_shift():
    found = fit(LOGARITHMIC, LN_TIME, 0.3 + 0.15 * LN_TIME[None], EVEN)
    assert found.edge[0]
    assert found.exponent[0] / found.parameter[0] == pytest.approx(0.15, rel=0.01)


def test_curves_are_fitted_each_on_its_own():
    curves = np.log(np.stack([(LN_TIME - 2) ** 4, 3 * (LN_TIME + 5) ** 2]))
    both = fit(LOGARITHMIC, LN_TIME, curves, EVEN)
    for number in range(2):
        alone = fit(LOGARITHMIC, LN_TIME, curves[number : number + 1], EVEN)
        assert both.exponent[number] == pytest.approx(alone.exponent[0], rel=1e-9)
    np.testing.assert_allclose(both.exponent, [4, 2], rtol=1e-5)


def test_generalised_least_squares():
    """Against the normal equations with the inverse covariance, for a law without a shape parameter."""
    random = np.random.default_rng(0)
    factor = random.standard_normal((LN_TIME.size, LN_TIME.size)) + 3 * np.eye(LN_TIME.size)
    covariance = factor @ factor.T
    curve = 0.2 * LN_TIME + random.standard_normal(LN_TIME.size)
    design = np.stack([np.ones_like(LN_TIME), LN_TIME], axis=1)
    inverse = np.linalg.inv(covariance)
    expected = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ curve)
    found = fit(POWER, LN_TIME, curve[None], whitening(covariance))
    assert (found.ln_amplitude[0], found.exponent[0]) == pytest.approx(tuple(expected), rel=1e-9)
    misfit = curve - design @ expected
    assert found.residual[0] == pytest.approx(misfit @ inverse @ misfit, rel=1e-9)
