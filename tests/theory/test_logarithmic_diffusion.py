"""The Kesten-Golosov law by long series in many digits and by quadrature; growth and aging by their limits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import factorial

from langevin_sgd.errors import UserError
from langevin_sgd.theory import logarithmic_diffusion as theory

POINTS = [1e-3, 0.01, 0.1, 0.3, 0.5, 0.699, 0.701, 1.0, 3.0, 10.0, 60.0]
EULER = {4: 5, 6: 61, 8: 1385, 10: 50521, 12: 2702765}  # |E_n|, from the expansion of 1/cosh


def long_series(xi, power):
    """sum_k (-1)^k/(2k+1)^power exp(-(2k+1)^2 pi^2 xi/8) in 40 digits, with all terms above 1e-40."""
    with mpmath.workdps(40):
        terms = int(mpmath.sqrt(8 * 100 / (mpmath.pi**2 * xi))) + 3
        rate = mpmath.pi**2 * xi / 8
        odd = (mpmath.mpf(2 * k + 1) for k in range(terms))
        return mpmath.fsum((-1) ** k / o**power * mpmath.exp(-rate * o**2) for k, o in enumerate(odd))


@pytest.mark.parametrize("xi", POINTS)
def test_density_and_distribution_to_relative_accuracy(xi):
    density = 2 / mpmath.pi * long_series(mpmath.mpf(xi), 1)
    survival = 32 / mpmath.pi**3 * long_series(mpmath.mpf(xi), 3)
    for sign in (1, -1):
        assert float(theory.density(sign * xi) / density - 1) == pytest.approx(0, abs=1e-14)
        assert float(theory.survival(sign * xi) / survival - 1) == pytest.approx(0, abs=1e-14)
    assert float(theory.cdf(-xi) / (survival / 2) - 1) == pytest.approx(0, abs=1e-14)
    assert float(theory.cdf(xi)) == pytest.approx(float(1 - survival / 2), abs=3e-16)


def test_density_at_zero_is_one_half():
    """Where the alternating series converges no longer: with three terms it gives 0.55."""
    np.testing.assert_array_equal(theory.density(np.array([0.0, 1e-300])), 0.5)
    np.testing.assert_array_equal(theory.cdf(np.array([0.0, -0.0])), 0.5)
    assert theory.density(1e-3) == 0.5  # flat to all digits


def test_distribution_is_the_integral_of_the_density():
    for low, high in [(0.0, 0.2), (0.6, 0.8), (-1.5, 2.5), (2.0, 30.0)]:
        area, _ = quad(theory.density, low, high, points=[0.0, 0.7], limit=200, epsabs=1e-13)
        assert theory.cdf(high) - theory.cdf(low) == pytest.approx(area, abs=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_moments_are_those_of_the_expansion_of_the_laplace_transform(order):
    exact = factorial(order) * 2 ** (order + 1) * EULER[2 * order + 2] / factorial(2 * order + 2)
    assert theory.absolute_moment(order) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("order", [-0.5, 0.0, 0.5, 1.0, 2.0, 4.0])
def test_moments_by_quadrature(order):
    area, _ = quad(lambda x: 2 * x**order * theory.density(x), 0, 80, points=[0.01, 0.7, 5.0], limit=400)
    assert theory.absolute_moment(order) == pytest.approx(area, rel=1e-8)


def test_the_constants_of_the_law():
    assert theory.absolute_moment(1) == pytest.approx(theory.MEAN_ABSOLUTE, rel=1e-14)
    assert theory.absolute_moment(2) == pytest.approx(theory.MEAN_SQUARE, rel=1e-14)
    assert theory.absolute_moment(3) == pytest.approx(277 / 84, rel=1e-14)
    relative_variance = theory.absolute_moment(4) / theory.MEAN_SQUARE**2 - 1
    assert math.sqrt(relative_variance) == pytest.approx(2.195, abs=5e-4)  # of x^2, per disorder


@pytest.mark.parametrize("rate", [0.0, 1e-9, 1e-3, 0.5, 5.0, 200.0])
def test_laplace_transform(rate):
    area, _ = quad(lambda x: 2 * math.exp(-rate * x) * theory.density(x), 0, 60, points=[0.005, 0.1, 0.7], limit=400)
    assert theory.laplace_transform(rate) == pytest.approx(area, rel=1e-9)
    small = 1 - 5 / 6 * rate + 61 / 90 * rate**2
    assert rate > 0.01 or theory.laplace_transform(rate) == pytest.approx(small, abs=2 * rate**3 + 1e-15)


def test_quantile_inverts_the_distribution():
    u = np.array([1e-290, 1e-30, 1e-6, 0.01, 0.3, 0.499999, 0.5, 0.500001, 0.7, 0.99, 1 - 1e-12])
    xi = theory.quantile(u)
    np.testing.assert_allclose(np.minimum(theory.cdf(xi), 0.5 * theory.survival(xi)), np.minimum(u, 1 - u), rtol=1e-11)
    np.testing.assert_array_equal(np.sign(xi), np.sign(u - 0.5))
    even = (np.arange(20000) + 0.5) / 20000
    assert np.mean(theory.quantile(even) ** 2) == pytest.approx(theory.MEAN_SQUARE, rel=1e-3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        theory.quantile([0.5, 1.0])


def test_exponent_and_why_alpha_is_below_two():
    assert [theory.exponent(a) for a in (0.5, 1.0, 1.6)] == [8.0, 4.0, 2.5]
    with pytest.raises(UserError, match="constant random force, so motion is ballistic, there are no barriers"):
        theory.exponent(2.0)
    for alpha in (0.0, -1.0, math.nan):
        with pytest.raises(UserError, match="barriers do not grow"):
            theory.exponent(alpha)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_barriers_at_the_length_scale_are_crossed_in_time_t(alpha):
    amplitude, theta, ln_time, shift = 2.0, 0.3, np.array([12.0, 40.0]), -2.0
    scale = theory.length_scale(ln_time, alpha=alpha, amplitude=amplitude, thermal_energy=theta, shift=shift)
    np.testing.assert_allclose(np.sqrt(amplitude * scale**alpha), theta * (ln_time + shift), rtol=1e-14)


def test_mean_squared_displacement():
    value = theory.mean_squared_displacement([12.0, 22.0], amplitude=2.0, thermal_energy=0.5, shift=-2.0)
    np.testing.assert_allclose(value, 61 / 45 * 0.5**4 * np.array([1e4, 16e4]) / 4, rtol=1e-14)
    confused = theory.mean_squared_displacement(12.0, amplitude=2.0, thermal_energy=1.0, shift=-2.0)
    assert confused / value[0] == pytest.approx(16)  # T in place of theta = T/2


def test_natural_time_is_diffusion_over_the_distance_of_one_theta():
    amplitude, theta = 3.0, 0.4
    distance = theta**2 / amplitude  # sqrt(A r) = theta
    assert theory.natural_time(amplitude=amplitude, thermal_energy=theta) == pytest.approx(distance**2 / theta)


def test_aging_law():
    assert theory.aging_probability(1.0) == 1.0
    assert theory.aging_probability(2.0) == pytest.approx(0.355, abs=5e-4)
    assert theory.aging_probability(1e6) == pytest.approx(5 / 3 * 1e-12, rel=1e-9)
    assert np.all(np.diff(theory.aging_probability(np.linspace(1, 8, 100))) < 0)
    # a walker has left after h = 1 + e with probability (4/3) e
    assert (1 - theory.aging_probability(1 + 1e-6)) / 1e-6 == pytest.approx(4 / 3, rel=1e-5)


def test_aging_with_shifted_logarithms():
    h = theory.shifted_ratio(2.0, 40.0, -2.0)
    assert h == pytest.approx(78 / 38)
    assert theory.aging_probability(h) == pytest.approx(0.340, abs=5e-4)
    with pytest.raises(UserError, match="take a later t_w"):
        theory.shifted_ratio(2.0, 1.5, -2.0)
    with pytest.raises(UserError, match="the later time comes second"):
        theory.aging_probability(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amplitude": 0.0}, "amplitude: 0 of the structure function must be positive"),
        ({"thermal_energy": -1.0}, "thermal_energy: -1 must be positive"),
        ({"shift": -20.0}, "the law begins at later times"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    arguments = {"amplitude": 1.0, "thermal_energy": 1.0, "shift": 0.0} | change
    with pytest.raises(UserError, match=message):
        theory.mean_squared_displacement(10.0, **arguments)
