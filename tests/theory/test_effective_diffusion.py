"""Ordinary diffusion at late times in bounded potentials, against walks on rings whose coefficient is exact."""

import numpy as np
import pytest
from scipy.integrate import quad

from langevin_sgd.landscapes.line import Line, refined
from langevin_sgd.theory.effective_diffusion import gaussian_line


def hopping(potential, theta, spacing):
    """D of a walker that hops on a ring with the rates of the master equation: capacities and resistances in series."""
    z = np.diff(np.append(potential, potential[0])) / theta
    rate = theta / spacing**2 * z / np.expm1(z)
    capacity = np.exp(-potential / theta)
    return spacing**2 / (capacity.mean() * (1.0 / (capacity * rate)).mean())


def test_a_ring_relaxes_as_its_coefficient_says():
    """The slowest rate of the ring is D (2 pi/L)^2 if it is much longer than its barriers are apart."""
    theta, h, cells, copies = 0.7, 0.3, 8, 60
    one = np.random.default_rng(1).normal(size=cells)
    v = np.tile(one, copies)
    n = v.size
    z = np.diff(np.append(v, v[0])) / theta
    right, left = theta / h**2 * z / np.expm1(z), theta / h**2 * -z / np.expm1(-z)
    matrix = np.zeros((n, n))
    for i in range(n):
        j = (i + 1) % n
        matrix[j, i] += right[i]
        matrix[i, i] -= right[i]
        matrix[i, j] += left[i]
        matrix[j, j] -= left[i]
    root = np.exp(-v / theta / 2)  # detailed balance makes it symmetric
    symmetric = matrix * root / root[:, None]
    np.testing.assert_allclose(symmetric, symmetric.T, rtol=1e-12, atol=0)
    slowest = np.sort(-np.linalg.eigvalsh(symmetric))[1]
    assert slowest == pytest.approx(hopping(one, theta, h) * (2 * np.pi / (n * h)) ** 2, rel=2e-3)


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_averages_over_disorders_are_the_formula(cells):
    line = Line(1.0, half_width=20_000, amplitude=0.9, spacing=0.7, correlation_length=5.0)
    rows = refined(line.potential(3, np.arange(40)), cells)
    theta = 1.1
    correlation = np.exp(-0.7 / 5.0)
    exact = gaussian_line(thermal_energy=theta, variance=line.variance, neighbour_correlation=correlation, cells=cells)
    # each line is given by its potential up to a constant, which drops out of the product
    each = np.array([hopping(row, theta, 0.7 / cells) for row in rows])
    assert abs(each.mean() - exact) < 4.0 * each.std() / np.sqrt(40) + 0.01 * exact
    assert each.mean() == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize("cells", [1, 2, 5])
def test_a_finer_lattice_averages_the_capacity_over_its_points(cells):
    """Against E exp(-V/theta) at each point of it, and the resistance of the straight potential by quadrature."""
    theta, variance, rho = 0.8, 2.0, 0.6

    def mean(u):
        return np.exp(variance / theta**2 / 2 * ((1 - u) ** 2 + u**2 + 2 * u * (1 - u) * rho))

    capacity = np.mean([mean(k / cells) for k in range(cells)])
    found = gaussian_line(thermal_energy=theta, variance=variance, neighbour_correlation=rho, cells=cells)
    assert found == pytest.approx(theta / (capacity * quad(mean, 0, 1)[0]), rel=1e-12)
    one, linear = (
        gaussian_line(thermal_energy=theta, variance=variance, neighbour_correlation=rho, **kind)
        for kind in ({"cells": 1}, {"between": "linear"})
    )
    assert one <= found < linear


@pytest.mark.parametrize("between", ["sites", "linear", "exact"])
def test_interpolation_averages_capacity_and_resistance(between):
    theta, variance, rho = 0.8, 2.0, 0.6
    s = variance / theta**2

    def mean(sign, linear):
        if not linear:
            return np.exp(s / 2)
        return quad(lambda u: np.exp(s / 2 * ((1 - u) ** 2 + u**2 + 2 * u * (1 - u) * rho)), 0, 1)[0]

    capacity, resistance = mean(-1, between == "linear"), mean(1, between != "exact")
    found = gaussian_line(thermal_energy=theta, variance=variance, neighbour_correlation=rho, between=between)
    assert found == pytest.approx(theta / (capacity * resistance), rel=1e-12)


def test_without_a_potential_it_is_free_diffusion():
    assert gaussian_line(thermal_energy=0.6, variance=1e-12) == pytest.approx(0.6)
