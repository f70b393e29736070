"""Epoch sampling with momentum: against the recursion written out, real shuffling, and the limits of the law."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.random_numbers.streams import Stream, permutations
from langevin_sgd.theory import ornstein_uhlenbeck as theory
from langevin_sgd.theory.epoch_momentum import Epochs
from langevin_sgd.theory.epoch_sampling import epoch_covariance, epoch_transient_covariance

ETA = 0.1


def phases_by_recursion(hessian, noise, batch, samples, momentum, epochs):
    """Covariance of w at phases 0 .. n-1 after `epochs`, from rest: (w, m) by one matrix a step."""
    d, batches = len(hessian), samples // batch
    one = np.eye(d)
    step = np.block([[one - ETA * hessian, -ETA * momentum * one], [hessian, momentum * one]])
    kick = np.vstack([-ETA * one, one])
    covariance = noise / (samples - 1)
    added = [np.zeros((2 * d, 2 * d))]
    answers = []
    for _ in range(batches):
        answers.insert(0, np.linalg.matrix_power(step, len(answers)) @ kick)
        total = sum(answers)
        same = sum(answer @ covariance @ answer.T for answer in answers)
        added.append(samples / batch * same - total @ covariance @ total.T)
    whole = np.linalg.matrix_power(step, batches)
    start = np.zeros((2 * d, 2 * d))
    for _ in range(epochs):
        start = whole @ start @ whole.T + added[batches]
    powers = [np.linalg.matrix_power(step, phase) for phase in range(batches)]
    return np.array([(p @ start @ p.T + q)[:d, :d] for p, q in zip(powers, added[:-1], strict=True)])


@pytest.mark.parametrize("momentum", [0.5, 0.9])
@pytest.mark.parametrize(("batch", "samples"), [(1, 6), (3, 20), (7, 7)])
def test_every_phase_is_that_of_the_recursion(problem, batch, samples, momentum):
    """H and C do not commute."""
    p = problem(4)
    expected = phases_by_recursion(p.hessian, p.noise, batch, samples, momentum, epochs=2000)
    scale = max(np.abs(expected).max(), 1e-12)
    for phase, covariance in enumerate(expected):
        found = epoch_covariance(p.k, p.c, ETA, batch, samples, phase, momentum)
        np.testing.assert_allclose(p.vectors @ found @ p.vectors.T, covariance, atol=1e-10 * scale)
    averaged = epoch_covariance(p.k, p.c, ETA, batch, samples, momentum=momentum)
    np.testing.assert_allclose(p.vectors @ averaged @ p.vectors.T, expected.mean(axis=0), atol=1e-10 * scale)


def test_transients_are_those_of_the_recursion(problem):
    p = problem(4)
    batch, samples, momentum = 3, 20, 0.8
    batches = samples // batch
    for epochs in (0, 1, 2, 17):
        steps = np.arange(epochs * batches, (epochs + 1) * batches)
        found = epoch_transient_covariance(p.k, p.c, ETA, batch, samples, steps, momentum)
        expected = phases_by_recursion(p.hessian, p.noise, batch, samples, momentum, epochs)
        in_modes = [np.diagonal(p.vectors.T @ covariance @ p.vectors) for covariance in expected]
        np.testing.assert_allclose(found, in_modes, rtol=1e-9, atol=1e-13)
    late = epoch_transient_covariance(
        p.k, p.c, ETA, batch, samples, np.arange(10**6 * batches, (10**6 + 1) * batches), 0.8
    )
    stationary = epoch_covariance(p.k, p.c, ETA, batch, samples, momentum=momentum)
    np.testing.assert_allclose(late.mean(0), np.diagonal(stationary), rtol=1e-9)


def test_real_shuffling_of_a_finite_data_set_follows_the_law(problem):
    """Linear gradients H w + g_n with fixed g_n, 20,000 replicas: every mode, pair and phase within 5 s.e."""
    p = problem(3, largest=12.0, smallest=1.0)
    samples, batch, replicas, epochs, momentum = 14, 4, 20_000, 40, 0.8
    gradients = np.random.default_rng(3).normal(size=(samples, 3)) * [1.0, 2.0, 0.5]
    gradients -= gradients.mean(axis=0)
    c = gradients.T @ gradients / samples
    batches = samples // batch
    position, buffer = np.zeros((replicas, 3)), np.zeros((replicas, 3))
    cross = np.empty((batches, 3, 3))
    for epoch in range(epochs):
        order = permutations(7, trajectories=range(replicas), steps=[epoch], size=samples, stream=Stream.EPOCH_ORDER)[0]
        for phase in range(batches):
            cross[phase] = position.T @ position / replicas
            used = order[:, phase * batch : (phase + 1) * batch]
            buffer = momentum * buffer + p.k * position + gradients[used].mean(axis=1)
            position = position - ETA * buffer
    sigma = np.sqrt(2 / replicas)
    for phase in range(batches):
        law = epoch_covariance(p.k, c, ETA, batch, samples, phase, momentum)
        scale = np.sqrt(np.outer(np.diagonal(law), np.diagonal(law)))
        assert np.abs((cross[phase] - law) / scale).max() < 5 * sigma
    replaced = np.diagonal(theory.discrete_covariance(p.k, c, ETA, batch, momentum))
    assert np.abs(np.diagonal(cross[0]) / replaced - 1).max() > 20 * sigma


def test_without_momentum_it_is_the_law_in_closed_form(problem):
    p = problem(5)
    for phase in (None, 0, 3):
        closed = epoch_covariance(p.k, p.c, ETA, 3, 20, phase)
        companion = Epochs(ETA * p.k, ETA**2 * p.c / 19, 0.0, 3, 20, 6).stationary(phase)
        np.testing.assert_allclose(companion, closed, rtol=1e-9, atol=1e-12 * np.abs(closed).max())


def test_infinite_data_is_sampling_with_replacement(problem):
    p = problem(4, smallest=0.5)
    found = epoch_covariance(p.k, p.c, ETA, 100, 400_000, momentum=0.5)
    np.testing.assert_allclose(found, theory.discrete_covariance(p.k, p.c, ETA, 100, 0.5), rtol=0.02, atol=1e-5)


def test_slow_modes_are_free_of_cancellation():
    """eta k n/(1 - mu) -> 0: the position against the same in 40 digits."""
    import mpmath

    k, momentum, batches = 1e-7, 0.9, 20
    found = epoch_covariance([k], np.eye(1), ETA, 2, 2 * batches, 0, momentum)[0, 0]
    with mpmath.workdps(40):
        a, mu = mpmath.mpf(ETA) * mpmath.mpf(k), mpmath.mpf(momentum)
        step = mpmath.matrix([[1 - a, -mu], [a, mu]])
        answers = [step**power * mpmath.matrix([-1, 1]) for power in range(batches)]
        total = answers[0] * 0
        noise = mpmath.matrix(2, 2)
        for answer in answers:
            total += answer
            noise += batches * answer * answer.T
        noise -= total * total.T
        whole = step**batches
        system = mpmath.matrix(4, 4)
        for i, j, m, n in np.ndindex(2, 2, 2, 2):
            system[2 * i + j, 2 * m + n] = (i == m) * (j == n) - whole[i, m] * whole[j, n]
        expected = mpmath.lu_solve(system, mpmath.matrix([noise[i, j] for i in range(2) for j in range(2)]))[0]
        expected *= mpmath.mpf(ETA) ** 2 / (2 * batches - 1)
    assert found == pytest.approx(float(expected), rel=1e-6)


def test_shuffling_with_momentum_quiets_flat_modes():
    """A factor above 30 in a mode of eta k n/(1 - mu) << 1, next to none in the sharpest."""
    k, c = np.array([15.0, 1e-3]), np.eye(2)
    epoch, replaced = (
        np.diagonal(epoch_covariance(k, c, ETA, 10, 1000, momentum=0.9)),
        np.diagonal(theory.discrete_covariance(k, c, ETA, 10, 0.9)),
    )
    assert epoch[0] / replaced[0] == pytest.approx(1, abs=0.15)
    assert replaced[1] / epoch[1] > 30
