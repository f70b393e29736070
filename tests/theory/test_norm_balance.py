"""The identity behind stationarity: to rounding on any trajectory, and what a wrong form of it would say."""

import numpy as np
import pytest

from langevin_sgd.theory import norm_balance as balance
from langevin_sgd.theory.norm_balance import gradient_balance, norm_balance

ETA = 0.3


def _descent(mu: float, steps: int, *, size: int = 5):
    """w and m (steps + 1, size) and g (steps, size) of heavy-ball SGD in a bent valley, with noise that goes with w."""
    rng = np.random.default_rng(0)
    w, m, g = np.zeros((steps + 1, size)), np.zeros((steps + 1, size)), np.zeros((steps, size))
    w[0] = 1.0
    for n in range(steps):
        g[n] = 0.2 * w[n] + 0.05 * w[n] ** 3 + rng.normal(size=size) * (1.0 + 0.3 * np.abs(w[n]))
        m[n + 1] = mu * m[n] + g[n]
        w[n + 1] = w[n] - ETA * m[n + 1]
    return w, m, g


def _changes(w, m):
    return (w[-1] ** 2).sum() - (w[0] ** 2).sum(), w[-1] @ m[-1] - w[0] @ m[0], (m[1:] ** 2).sum()


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("first", [0, 7])
def test_it_is_an_identity_of_every_trajectory(mu, first):
    """Sum w.g itself, of whatever part of a training: from its start, where w is far from rest, or from amid it."""
    w, m, g = (each[first:] for each in _descent(mu, 60))
    direct = gradient_balance((w[:-1] * g).sum(), (m[1:] ** 2).sum(), ETA, mu)
    norm, velocity, squares = _changes(w, m)
    assert direct == pytest.approx(norm_balance(norm, velocity, squares, ETA, mu), rel=1e-12)
    assert abs(direct - 1.0) > 1e-3  # and says something here


@pytest.mark.parametrize("mu", [0.5, 0.9])
def test_a_missing_factor_is_seen(mu, monkeypatch):
    """Y without its (1 + mu) is no identity any more; of stationary weights it would pass, as their change is small."""
    w, m, g = _descent(mu, 20)
    direct = gradient_balance((w[:-1] * g).sum(), (m[1:] ** 2).sum(), ETA, mu)
    right = balance.growth
    monkeypatch.setattr(balance, "growth", lambda *told: (1.0 + mu) * right(*told))
    assert abs(norm_balance(*_changes(w, m), ETA, mu) / direct - 1.0) > 1e-3
