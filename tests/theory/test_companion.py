"""Linear rules from their own step: against the closed forms of the heavy ball, and brute force of other rules."""

import numpy as np
import pytest

from langevin_sgd.theory import ornstein_uhlenbeck as theory
from langevin_sgd.theory.companion import Companion
from langevin_sgd.theory.companion_epochs import Epochs

ETA, BATCH, SAMPLES = 0.1, 4, 37


def heavy_ball(mu: float, decay: float = 0.3) -> Companion:
    """State (w, m); the rule is given the gradient without decay."""
    if mu == 0:
        return Companion(np.array([[1 - ETA * decay]]), np.array([-ETA]), np.array([-ETA]), decay)
    kick = np.array([-ETA, 1.0])
    return Companion(np.array([[1 - ETA * decay, -ETA * mu], [decay, mu]]), kick, kick, decay)


def nesterov(mu: float) -> Companion:
    kick = np.array([-ETA * (1 + mu), 1.0])
    return Companion(np.array([[1.0, -ETA * mu**2], [0.0, mu]]), kick, kick, 0.0)


def dampened(mu: float, dampening: float) -> Companion:
    share = 1 - dampening
    return Companion(
        np.array([[1.0, -ETA * mu], [0.0, mu]]), np.array([-ETA * share, share]), np.array([-ETA, 1.0]), 0.0
    )


@pytest.fixture(scope="module")
def valley() -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues over three decades, and a noise that does not commute, with one mode that it does not reach."""
    rng = np.random.default_rng(0)
    k = np.array([8.0, 3.0, 1.0, 0.2, 0.01, 0.5])
    root = rng.normal(size=(6, 6))
    root[5] = 0.0
    return k, root @ root.T


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
def test_the_heavy_ball_has_its_closed_forms(valley, mu):
    k, c = valley
    step = heavy_ball(mu)
    expected = theory.discrete_covariance(k, c, ETA, BATCH, mu)
    np.testing.assert_allclose(step.covariance(k, c, BATCH), expected, rtol=1e-10, atol=1e-14)
    assert step.stability_limit() == pytest.approx(2 * (1 + mu) / ETA, rel=1e-10)
    assert step.effective_rate() == pytest.approx(ETA / (1 - mu))
    steps = np.array([0, 1, 2, 7, 300, 10_000])
    expected = theory.transient_covariance(k, c, ETA, BATCH, steps, mu)
    np.testing.assert_allclose(step.transient_variance(k, c, BATCH, steps), expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(step.autocorrelation_time(k), theory.autocorrelation_time(k, ETA, mu), rtol=1e-7)
    epochs = Epochs.of(step, k, c, BATCH, SAMPLES)
    for phase in (None, 0, 5):
        expected = theory.epoch_covariance(k, c, ETA, BATCH, SAMPLES, phase, mu)
        np.testing.assert_allclose(epochs.stationary(phase), expected, rtol=1e-9, atol=1e-13)
    expected = theory.epoch_transient_covariance(k, c, ETA, BATCH, SAMPLES, steps, momentum=mu)
    np.testing.assert_allclose(epochs.transient(steps), expected, rtol=1e-8, atol=1e-13)


def test_a_rule_without_stationary_state_is_told(valley):
    k, c = valley
    step = nesterov(0.9)
    limit = step.stability_limit()
    assert limit == pytest.approx(2 * 1.9 / (1 + 2 * 0.9) / ETA, rel=1e-9)
    assert limit < heavy_ball(0.9).stability_limit() / 2
    with pytest.raises(ValueError, match=r"stability of the update rule needs less than 13\.57"):
        step.covariance(2 * k, c, BATCH)
    with pytest.raises(ValueError, match="only positive curvature"):
        step.covariance(-k, c, BATCH)


def _brute(step: Companion, k, c, noise, first=None):
    """Covariance of the state after all columns of exchangeable or independent unit noises: by matrices, no formula."""
    size, modes = len(step.kick), k.size
    matrix = np.zeros((modes * size, modes * size))
    for mode, block in enumerate(step.matrices(k)):
        matrix[mode * size : (mode + 1) * size, mode * size : (mode + 1) * size] = block

    def kick(vector):
        return np.kron(np.eye(modes), vector[:, None])

    # the response of the state to every noise, (state, step, mode)
    state = np.zeros((modes * size, len(noise) * modes))
    for number in range(len(noise)):
        state = matrix @ state
        own = step.first if number == 0 and first else step.kick
        state[:, number * modes : (number + 1) * modes] += kick(own)
    return (state @ np.kron(noise, c) @ state.T)[::size, ::size]


@pytest.mark.parametrize("step", [nesterov(0.8), dampened(0.8, 0.4)], ids=["nesterov", "dampened"])
def test_other_rules_have_the_covariance_of_their_own_recursion(valley, step):
    k, c = np.array([6.0, 2.0, 0.7]), valley[1][:3, :3]
    independent = np.eye(400) / BATCH
    np.testing.assert_allclose(step.covariance(k, c, BATCH), _brute(step, k, c, independent), rtol=1e-9)
    assert not np.allclose(step.covariance(k, c, BATCH), theory.discrete_covariance(k, c, ETA, BATCH, 0.8), rtol=0.05)
    count = SAMPLES // BATCH
    block = (SAMPLES / BATCH * np.eye(count) - 1.0) / (SAMPLES - 1)
    epochs = Epochs.of(step, k, c, BATCH, SAMPLES)
    expected = _brute(step, k, c, np.kron(np.eye(40), block))
    np.testing.assert_allclose(epochs.stationary(0), expected, rtol=1e-8)
    phases = [epochs.stationary(phase) for phase in range(count)]
    np.testing.assert_allclose(epochs.stationary(None), np.mean(phases, axis=0), rtol=1e-9)
    for steps in (1, 3, count, count + 2, 5 * count + 1):
        plain = _brute(step, k, c, np.eye(steps) / BATCH, first=True)
        given = np.array([steps])
        np.testing.assert_allclose(step.transient_variance(k, c, BATCH, given)[0], np.diagonal(plain), rtol=1e-9)
        shuffled = np.kron(np.eye(steps // count + 1), block)[:steps, :steps]
        expected = np.diagonal(_brute(step, k, c, shuffled, first=True))
        np.testing.assert_allclose(epochs.transient(given)[0], expected, rtol=1e-8)
