"""The law of epoch sampling against its exact covariance recursion and against real shuffling of a finite data set."""

import numpy as np
import pytest

from langevin_sgd.random_numbers.streams import Stream, permutations
from langevin_sgd.theory import ornstein_uhlenbeck as theory
from langevin_sgd.theory.epoch_sampling import epoch_covariance, epoch_transient_covariance

ETA = 0.1


def phases_by_recursion(hessian, noise, batch, samples, epochs):
    """Covariance at phases 0 .. n-1 of the last epoch, from a point: each position as a sum over the epoch's noises.

    Two batches of one epoch have covariance -C/(N - 1), a batch with itself (C/B)(N - B)/(N - 1).
    """
    d, batches = len(hessian), samples // batch
    step = np.eye(d) - ETA * hessian
    same, other = (samples - batch) / batch / (samples - 1) * noise, -noise / (samples - 1)
    added = []
    for phase in range(batches + 1):
        powers = [np.linalg.matrix_power(step, phase - 1 - used) for used in range(phase)]
        total = np.zeros((d, d))
        for i, left in enumerate(powers):
            for j, right in enumerate(powers):
                total += left @ (same if i == j else other) @ right.T
        added.append(ETA**2 * total)
    start = np.zeros((d, d))
    whole = np.linalg.matrix_power(step, batches)
    for _ in range(epochs):
        start = whole @ start @ whole.T + added[batches]
    powers = [np.linalg.matrix_power(step, phase) for phase in range(batches)]
    return np.array([power @ start @ power.T + q for power, q in zip(powers, added[:batches], strict=True)])


@pytest.mark.parametrize(("batch", "samples"), [(1, 6), (4, 20), (3, 20), (5, 8), (7, 7)])
def test_every_phase_is_that_of_the_recursion(problem, batch, samples):
    p = problem(5)
    expected = phases_by_recursion(p.hessian, p.noise, batch, samples, epochs=3000)
    scale = max(np.abs(expected).max(), 1e-12)
    for phase, covariance in enumerate(expected):
        found = epoch_covariance(p.k, p.c, ETA, batch, samples, phase)
        np.testing.assert_allclose(p.vectors @ found @ p.vectors.T, covariance, atol=1e-10 * scale)
    averaged = epoch_covariance(p.k, p.c, ETA, batch, samples)
    np.testing.assert_allclose(p.vectors @ averaged @ p.vectors.T, expected.mean(axis=0), atol=1e-10 * scale)


@pytest.mark.parametrize(("batch", "samples"), [(4, 20), (3, 20), (7, 7)])
def test_transients_are_those_of_the_recursion(problem, batch, samples):
    p = problem(5)
    batches = samples // batch
    for epochs in (0, 1, 2, 30):
        steps = np.arange(epochs * batches, (epochs + 1) * batches)
        found = epoch_transient_covariance(p.k, p.c, ETA, batch, samples, steps)
        expected = phases_by_recursion(p.hessian, p.noise, batch, samples, epochs)
        in_modes = [np.diagonal(p.vectors.T @ covariance @ p.vectors) for covariance in expected]
        np.testing.assert_allclose(found, in_modes, rtol=1e-9, atol=1e-14)
    late = epoch_transient_covariance(p.k, p.c, ETA, batch, samples, np.arange(10**6, 10**6 + batches))
    np.testing.assert_allclose(late.mean(0), np.diagonal(epoch_covariance(p.k, p.c, ETA, batch, samples)), rtol=1e-9)


def test_real_shuffling_of_a_finite_data_set_follows_the_law(problem):
    """Linear gradients H w + g_n with fixed g_n: 20,000 replicas, the variance of every mode and phase within 5 s.e."""
    p = problem(4, largest=12.0, smallest=0.3)
    samples, batch, replicas, epochs = 14, 4, 20_000, 25  # two samples are left out every epoch
    gradients = np.random.default_rng(3).normal(size=(samples, 4)) * [1.0, 2.0, 0.5, 1.0]
    gradients -= gradients.mean(axis=0)
    c = gradients.T @ gradients / samples
    batches = samples // batch
    position = np.zeros((replicas, 4))
    variances = np.empty((batches, 4))
    cross = np.empty((batches, 4, 4))
    for epoch in range(epochs):
        order = permutations(7, trajectories=range(replicas), steps=[epoch], size=samples, stream=Stream.EPOCH_ORDER)[0]
        for phase in range(batches):
            variances[phase] = np.mean(position**2, axis=0)
            cross[phase] = position.T @ position / replicas
            used = order[:, phase * batch : (phase + 1) * batch]
            position = position - ETA * (p.k * position + gradients[used].mean(axis=1))
    steps = np.arange((epochs - 1) * batches, epochs * batches)
    predicted = epoch_transient_covariance(p.k, c, ETA, batch, samples, steps)
    sigma = np.sqrt(2 / replicas)
    assert np.abs(variances / predicted - 1).max() < 5 * sigma
    # the same data, and the wrong law: with replacement
    wrong = theory.transient_covariance(p.k, c, ETA, batch, steps)
    assert np.abs(variances / wrong - 1).max() > 50 * sigma
    # non-commuting: the covariances between modes, at the phases of the stationary law
    for phase in range(batches):
        law = epoch_covariance(p.k, c, ETA, batch, samples, phase)
        scale = np.sqrt(np.outer(np.diagonal(law), np.diagonal(law)))
        assert np.abs((cross[phase] - law) / scale).max() < 5 * sigma


def test_flat_modes_lose_most_of_their_noise_and_sharp_ones_keep_it(problem):
    """Over an epoch of vanishing eta k n the noises cancel: variance/(with replacement) -> 0."""
    k, c = np.array([15.0, 1e-2, 1e-5]), np.eye(3)
    ratio = np.diagonal(epoch_covariance(k, c, ETA, 10, 1000)) / np.diagonal(theory.discrete_covariance(k, c, ETA, 10))
    assert ratio[0] == pytest.approx(1, abs=0.05)
    assert ratio[1] < 0.1
    assert ratio[2] < 1e-4


def test_slow_modes_are_free_of_cancellation():
    """eta k n -> 0: at an epoch's end S_0 -> eta^2 c (eta k) n^3/(24 (N - 1)) (N/B = n), and a bridge in between."""
    k, batch, batches = np.array([1e-9]), 2, 50
    samples = batch * batches
    end = epoch_covariance(k, np.eye(1), ETA, batch, samples, 0)[0, 0]
    expected = ETA**2 / (samples - 1) * ETA * k[0] * batches * (batches**2 - 1) / 24
    assert end == pytest.approx(expected, rel=1e-6)
    middle = epoch_covariance(k, np.eye(1), ETA, batch, samples, 20)[0, 0]
    assert middle == pytest.approx(ETA**2 / (samples - 1) * 20 * (batches - 20), rel=1e-6)


def test_infinite_data_is_sampling_with_replacement(problem):
    p = problem(5)
    found = epoch_covariance(p.k, p.c, ETA, 10, 200_000)
    np.testing.assert_allclose(found, theory.discrete_covariance(p.k, p.c, ETA, 10), rtol=0.05, atol=1e-5)
    first_epoch = epoch_transient_covariance(p.k, p.c, ETA, 2, 10**5, [1, 7, 40])
    np.testing.assert_allclose(first_epoch, theory.transient_covariance(p.k, p.c, ETA, 2, [1, 7, 40]), rtol=2e-3)


def test_full_batches_have_no_noise(problem):
    p = problem(3)
    assert not epoch_covariance(p.k, p.c, ETA, 9, 9).any()


def test_noise_free_modes(problem):
    p = problem(3)
    k, c = np.append(p.k, 0.0), np.zeros((4, 4))
    c[:3, :3] = p.c
    found = epoch_covariance(k, c, 3e-2, 4, 20)
    np.testing.assert_allclose(found[:3, :3], epoch_covariance(p.k, p.c, 3e-2, 4, 20))
    assert not found[3].any()
    assert not epoch_transient_covariance(k, c, 3e-2, 4, 20, [0, 3, 100])[:, 3].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"momentum": 1.0}, "momentum"),
        ({"batch_size": 21}, "batch_size"),
        ({"phase": 5}, "phase"),
        ({"phase": -1}, "phase"),
    ],
)
def test_impossible_arguments_are_refused(problem, change, message):
    p = problem(3)
    given = {"learning_rate": ETA, "batch_size": 4, "samples": 20} | change
    with pytest.raises(ValueError, match=message):
        epoch_covariance(p.k, p.c, **given)
