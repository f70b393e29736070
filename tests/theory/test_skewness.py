"""Third cumulants against exact chains on a line, term by term, and over two coupled modes by simulation of moments."""

import numpy as np
import pytest

from langevin_sgd.theory.markov_chain import euler_maruyama_chain, minibatch_chain, stationary
from langevin_sgd.theory.self_consistent import Averages, Sgd, fixed_point
from langevin_sgd.theory.skewness import ThirdOrder, covariance_change, energy_change, third_cumulant

ETA = 0.2
POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def on_line(t, slope, kappa):
    one = np.ones((1, 1, 1))
    return ThirdOrder(np.array([0]), t * one, slope * one, slope * one, kappa * one)


def moments(chain):
    p = stationary(chain)
    mean = float(p @ chain.grid)
    return mean, float(p @ (chain.grid - mean) ** 2), float(p @ (chain.grid - mean) ** 3)


# the last has both parts of the source; each alone says which of them is wrong
@pytest.mark.parametrize(
    ("t", "slope"),
    [
        pytest.param(0.6, 0.0, marks=pytest.mark.validate),
        pytest.param(0.0, 0.6, marks=pytest.mark.validate),
        (0.5, -0.7),
    ],
)
def test_third_cumulant_is_that_of_the_exact_chain(t, slope):
    """E = x^2/2 + t x^3/6 and C = 1 + slope x: K to a part that falls with the temperature."""
    off = []
    for batch_size in (8, 32):
        thermal = ETA / (2.0 * batch_size)
        grid = np.linspace(-1.2, 1.2, 1601) * np.sqrt(8.0 / batch_size)
        chain = euler_maruyama_chain(
            lambda x: x + t * x**2 / 2.0, lambda x, theta=thermal: theta * (1.0 + slope * x), ETA, grid
        )
        _, s, exact = moments(chain)
        found = third_cumulant(np.ones(1), np.array([[s]]), on_line(t, slope, 0.0), ETA, batch_size)[0, 0, 0]
        off.append(found / exact - 1.0)
    assert abs(off[1]) < 0.05
    assert abs(off[1]) < 0.5 * abs(off[0]) + 1e-3


def test_with_the_closure_the_variance_is_right_to_the_next_order():
    """Two kinds of sample gradients, skewed, of a cubic energy: without the term the closure is off at first order."""
    t, batch_size = 0.8, 16
    away = np.array([-0.5, -0.5, -0.5, 1.5])  # centred, skewed
    noise, kappa = float(np.mean(away**2)), float(np.mean(away**3))
    at = np.linspace(-1.0, 1.0, 401)
    gradients = (at + t * at**2 / 2.0)[:, None] + away
    chain = minibatch_chain(at, gradients, ETA, batch_size, points=2001)
    _, exact, third = moments(chain)

    def average(mean, factor, frame):
        x = mean[0] + factor[0, 0] * POINTS
        g = x + t * x**2 / 2.0
        slope, h = WEIGHTS @ g, WEIGHTS @ (1.0 + t * x)
        rest = WEIGHTS @ (g - slope - h * (x - mean[0])) ** 2
        return Averages(np.array([slope]), np.array([[h]]), np.array([[noise]]), np.array([[rest]]))

    sgd = Sgd(ETA, batch_size)
    closure = fixed_point(average, np.eye(1), np.array([[noise]]), sgd)
    s, k = closure.covariance, np.diagonal(closure.averages.hessian)
    tensors = on_line(t, 0.0, kappa)
    assert third_cumulant(k, s, tensors, ETA, batch_size)[0, 0, 0] == pytest.approx(third, rel=0.05)
    change = float(covariance_change(k, s, tensors, ETA, batch_size)[0, 0])
    before, after = s[0, 0] / exact - 1.0, (s[0, 0] + change) / exact - 1.0
    assert abs(after) < 0.2 * abs(before)
    assert abs(after) < 1e-3

    def energy(x):
        return x**2 / 2.0 + t * x**3 / 6.0

    exact = float(stationary(chain) @ energy(chain.grid))
    gaussian = float(WEIGHTS @ energy(closure.mean[0] + np.sqrt(s[0, 0]) * POINTS))
    corrected = gaussian + energy_change(k, s, tensors, ETA, batch_size)
    assert abs(corrected / exact - 1.0) < 0.2 * abs(gaussian / exact - 1.0)
    assert abs(corrected / exact - 1.0) < 2e-3
