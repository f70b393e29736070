"""Second moments of SGD for least squares: against the equation by brute force, simulation, and fresh Gaussian data."""

import numpy as np
import pytest

from langevin_sgd.theory.least_squares import fresh_gaussian_variance, regression_chain, second_moments
from langevin_sgd.theory.markov_chain import stationary
from langevin_sgd.theory.ornstein_uhlenbeck import discrete_covariance

SAMPLES, D = 40, 4


def problem(outputs: int = 1, decay: float = 0.0) -> tuple[np.ndarray, ...]:
    """k, c, roots in the eigenbasis of H, and residuals, of a random least-squares problem at its minimum."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(SAMPLES, outputs, D)) * np.array([2.0, 1.0, 0.7, 0.4]) + 0.2
    targets = rng.normal(size=(SAMPLES, outputs))
    h = np.einsum("nop,noq->pq", rows, rows) / SAMPLES + decay * np.eye(D)
    w = np.linalg.solve(h, np.einsum("nop,no->p", rows, targets) / SAMPLES)
    residuals = rows @ w - targets
    k, basis = np.linalg.eigh(h)
    k, basis = k[::-1], basis[:, ::-1]
    roots = rows @ basis
    gradients = np.einsum("no,nop->np", residuals, roots)
    return k, np.cov(gradients.T, bias=True), roots, residuals


def step(s: np.ndarray, k: np.ndarray, c: np.ndarray, roots: np.ndarray, eta: float, batch: int) -> np.ndarray:
    """The recursion as it is written, sample by sample."""
    m = np.eye(D) - eta * np.diag(k)
    curvatures = np.einsum("nop,noq->npq", roots, roots)
    rest = curvatures - curvatures.mean(0)
    return m @ s @ m + eta**2 / batch * (c + np.mean([one @ s @ one for one in rest], axis=0))


@pytest.mark.parametrize(("outputs", "decay"), [(1, 0.0), (2, 0.1)])
def test_stationary_and_transient_second_moments_solve_the_equation(outputs: int, decay: float) -> None:
    k, c, roots, _ = problem(outputs, decay)
    moments = second_moments(k, c, roots, 0.08, 2)
    s = moments.covariance()
    np.testing.assert_allclose(step(s, k, c, roots, 0.08, 2), s, rtol=1e-12, atol=1e-15)
    assert np.linalg.eigvalsh(s).min() > 0
    reached, variances = np.zeros((D, D)), []
    for _ in range(30):
        variances.append(np.diagonal(reached))
        reached = step(reached, k, c, roots, 0.08, 2)
    np.testing.assert_allclose(moments.transient_variance(np.arange(30)), variances, rtol=1e-11, atol=1e-16)
    np.testing.assert_allclose(moments.transient_variance([10**7])[0], np.diagonal(s), rtol=1e-12)


def test_they_are_those_of_the_frozen_noise_for_small_steps_and_more_otherwise() -> None:
    k, c, roots, _ = problem()
    small, frozen = second_moments(k, c, roots, 1e-5, 1).covariance(), discrete_covariance(k, c, 1e-5, 1)
    np.testing.assert_allclose(small, frozen, rtol=2e-3, atol=1e-3 * frozen.max())
    large, frozen = second_moments(k, c, roots, 0.1, 2).covariance(), discrete_covariance(k, c, 0.1, 2)
    assert np.trace(large) > 1.2 * np.trace(frozen)


def test_sgd_on_the_data_has_them() -> None:
    """Total variance of 4,000 independent walkers at 100 late steps, within four standard errors of about 1%."""
    k, c, roots, residuals = problem()
    eta, walkers = 0.08, 4000
    rng = np.random.default_rng(1)
    x, squares = np.zeros((walkers, D)), []
    for number in range(400):
        drawn = rng.integers(0, SAMPLES, (walkers, 2))
        rows, errors = roots[drawn, 0], residuals[drawn, 0]
        x -= eta * ((np.einsum("wbp,wp->wb", rows, x) + errors)[..., None] * rows).mean(1)
        if number >= 200:
            squares.append((x**2).sum(1))
    each = np.mean(squares, axis=0)
    total = np.trace(second_moments(k, c, roots, eta, 2).covariance())
    assert abs(each.mean() - total) < 4 * each.std() / np.sqrt(walkers)
    assert each.std() / np.sqrt(walkers) < 0.01 * total


def test_second_moments_grow_where_the_mean_is_stable() -> None:
    k, c, roots, _ = problem()
    eta = 1.0 / k[0]
    moments = second_moments(k, c, roots, eta, 1)
    assert moments.growth() > 1.0
    assert not moments.bounded
    assert (np.diff(moments.transient_variance([1, 10, 100]).sum(1)) > 0).all()
    with pytest.raises(ValueError, match=r"grow by a factor \d.* a step; choose a smaller learning rate or a larger b"):
        moments.covariance()
    discrete_covariance(k, c, eta, 1)  # which frozen noise does not see


def test_directions_without_data_do_not_move() -> None:
    k, c, roots, _ = problem()
    wider = [
        np.pad(array, [(0, 1)] * array.ndim if array.ndim < 3 else [(0, 0), (0, 0), (0, 1)]) for array in (k, c, roots)
    ]
    found = second_moments(*wider, 0.08, 2).covariance()
    np.testing.assert_allclose(found[:D, :D], second_moments(k, c, roots, 0.08, 2).covariance(), rtol=1e-12)
    assert not found[D].any()


def test_shapes_that_do_not_fit_are_refused() -> None:
    k, c, roots, _ = problem()
    with pytest.raises(ValueError, match=r"\(d,\), \(d, d\), \(n, o, d\) are needed"):
        second_moments(k, c, roots[:, 0], 0.1, 1)


@pytest.mark.parametrize(("eta", "expected"), [(0.2, 0.714), (0.05, 0.541)])
def test_fresh_inputs_in_one_dimension(eta: float, expected: float) -> None:
    """Of unit variance, B = 1: variance/eta = 1/(2 - 3 eta), and that of 200,000 walkers within 1.5%."""
    law = fresh_gaussian_variance([1.0], 1.0, eta, 1)[0]
    assert law / eta == pytest.approx(expected, abs=5e-4)
    rng = np.random.default_rng(2)
    w = np.zeros(200_000)
    for _ in range(round(5 / eta)):
        x = rng.normal(size=w.size)
        w -= eta * x * (x * w + rng.normal(size=w.size))
    assert np.var(w) == pytest.approx(law, rel=0.015)


def test_fresh_inputs_are_the_limit_of_many_samples() -> None:
    """100,000 samples of a Gaussian: moments to four errors of about 1%."""
    rng = np.random.default_rng(3)
    a, s, eta, batch = np.array([2.0, 1.0, 0.5]), 0.7, 0.1, 4
    x = rng.normal(size=(100_000, 3)) * np.sqrt(a)
    e = s * rng.normal(size=len(x))
    k, basis = np.linalg.eigh(x.T @ x / len(x))
    roots = x @ basis
    found = second_moments(k, np.cov((e[:, None] * roots).T, bias=True), roots[:, None], eta, batch).covariance()
    law = fresh_gaussian_variance(a, s, eta, batch)
    np.testing.assert_allclose(np.sort(np.diagonal(found)), np.sort(law), rtol=0.03)
    with pytest.raises(ValueError, match="no stationary value"):
        fresh_gaussian_variance(a, s, 0.6, 1)


@pytest.mark.parametrize(("eta", "batch"), [(0.05, 1), (0.2, 1), (0.3, 4)])
def test_the_chain_of_one_weight_has_the_second_moment_and_the_law_of_sgd(eta: float, batch: int) -> None:
    """Variance to 0.1%, and the distribution function of 100,000 walkers to 5 of their errors."""
    rng = np.random.default_rng(4)
    x, t = rng.normal(size=(2, 200))
    chain = regression_chain(x, t, eta, batch)
    law = stationary(chain)
    e = x * (x @ t) / (x @ x) - t
    moments = second_moments([np.mean(x**2)], [[np.var(x * e)]], x[:, None, None], eta, batch)
    assert law @ chain.grid == pytest.approx(0.0, abs=1e-3 * chain.grid[-1])
    assert law @ chain.grid**2 == pytest.approx(moments.covariance()[0, 0], rel=1e-3)
    w = np.zeros(100_000)
    for _ in range(round(6 / eta)):
        drawn = rng.integers(0, 200, (batch, w.size))
        w -= eta * (x[drawn] * (x[drawn] * w + e[drawn])).mean(0)
    for edge in np.sqrt(moments.covariance()[0, 0]) * np.array([-2.0, -0.7, 0.3, 1.5]):
        below = np.interp(edge, chain.edges()[1:], np.cumsum(law))
        assert np.mean(w < edge) == pytest.approx(below, abs=5 * np.sqrt(below * (1 - below) / w.size))


def test_a_chain_without_noise_or_with_unbounded_variance_is_refused() -> None:
    x = np.array([1.0, 2.0, -1.0])
    with pytest.raises(ValueError, match="nothing moves the weight"):
        regression_chain(x, x, 0.1, 1)
    with pytest.raises(ValueError, match="no stationary value"):
        regression_chain(x, [1.0, 0.0, 0.0], 0.9, 1)
    with pytest.raises(ValueError, match=r"must be \(n,\) each"):
        regression_chain(x, [1.0, 0.0], 0.1, 1)
