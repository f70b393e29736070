"""Statistical linearisation on landscapes whose averages are known: against an exact chain and an exact closure."""

import numpy as np
import pytest

from langevin_sgd.theory.least_squares import second_moments
from langevin_sgd.theory.markov_chain import euler_maruyama_chain, stationary
from langevin_sgd.theory.ornstein_uhlenbeck import discrete_covariance
from langevin_sgd.theory.self_consistent import Averages, NoFixedPoint, Sgd, fixed_point

POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def on_line(gradient, curvature, noise):
    """The averages of functions on a line, by quadrature."""

    def average(mean, factor, frame):
        x = mean[0] + factor[0, 0] * POINTS
        g, h = gradient(x), WEIGHTS @ curvature(x)
        slope = WEIGHTS @ g
        rest = WEIGHTS @ (g - slope - h * (x - mean[0])) ** 2
        return Averages(np.array([slope]), np.array([[h]]), np.array([[WEIGHTS @ noise(x)]]), np.array([[rest]]))

    return average


@pytest.mark.validate
def test_quartic_with_noise_that_grows_away_from_the_minimum_is_that_of_the_exact_chain():
    """E = x^2/2 + x^4/8, C = 1 + 3 x^2: what is left falls as the square of the temperature, the excess as itself."""

    def gradient(x):
        return x + x**3 / 2

    def noise(x):
        return 1.0 + 3.0 * x**2

    closure = on_line(gradient, lambda x: 1.0 + 1.5 * x**2, noise)
    left = []
    for batch_size in (2, 8):
        sgd = Sgd(learning_rate=0.1, batch_size=batch_size)
        found = fixed_point(closure, np.eye(1), np.eye(1), sgd)
        thermal = 0.05 / batch_size
        grid = np.linspace(-4.0, 4.0, 1601) / np.sqrt(batch_size)
        chain = euler_maruyama_chain(gradient, lambda x, theta=thermal: theta * noise(x), 0.1, grid)
        exact = float(stationary(chain) @ grid**2)
        frozen = discrete_covariance([1.0], [[1.0]], 0.1, batch_size)[0, 0]
        assert found.excess == pytest.approx(found.covariance[0, 0] / frozen - 1.0)
        left.append(found.covariance[0, 0] / exact - 1.0)
        assert abs(left[-1]) < 0.25 * (exact / frozen - 1.0)
    assert abs(left[1]) < abs(left[0]) / 10.0


def test_the_mean_moves_where_the_third_derivative_pushes():
    """E = x^2/2 + x^3/20: <g> = m + 3 (m^2 + S)/20 = 0 at the mean."""
    sgd = Sgd(0.1, 1.0)
    closure = on_line(lambda x: x + 0.15 * x**2, lambda x: 1.0 + 0.3 * x, np.ones_like)
    found = fixed_point(closure, np.eye(1), np.eye(1), sgd)
    mean, s = found.mean[0], found.covariance[0, 0]
    assert mean == pytest.approx(-0.15 * (mean**2 + s), rel=2e-3)
    chain = euler_maruyama_chain(lambda x: x + 0.15 * x**2, 0.05, 0.1, np.linspace(-2.0, 2.0, 401))
    assert mean == pytest.approx(float(stationary(chain) @ chain.grid), rel=0.05)


def regression():
    """Samples of least squares in the eigenbasis of H: k, c, roots, and the closure's averages in closed form."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 1, 4)) * np.array([2.0, 1.0, 0.7, 0.4]) + 0.2
    targets = rng.normal(size=(40, 1))
    h = np.einsum("nop,noq->pq", rows, rows) / 40
    w = np.linalg.solve(h, np.einsum("nop,no->p", rows, targets) / 40)
    k, basis = np.linalg.eigh(h)
    roots = rows @ basis
    gradients = np.einsum("no,nop->np", rows @ w - targets, roots)
    curvatures = np.einsum("nop,noq->npq", roots, roots)

    def average(mean, factor, frame):
        s = factor @ factor.T + np.outer(mean, mean)
        apart = curvatures - np.diag(k)
        slopes = gradients + curvatures @ mean
        noise = np.cov(slopes.T, bias=True) + np.mean(apart @ (s - np.outer(mean, mean)) @ apart, axis=0)
        return Averages(k * mean, np.diag(k), noise, np.zeros((4, 4)))

    return k, np.cov(gradients.T, bias=True), roots, average


@pytest.mark.parametrize("batch_size", [2, 8])
def test_of_least_squares_it_is_the_law_of_finite_data(batch_size):
    k, c, roots, average = regression()
    found = fixed_point(average, np.diag(k), c, Sgd(0.08, batch_size))
    exact = second_moments(k, c, roots, 0.08, batch_size).covariance()
    np.testing.assert_allclose(found.covariance, exact, rtol=1e-3, atol=1e-3 * np.trace(exact))
    assert np.trace(found.covariance) == pytest.approx(np.trace(exact), rel=4e-4)
    assert found.excess > 0.03


def test_without_a_stationary_state_it_says_so():
    k, c, _, average = regression()
    with pytest.raises(NoFixedPoint, match=r"the variance grows to|do not converge"):
        fixed_point(average, np.diag(k), c, Sgd(0.3, 1))
    unstable = on_line(lambda x: 20.0 * x**3 + x, lambda x: 1.0 + 60.0 * x**2, np.ones_like)
    with pytest.raises(NoFixedPoint, match="at the averages there is no stationary state: mode 0 has learning rate"):
        fixed_point(unstable, np.eye(1), np.eye(1), Sgd(0.5, 1))
