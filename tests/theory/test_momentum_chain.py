"""The chain of position and velocity: against a quadratic's companion matrix, the chain of positions, and limits."""

import numpy as np
import pytest
import scipy

from langevin_sgd.errors import UserError
from langevin_sgd.theory import markov_chain
from langevin_sgd.theory.momentum_chain import MomentumChain, momentum_chain, refined

THETA = 0.5


def constant(x: np.ndarray) -> np.ndarray:
    return np.full(x.shape, THETA)


@pytest.mark.parametrize(("k", "step", "mu"), [(1.3, 0.3, 0.6), (2.0, 0.5, 0.0), (1.0, 1.5, -0.2)])
def test_of_a_quadratic_it_is_the_gaussian_of_the_companion_matrix(k: float, step: float, mu: float) -> None:
    """Covariance of (w, u) by the discrete Lyapunov equation, to 1e-7; S of Liu, Ziyin and Ueda 2021 to 1e-12 of it."""
    chain = momentum_chain(lambda x: k * x, constant, step, mu, (-4.0, 4.0), fineness=1.25)
    map_ = np.array([[1.0 - step * k, mu], [-step * k, mu]])
    exact = scipy.linalg.solve_discrete_lyapunov(map_, 2.0 * step * THETA * np.ones((2, 2)))
    assert exact[0, 0] == pytest.approx(2.0 * THETA / (k * (1 - mu) * (2 - step * k / (1 + mu))), rel=1e-12)
    w, u, law = chain.positions, chain.velocities, chain.stationary
    found = [w**2 @ law.sum(1), w @ law @ u, law.sum(0) @ u**2]
    np.testing.assert_allclose(found, [exact[0, 0], exact[0, 1], exact[1, 1]], rtol=1e-7)
    at = np.array([-1.0, 0.0, 0.7])
    np.testing.assert_allclose(chain.cumulative(at), scipy.special.ndtr(at / np.sqrt(exact[0, 0])), atol=1e-8)


def test_without_momentum_it_is_the_chain_of_positions() -> None:
    """A tilted double well with noise that depends on the position: shares to 1e-6."""

    def slope(x: np.ndarray) -> np.ndarray:
        return 4.0 * x * (x**2 - 1.0) + 0.2

    def noise(x: np.ndarray) -> np.ndarray:
        return 0.3 * (1.0 + 0.3 * x**2)

    both, error = refined(
        lambda fineness: momentum_chain(slope, noise, 0.03, 0.0, (-2.2, 2.2), fineness=fineness),
        lambda chain: chain.cumulative([0.0]),
    )
    alone = markov_chain.euler_maruyama_chain(slope, noise, 0.03, np.linspace(-3.0, 3.0, 801))
    share = markov_chain.interval_occupancy(alone, markov_chain.stationary(alone), [0.0])[0]
    assert error < 1e-7
    assert both.cumulative([0.0])[0] == pytest.approx(share, abs=1e-6)


def test_rows_sum_to_one_and_the_law_is_stationary() -> None:
    chain = momentum_chain(lambda x: x / 2.0 + np.tanh(2.0 * x), constant, 0.2, 0.5, (-3.0, 3.0))
    np.testing.assert_allclose(chain.matrix.sum(axis=1), 1.0, atol=1e-12)
    law = chain.stationary.ravel()
    np.testing.assert_allclose(law @ chain.matrix, law, atol=1e-13)
    assert isinstance(chain, MomentumChain)


def test_what_no_grid_holds_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match=r"would need [\d,]+ points, more than 20,000"):
        momentum_chain(lambda x: x, constant, 1e-4, 0.99, (-4.0, 4.0))
    with pytest.raises(UserError, match="the noise vanishes"):
        momentum_chain(lambda x: x, lambda x: x**2, 0.1, 0.5, (-4.0, 4.0))
    with pytest.raises(UserError, match=r"do not stay in any range|would need"):
        momentum_chain(lambda x: x, constant, 4.0, 0.5, (-4.0, 4.0))  # stable below 2 (1 + mu) = 3
