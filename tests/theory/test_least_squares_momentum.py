"""Second moments of heavy-ball SGD for least squares: against simulation, plain SGD, and the law of frozen noise."""

import numpy as np
import pytest

from langevin_sgd.theory.least_squares import second_moments
from langevin_sgd.theory.least_squares_momentum import heavy_ball_moments
from langevin_sgd.theory.ornstein_uhlenbeck import discrete_covariance, transient_covariance

SAMPLES, D = 40, 3


def problem() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(SAMPLES, 1, D)) * np.array([2.0, 1.0, 0.7]) + 0.2
    targets = rng.normal(size=SAMPLES)
    h = np.einsum("nop,noq->pq", rows, rows) / SAMPLES
    residuals = rows[:, 0] @ np.linalg.solve(h, rows[:, 0].T @ targets / SAMPLES) - targets
    k, basis = np.linalg.eigh(h)
    roots = rows @ basis[:, ::-1]
    return k[::-1], np.cov((residuals[:, None] * roots[:, 0]).T, bias=True), roots, residuals


def test_without_momentum_they_are_those_of_plain_sgd() -> None:
    k, c, roots, _ = problem()
    ours, plain = heavy_ball_moments(k, c, roots, 0.1, 2, 0.0), second_moments(k, c, roots, 0.1, 2)
    np.testing.assert_allclose(ours.covariance(), plain.covariance(), rtol=1e-12)
    steps = [0, 1, 2, 30, 7, 7]
    np.testing.assert_allclose(ours.transient_variance(steps), plain.transient_variance(steps), rtol=1e-11, atol=1e-18)
    assert ours.growth() == pytest.approx(plain.growth(), rel=1e-10)


def test_without_differences_between_samples_they_are_those_of_frozen_noise() -> None:
    k, c, _, _ = problem()
    same = np.sqrt(k) * np.eye(D)[None]
    found = heavy_ball_moments(k, c, same, 0.1, 2, 0.8)
    np.testing.assert_allclose(found.covariance(), discrete_covariance(k, c, 0.1, 2, 0.8), rtol=1e-11)
    steps = np.array([0, 1, 5, 40])
    expected = transient_covariance(k, c, 0.1, 2, steps, 0.8)
    np.testing.assert_allclose(found.transient_variance(steps), expected, rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_they_end_where_they_stay_and_are_those_of_sgd_on_the_data(momentum: float) -> None:
    """Total variance of 4,000 walkers at 200 late steps, within four standard errors of about 1%."""
    k, c, roots, residuals = problem()
    eta, walkers = 0.1 * (1 - momentum), 4000
    moments = heavy_ball_moments(k, c, roots, eta, 2, momentum)
    total = np.trace(moments.covariance())
    np.testing.assert_allclose(moments.transient_variance([10**6])[0], np.diagonal(moments.covariance()), rtol=1e-9)
    assert total > 1.1 * np.trace(discrete_covariance(k, c, eta, 2, momentum))
    rng = np.random.default_rng(1)
    x, m, squares = np.zeros((walkers, D)), np.zeros((walkers, D)), []
    for number in range(500):
        drawn = rng.integers(0, SAMPLES, (walkers, 2))
        rows, errors = roots[drawn, 0], residuals[drawn]
        m = momentum * m + ((np.einsum("wbp,wp->wb", rows, x) + errors)[..., None] * rows).mean(1)
        x -= eta * m
        if number >= 300:
            squares.append((x**2).sum(1))
    each = np.mean(squares, axis=0)
    assert abs(each.mean() - total) < 4 * each.std() / np.sqrt(walkers)
    assert each.std() / np.sqrt(walkers) < 0.015 * total


def test_second_moments_grow_where_the_mean_is_stable() -> None:
    k, c, roots, _ = problem()
    moments = heavy_ball_moments(k, c, roots, 1.0 / k[0], 1, 0.5)
    assert not moments.bounded
    assert moments.growth() > 1.0
    with pytest.raises(ValueError, match="grow by a factor"):
        moments.covariance()
    bounded = heavy_ball_moments(k, c, roots, 0.05 / k[0], 1, 0.5)
    assert bounded.bounded
    assert bounded.growth() < 1.0
