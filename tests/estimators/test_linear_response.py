"""Ratios to linear response, on made-up displacements whose answer is known."""

import numpy as np
import pytest

from langevin_sgd.estimators.linear_response import linear_response

REPLICAS, SIZE = 32, 20


def made(rng, *, excess=1.0, kept=0.98, drift=1.0):
    control = np.full(SIZE, 1.0)
    v = rng.normal(size=(REPLICAS, SIZE)) * 0.1
    w = drift * control + excess * (kept * v + np.sqrt(1 - kept**2) * 0.1 * rng.normal(size=v.shape))
    return w, v, control


def test_what_is_shared_cancels_and_errors_are_those_of_repetition():
    rng = np.random.default_rng(1)
    found = [linear_response(*made(rng, excess=1.1, drift=1.02), unbiased=True) for _ in range(300)]
    for name, truth, tolerance in (("spread_over_tangent", 1.21, 0.01), ("drift_over_control", 1.02**2, 1e-3)):
        values = np.array([getattr(each, name) for each in found])
        errors = np.array([getattr(each, f"{name}_stderr") for each in found])
        assert values.mean() == pytest.approx(truth, abs=tolerance)
        assert values.std() == pytest.approx(np.sqrt((errors**2).mean()), rel=0.15)  # 4 standard errors of 300
    alone = np.array([each.tangent_spread for each in found])
    assert values.std() < 0.2 * alone.std() / alone.mean()


def test_an_exact_response_has_no_error():
    w, v, control = made(np.random.default_rng(2), kept=1.0)
    found = linear_response(w, v, control, unbiased=True)
    assert found.spread_over_tangent == pytest.approx(1.0)
    assert found.spread_over_tangent_stderr < 1e-12
    assert found.tangent_residual < 1e-24
    assert found.tangent_correlation == pytest.approx(1.0)
    assert found.tangent_spread == pytest.approx(((v - v.mean(0)) ** 2).sum() / (REPLICAS - 1))


def test_nothing_that_moved_has_no_ratio():
    found = linear_response(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros(2), unbiased=True)
    assert np.isnan(found.spread_over_tangent)
    assert np.isnan(found.drift_over_control)
