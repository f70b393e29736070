"""The plane's solver against processes whose law, current and circulation are known; orders measured by refinement."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy.integrate import quad

from langevin_sgd.errors import UserError
from langevin_sgd.theory import escape, finite_volumes, fokker_planck, nonequilibrium_well
from langevin_sgd.theory import occupancy as theory

HESSIAN = np.array([[2.0, 0.3], [0.3, 0.7]])
NOISE = np.array([[0.5, 0.25], [0.25, 0.3]])  # does not commute with HESSIAN


def grid(reach, cells):
    return [np.linspace(-reach, reach, cells + 1)] * 2


def orders(errors):
    """Order of convergence from errors on grids each twice as fine as the last."""
    return np.log2(np.array(errors[:-1]) / errors[1:])


def errors_on(exact, edges):
    """Relative error of the circulation, and L1 errors of density and current, relative."""
    solution = fokker_planck.stationary(exact.drift, exact.diffusion, edges)
    points = solution.density.points
    density = np.abs(solution.density.values - exact.density(points)).sum() / exact.density(points).sum()
    current = np.abs(solution.current - exact.current(points)).sum() / np.abs(exact.current(points)).sum()
    return abs(solution.circulation() / exact.circulation - 1.0), density, current


@pytest.mark.parametrize(
    ("exact", "reach", "limits"),
    [
        (nonequilibrium_well.linear(HESSIAN, NOISE), 5.0, (0.01, 0.004, 0.03)),
        (nonequilibrium_well.rotated_well(0.25, 1.0), 3.5, (0.02, 0.02, 0.02)),
        (nonequilibrium_well.swirling_well(0.5, 1.5), 4.0, (0.02, 0.02, 0.03)),
    ],
    ids=["linear", "rotated", "swirling"],
)
def test_density_current_and_circulation_to_second_order(exact, reach, limits):
    errors = np.array([errors_on(exact, grid(reach, cells)) for cells in (50, 100)])
    np.testing.assert_allclose(orders(errors), 2.0, atol=0.25)
    assert np.all(errors[-1] < limits)


def test_circulation_of_a_linear_process_by_its_covariance():
    """(A S)_xy - (A S)_yx, zero if and only if H C = C H; by hand for H = diag(2, 1), C = [[1, c], [c, 1]]."""
    assert nonequilibrium_well.linear(np.diag([2.0, 1.0]), np.array([[1.0, 0.6], [0.6, 1.0]])).circulation == (
        pytest.approx(2.0 * 0.6 / 3.0)  # S_xy = 2 c/(2 + 1)
    )
    commuting = HESSIAN @ HESSIAN
    assert nonequilibrium_well.linear(HESSIAN, commuting).circulation == pytest.approx(0.0, abs=1e-12)


def test_exact_circulations_are_the_integrals_of_the_exact_currents():
    for exact in (
        nonequilibrium_well.linear(HESSIAN, NOISE),
        nonequilibrium_well.rotated_well(0.25, 1.0),
        nonequilibrium_well.swirling_well(0.5, 1.5),
    ):
        edges = tuple(grid(6.0, 300))
        solution = fokker_planck.Stationary(
            theory.Density(edges, exact.density(theory.Density(edges, np.zeros((300, 300))).points)), np.zeros(0)
        )
        points = solution.density.points
        assert solution.density.probabilities.sum() == pytest.approx(1.0, abs=1e-9)
        filled = fokker_planck.Stationary(solution.density, exact.current(points))
        assert filled.circulation() == pytest.approx(exact.circulation, rel=1e-9)


def test_formulas_for_a_config_are_the_functions():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1.5, 1.5, size=(2, 50))
    names = dict(x=x, y=y, omega=0.7, s=1.5, theta=0.4, exp=np.exp)
    slope = np.stack([x * (x**2 - 1.0), y])
    energy = eval(nonequilibrium_well.ENERGY, {}, names)
    np.testing.assert_allclose(
        eval(nonequilibrium_well.ENERGY, {}, {**names, "x": x + 1e-6}) - energy, 1e-6 * slope[0], atol=1e-10
    )
    for formulas, exact in (
        (nonequilibrium_well.ROTATION, nonequilibrium_well.rotated_well(0.4, 0.7)),
        (nonequilibrium_well.SWIRL, nonequilibrium_well.swirling_well(0.4, 1.5)),
    ):
        extra = np.stack([eval(formula, {}, names) for formula in formulas])
        np.testing.assert_allclose(extra - slope, exact.drift(np.stack([x, y])), rtol=1e-12)


def test_boltzmanns_law_is_exact_on_any_grid():
    theta = 0.2

    def energy(w):
        return (w[0] ** 2 - 1.0) ** 2 + 0.3 * w[0] + w[0] * w[1] + w[1] ** 2

    def drift(w):
        return -np.stack([4.0 * w[0] * (w[0] ** 2 - 1.0) + 0.3 + w[1], w[0] + 2.0 * w[1]])

    solution = fokker_planck.stationary(drift, theta, [np.linspace(-2.5, 2.5, 31), np.linspace(-3, 3, 41)])
    weight = np.exp(-energy(solution.density.points) / theta)
    np.testing.assert_allclose(solution.density.probabilities, weight / weight.sum(), rtol=1e-9, atol=1e-30)
    assert np.abs(solution.current).max() < 1e-11


def test_noise_that_depends_on_the_place_is_exact_on_a_line():
    """P ~ (1/D) exp(-int E'/D): (1 + x^2)^-(1 + k/(2 theta)); Stratonovich's would have 1/2 for 1."""
    k, theta = 1.3, 0.25
    solution = fokker_planck.stationary(lambda x: -k * x, lambda x: theta * (1 + x[0] ** 2), [np.linspace(-9, 9, 301)])
    weight = (1.0 + solution.density.centres[0] ** 2) ** -(1.0 + k / (2.0 * theta))
    np.testing.assert_allclose(solution.density.probabilities, weight / weight.sum(), rtol=1e-7)


def test_full_noise_that_depends_on_the_place_to_second_order():
    """w = (u, v + a u^2) of two independent linear processes: unit Jacobian, full D(w), Ito's extra drift 2 a D."""
    a, rates, noise = 0.6, (1.0, 1.5), (0.3, 0.2)

    def drift(w):
        u, v = w[0], w[1] - a * w[0] ** 2
        return np.stack([-rates[0] * u, -rates[1] * v - 2.0 * a * rates[0] * u**2 + 2.0 * a * noise[0]])

    def diffusion(w):
        slope = 2.0 * a * w[0]
        return np.array([[noise[0] + 0 * slope, slope * noise[0]], [slope * noise[0], slope**2 * noise[0] + noise[1]]])

    def density(w):
        u, v = w[0], w[1] - a * w[0] ** 2
        variances = noise[0] / rates[0], noise[1] / rates[1]
        return np.exp(-(u**2) / 2 / variances[0] - v**2 / 2 / variances[1]) / 2 / np.pi / np.sqrt(np.prod(variances))

    errors = []
    for cells in (60, 120):
        edges = [np.linspace(-3.5, 3.5, cells + 1), np.linspace(-2.5, 5.0, cells + 1)]
        solution = fokker_planck.stationary(drift, diffusion, edges)
        errors.append(np.abs(solution.density.values - density(solution.density.points)).sum() * 7.0 * 7.5 / cells**2)
        assert np.all(solution.density.values >= 0.0)
    assert orders(errors)[0] == pytest.approx(2.0, abs=0.3)
    assert errors[-1] < 0.02


def test_any_anisotropy_decomposes_into_positive_jumps():
    rng = np.random.default_rng(3)
    angle, stretch = rng.uniform(0, np.pi, 200), 10.0 ** rng.uniform(0, 4, 200)
    axis = np.stack([np.cos(angle), np.sin(angle)])
    tensor = axis[:, None] * axis[None] * stretch + np.eye(2)[..., None]
    offsets, weights = finite_volumes.decompose(tensor)
    assert np.all(weights >= 0.0)
    rebuilt = np.einsum("kn,kin,kjn->ijn", weights, offsets, offsets)
    np.testing.assert_allclose(rebuilt, tensor, rtol=1e-9, atol=1e-9 * stretch.max())


def test_strong_anisotropy_across_the_axes():
    """Noise 100 times weaker along a tilted axis: jumps reach several cells, corners fall away, orders stay."""
    axis = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    exact = nonequilibrium_well.linear(np.diag([1.0, 2.0]), axis @ np.diag([0.3, 0.003]) @ axis.T)
    errors = np.array([errors_on(exact, grid(3.0, cells))[:2] for cells in (100, 200)])
    np.testing.assert_allclose(orders(errors), 2.0, atol=0.25)
    assert np.all(errors[1] < [0.02, 0.01])


def test_corners_that_no_jump_reaches_are_empty():
    axis = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    noise, edges = axis @ np.diag([0.3, 0.003]) @ axis.T, grid(3.5, 60)
    leaving = -finite_volumes.discretise(lambda w: -w, noise, tuple(edges)).diagonal()
    assert 0 < np.sum(leaving == 0.0) < 20
    density = fokker_planck.stationary(lambda w: -w, noise, edges).density
    np.testing.assert_array_equal(density.values.ravel()[leaving == 0.0], 0.0)
    assert density.probabilities.sum() == pytest.approx(1.0, abs=1e-12)
    times = escape.mean_first_passage_time(lambda w: -w, noise, edges, lambda w: (w**2).sum(axis=0) < 0.5)
    assert np.isfinite(times.at([1.0, 1.0]))
    corner = finite_volumes.centres(tuple(edges))[:, np.flatnonzero(leaving == 0.0)[0]]
    with pytest.raises(UserError, match="corner of the grid"):
        times.at(corner)


def test_a_corner_that_jumps_only_enter_is_no_trap():
    """Isotropic noise but in a corner, where jumps leave the grid, or lead from one of two cells to the other."""
    edges, tilt = grid(2.0, 20), np.array([0.7, 0.6])
    corner = 0.001 * np.eye(2) + np.outer(tilt, tilt)

    def noise(w):
        there = (w[0] < -1.65) & (w[1] > 1.65)
        return np.where(there, corner[..., None], np.eye(2)[..., None])

    rates = finite_volumes.discretise(lambda w: -3.0 * w, noise, tuple(edges))
    assert np.sum(rates.diagonal() == 0.0) == 3
    density = fokker_planck.stationary(lambda w: -3.0 * w, noise, edges).density
    weight = np.exp(-1.5 * (density.points**2).sum(axis=0))
    assert np.abs(density.probabilities - weight / weight.sum()).max() < 1e-4


@pytest.mark.parametrize("work", [0.0, 1e-3, 0.0099, -0.0101, 0.5, -3.0, 40.0, -40.0])
def test_rate_of_one_jump_by_quadrature(work):
    """1/int exp(-W) for W = z t + b t (1 - t); the error is of second order in b."""
    for bend, accuracy in ((0.0, 1e-12), (1e-4, 1e-9), (-0.2, 1e-3)):
        exact = 1.0 / quad(lambda t, b=bend: np.exp(-work * t - b * t * (1 - t)), 0, 1, epsabs=0, epsrel=1e-13)[0]
        found = finite_volumes._passage(np.array([work]), np.array([bend]))[0]
        assert found == pytest.approx(exact, rel=accuracy)


def test_relaxation_time_is_that_of_the_slowest_mode():
    exact = nonequilibrium_well.linear(HESSIAN, NOISE)
    slowest = 1.0 / scipy.linalg.eigvalsh(HESSIAN)[0]
    errors = [fokker_planck.relaxation_time(exact.drift, NOISE, grid(5.0, cells)) - slowest for cells in (50, 100)]
    assert orders(errors)[0] == pytest.approx(2.0, abs=0.2)
    assert abs(errors[1]) < 0.01 * slowest


@pytest.mark.parametrize("barrier", [10.0, 20.0, 25.0])
def test_occupancy_across_a_high_barrier(barrier):
    """(x^2 - 1)^2 tilted, barrier in units of theta: the slow mode costs digits, but not many."""
    theta = 1.0 / barrier

    def drift(w):
        return -np.stack([4.0 * w[0] * (w[0] ** 2 - 1.0) + 0.05, w[1]])

    solution = fokker_planck.stationary(drift, theta, grid(2.2, 64))
    weight = np.exp(-((solution.density.points[0] ** 2 - 1.0) ** 2 + 0.05 * solution.density.points[0]) / theta)
    exact = theory.occupancy(theory.Density(solution.edges, weight), solution.density.points[0] > 0)
    found = theory.occupancy(solution.density, solution.density.points[0] > 0)
    np.testing.assert_allclose(found[1] / found[0], exact[1] / exact[0], rtol=1e-4)


def test_what_is_refused():
    with pytest.raises(UserError, match="one and two dimensions"):
        fokker_planck.stationary(lambda w: -w, 1.0, [np.linspace(-1, 1, 9)] * 3)
    with pytest.raises(UserError, match="not positive definite"):
        fokker_planck.stationary(lambda w: -w, np.ones((2, 2)), grid(1, 8))
    with pytest.raises(UserError, match="all of one width"):
        fokker_planck.stationary(lambda w: -w, 1.0, [np.geomspace(1, 2, 9)])
    with pytest.raises(UserError, match="not finite"):
        fokker_planck.stationary(lambda w: np.where(w > 0.5, np.nan, -w), 1.0, grid(1, 8))
    with pytest.raises(UserError, match="too slowly"):
        fokker_planck.stationary(lambda w: -4 * w * (w**2 - 1), 0.01, [np.linspace(-1.5, 1.5, 200)])
    with pytest.raises(UserError, match="two dimensions"):
        fokker_planck.stationary(lambda w: -w, 1.0, [np.linspace(-5, 5, 50)]).circulation()
    with pytest.raises(UserError, match="stationary"):
        nonequilibrium_well.linear(-HESSIAN, NOISE)
