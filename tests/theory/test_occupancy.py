"""Occupancies by independent quadrature, the error function, Student's law and exact variances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from langevin_sgd.errors import UserError
from langevin_sgd.theory import occupancy as theory


def tilted(w):
    return (w[0] ** 2 - 1.0) ** 2 + 0.3 * w[0]


def saddle():
    """Of `tilted`: the middle root of 4 x^3 - 4 x + 0.3."""
    return np.sort(np.roots([4.0, 0.0, -4.0, 0.3]).real)[1]


@pytest.mark.parametrize("theta", [0.05, 0.2, 1.0])
def test_occupancy_on_a_line_by_independent_quadrature(theta):
    def weight(x):
        return np.exp(-(tilted([x]) + 0.3) / theta)

    parts = [quad(weight, *ends, epsabs=0.0, epsrel=1e-13, limit=500)[0] for ends in [(-3, saddle()), (saddle(), 3)]]
    exact = np.array(parts) / sum(parts)
    by_cells = theory.quadrature(tilted, theta, [(-3, 3)], breaks=[[saddle()]])
    np.testing.assert_allclose(theory.occupancy(by_cells, by_cells.centres[0] > saddle()), exact, rtol=1e-11)
    refined = theory.exact_occupancy(tilted, theta, [(-3, 3)], lambda w: w[0] > saddle(), 2, breaks=[[saddle()]])
    np.testing.assert_allclose(refined.values, exact, rtol=1e-11)
    assert np.all(refined.error < 1e-11)


@pytest.mark.parametrize(("dimension", "cells", "accuracy"), [(2, 60, 1e-9), (3, 30, 1e-7)])
def test_gaussian_in_two_and_three_dimensions(dimension, cells, accuracy):
    scale = np.array([0.5, 0.8, 1.1])[:dimension]

    def energy(w):
        return 0.7 * sum(x**2 / (2.0 * s**2) for x, s in zip(w, scale, strict=True))

    density = theory.quadrature(
        energy, 0.7, [(-7 * s, 7 * s) for s in scale], cells, breaks=[[0.3]] + [[]] * (dimension - 1)
    )
    assert density.probabilities.sum() == pytest.approx(1.0, abs=1e-14)
    beyond = theory.occupancy(density, np.where(density.points[0] > 0.3, 1, -1))
    assert beyond[1] == pytest.approx(stats.norm.sf(0.3 / 0.5), abs=accuracy)
    assert density.boundary_probability < 1e-9


@pytest.mark.parametrize("threshold", [0.2, 1.1])
def test_error_is_honest_where_basins_meet_within_cells(threshold):
    result = theory.exact_occupancy(
        lambda w: (w**2).sum(axis=0) / 2.0, 1.0, [(-8, 8)] * 2, lambda w: w.sum(axis=0) > threshold, 2, tolerance=1e-3
    )
    exact = stats.norm.sf(threshold / np.sqrt(2.0))
    assert abs(result.values[1] - exact) < result.error[1]
    assert result.error[1] < 2e-3


def test_basins_on_a_line_need_no_breaks():
    result = theory.exact_occupancy(lambda w: w[0] ** 2 / 2.0, 1.0, [(-8, 8)], lambda w: w[0] > 0.3, 2)
    assert result.values[1] == pytest.approx(stats.norm.sf(0.3), abs=1e-9)
    assert result.error[1] < 1e-9


def test_points_of_no_basin_are_left_out():
    def shells(w):
        return np.where((w**2).sum(axis=0) < 1.0, 0, -1)

    result = theory.exact_occupancy(lambda w: (w**2).sum(axis=0) / 2.0, 1.0, [(-8, 8)] * 3, shells, 1, cells=16)
    assert result.values[0] == pytest.approx(stats.chi2(3).cdf(1.0), abs=2e-3)


@pytest.mark.parametrize(("interpretation", "noise_power"), [("ito", 1.0), ("stratonovich", 0.5)])
def test_noise_that_grows_gives_students_law(interpretation, noise_power):
    """E' = k x, D = theta (1 + x^2): P ~ (1 + x^2)^-(a + k/(2 theta)), Student's with nu + 1 twice the exponent."""
    k, theta, reach = 1.3, 0.25, 30.0
    freedom = 2.0 * (noise_power + k / (2.0 * theta)) - 1.0
    density = theory.ito_density(
        lambda x: k * x, lambda x: theta * (1.0 + x**2), (-reach, reach), breaks=[0.4], interpretation=interpretation
    )
    law = stats.t(freedom, scale=freedom**-0.5)
    found = theory.occupancy(density, density.centres[0] > 0.4)
    assert found[1] == pytest.approx((law.cdf(reach) - law.cdf(0.4)) / (law.cdf(reach) - law.cdf(-reach)), rel=1e-10)


def test_constant_noise_gives_boltzmanns_law():
    ito = theory.ito_density(lambda x: 4.0 * x * (x**2 - 1.0) + 0.3, lambda x: np.full_like(x, 0.2), (-3, 3), 200)
    boltzmann = theory.quadrature(tilted, 0.2, [(-3, 3)], 200)
    np.testing.assert_allclose(ito.values, boltzmann.values, rtol=1e-10)


@pytest.mark.parametrize("dimension", [1, 2, 10])
def test_laplace_of_harmonic_wells_is_the_gaussian_integral(dimension):
    rng = np.random.default_rng(dimension)
    factors = rng.normal(size=(2, dimension, 2 * dimension))
    hessians = factors @ factors.transpose(0, 2, 1)
    energies, theta = np.array([0.3, 0.1]), 0.4
    peak = [stats.multivariate_normal(cov=theta * np.linalg.inv(h)).pdf(np.zeros(dimension)) for h in hessians]
    integral = np.exp(-energies / theta) / peak  # of exp(-E/theta), by the height of the normalised Gaussian
    found = theory.laplace_occupancy(energies, hessians, theta)
    np.testing.assert_allclose(found, integral / integral.sum(), rtol=1e-12)


def test_basins_weigh_the_same_where_free_energies_cross():
    energies, hessians = [0.0, 0.2], [np.diag([9.0, 4.0]), np.diag([1.0, 2.0])]
    crossing = theory.crossing_thermal_energy(energies, hessians)
    assert crossing == pytest.approx(0.4 / np.log(18.0))
    np.testing.assert_allclose(theory.laplace_occupancy(energies, hessians, crossing), 0.5)
    assert theory.laplace_occupancy(energies, hessians, 0.5 * crossing)[0] > 0.6  # cold: the deep one
    assert theory.laplace_occupancy(energies, hessians, 2.0 * crossing)[0] < 0.4  # hot: the flat one
    assert np.isnan(theory.crossing_thermal_energy(energies, hessians[::-1]))


def test_laplace_is_the_limit_of_quadrature():
    """On the tilted well the relative error falls in proportion to theta."""
    minima = np.sort(np.roots([4.0, 0.0, -4.0, 0.3]).real)[[0, 2]]
    hessians = (12.0 * minima**2 - 4.0)[:, None, None]
    errors = []
    for theta in (0.04, 0.02, 0.01):
        exact = theory.exact_occupancy(
            tilted, theta, [(-2, 2)], lambda w: w[0] > saddle(), 2, breaks=[[saddle()]]
        ).values
        laplace = theory.laplace_occupancy(tilted(minima[None]), hessians, theta)
        errors.append(np.log(laplace[1] / laplace[0]) - np.log(exact[1] / exact[0]))
    ratios = np.array(errors[:-1]) / errors[1:]
    np.testing.assert_allclose(ratios, 2.0, atol=0.3)


def test_finite_step_on_a_quadratic_is_the_exact_discrete_variance():
    """theta/(k (1 - eta k/2)); as a weight of basins exp(-eta k/4) to first order, as Laplace's law has it."""
    k, theta, eta = 3.0, 0.2, 0.1
    corrected = theory.finite_step_energy(
        lambda w: k * w[0] ** 2 / 2, lambda w: k * w, lambda w: k + 0 * w[0], eta, theta
    )
    density = theory.quadrature(corrected, theta, [(-4, 4)], 400)
    variance = (density.probabilities * density.centres[0] ** 2).sum()
    assert variance == pytest.approx(theta / (k * (1.0 - eta * k / 2.0)), rel=1e-3)  # midpoints: h^2/12
    flat, sharp = theory.laplace_occupancy([0, 0], [[[1.0]], [[k]]], theta, learning_rate=eta)
    assert sharp / flat == pytest.approx(k**-0.5 * np.exp(-eta * (k - 1.0) / 4.0))
    weight = quad(lambda x: np.exp(-corrected(np.array([x])) / theta), -4, 4)[0] / np.sqrt(2 * np.pi * theta / k)
    assert weight == pytest.approx(np.exp(-eta * k / 4.0), abs=(eta * k) ** 2 / 8)


def test_what_is_refused():
    with pytest.raises(UserError, match="3 dimensions"):
        theory.quadrature(lambda w: (w**2).sum(axis=0), 1.0, [(-1, 1)] * 4)
    with pytest.raises(UserError, match="must be positive"):
        theory.quadrature(tilted, 0.0, [(-2, 2)])
    with pytest.raises(UserError, match="largest at an end"):
        theory.quadrature(lambda w: -(w[0] ** 2), 1.0, [(-2, 2)])
    with pytest.raises(UserError, match="largest at an end"):
        theory.ito_density(lambda x: 0 * x - 1.0, lambda x: 0 * x + 0.1, (-2, 2))
    with pytest.raises(UserError, match="not a number"):
        theory.quadrature(lambda w: np.where(w[0] > 0, np.nan, w[0] ** 2), 1.0, [(-2, 2)])
    with pytest.raises(UserError, match="the noise vanishes at 1"):
        theory.ito_density(lambda x: x, lambda x: np.where(x > 1.0, 0.0, 1.0), (-2, 2))
    with pytest.raises(UserError, match="basin 1 has eigenvalue -1"):
        theory.laplace_occupancy([0, 0], [[[1.0]], [[-1.0]]], 1.0)
    with pytest.raises(UserError, match="interpretation"):
        theory.ito_density(lambda x: x, lambda x: 1 + 0 * x, (-2, 2), interpretation="itoh")
