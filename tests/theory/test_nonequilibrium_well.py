"""Linear steps in the plane: density, circulation and current of SGD's own map, against closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.theory import nonequilibrium_well

HESSIAN = np.array([[2.0, 0.3], [0.3, 0.7]])
NOISE = np.array([[0.5, 0.25], [0.25, 0.3]])  # does not commute with HESSIAN
STEP = 0.4


def test_a_spiral_has_its_law_in_closed_form():
    """A = k + rotation w: |1 - h (k + i w)|^2 = 1 - 2 h k + h^2 (k^2 + w^2), so S = 2 theta/(2k - h (k^2 + w^2))."""
    k, w, theta, h = 1.3, 0.8, 0.25, 0.3
    law = nonequilibrium_well.linear_steps([[k, w], [-w, k]], theta * np.eye(2), h)
    variance = 2.0 * theta / (2.0 * k - h * (k**2 + w**2))
    np.testing.assert_allclose(law.covariance, variance * np.eye(2), rtol=1e-12, atol=1e-14)
    assert law.circulation == pytest.approx(2.0 * w * variance)
    x = np.linspace(-5.0, 5.0, 401)
    points = np.stack(np.meshgrid(x, x, indexing="ij"))
    area = (x[1] - x[0]) ** 2
    assert law.density(points).sum() * area == pytest.approx(1.0, abs=1e-9)
    turning = points[0] * law.current(points)[1] - points[1] * law.current(points)[0]
    assert turning.sum() * area == pytest.approx(law.circulation, rel=1e-6)


def test_short_steps_are_the_continuum():
    smooth = nonequilibrium_well.linear(HESSIAN, NOISE)
    for h in (1e-2, 1e-3):
        law = nonequilibrium_well.linear_steps(HESSIAN, NOISE, h)
        assert np.abs(law.covariance / smooth.covariance - 1.0).max() < 2.0 * h
        assert abs(law.circulation / smooth.circulation - 1.0) < 2.0 * h


def test_simulated_steps_have_this_law_and_not_that_of_the_continuum():
    """Second moments and angular momentum a step of 4,000 walkers over 400 steps, within 4 standard errors over
    walkers; the continuum is off by 8 or more in both."""
    rng = np.random.default_rng(5)
    walkers, steps, root = 4000, 400, np.linalg.cholesky(2.0 * STEP * NOISE)
    law, smooth = nonequilibrium_well.linear_steps(HESSIAN, NOISE, STEP), nonequilibrium_well.linear(HESSIAN, NOISE)
    w = np.linalg.cholesky(law.covariance) @ rng.normal(size=(2, walkers))
    second, turned = np.zeros((3, walkers)), np.zeros(walkers)
    for _ in range(steps):
        moved = w - STEP * HESSIAN @ w + root @ rng.normal(size=(2, walkers))
        turned += w[0] * moved[1] - w[1] * moved[0]
        second += np.stack([w[0] ** 2, w[0] * w[1], w[1] ** 2])
        w = moved
    second, turned = second / steps, turned / steps / STEP

    def off(values, expected):
        return np.abs(values.mean(-1) - expected) / (values.std(-1, ddof=1) / np.sqrt(walkers))

    s, t = law.covariance, smooth.covariance
    assert off(second, [s[0, 0], s[0, 1], s[1, 1]]).max() < 4.0
    assert off(turned, law.circulation) < 4.0
    assert off(second, [t[0, 0], t[0, 1], t[1, 1]]).max() > 8.0
    assert off(turned, smooth.circulation) > 8.0
    assert off(turned, -law.circulation) > 8.0


def test_steps_that_do_not_contract_are_refused():
    with pytest.raises(UserError, match="take a shorter step"):
        nonequilibrium_well.linear_steps(HESSIAN, NOISE, 2.1 / 2.066)
    with pytest.raises(UserError, match="positive definite noise"):
        nonequilibrium_well.linear_steps(HESSIAN, np.zeros((2, 2)), 0.1)
