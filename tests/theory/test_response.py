"""Response and two-time displacements of linear processes against closed forms and brute force."""

import numpy as np
import pytest

from langevin_sgd.theory import ornstein_uhlenbeck as ou
from langevin_sgd.theory import response
from langevin_sgd.theory.companion import Companion

ETA, BATCH = 0.3, 8
K = np.array([4.0, 1.0, 0.1, 1e-3, 0.0, -0.05])
C = np.array([2.0, 0.5, 0.3, 1.0, 1.0, 0.7])
DELAYS = np.array([0, 1, 2, 5, 17, 300])
STABLE = K > 0

NESTEROV = Companion(
    carry=np.array([[1.0, -ETA * 0.25], [0.0, 0.5]]),
    kick=np.array([-1.5 * ETA, 1.0]),
    first=np.array([-1.5 * ETA, 1.0]),
    decay=0.0,
)
STEPS = {0.0: response.heavy_ball(ETA, 0.0), 0.8: response.heavy_ball(ETA, 0.8), "nesterov": NESTEROV}


def stepped(step, k, field, count):
    """Mean position after each of `count` steps in a constant field, one step after the other."""
    state, found = np.zeros(step.kick.size), [0.0]
    for _ in range(count):
        state = step.matrices(np.array([k]))[0] @ state - step.kick * field
        found.append(state[0])
    return np.array(found)


@pytest.mark.parametrize("name", STEPS)
def test_the_response_is_that_of_the_steps_one_by_one(name):
    found = response.response(STEPS[name], K, DELAYS)
    for mode, k in enumerate(K):
        np.testing.assert_allclose(found[:, mode], stepped(STEPS[name], k, 1.0, 300)[DELAYS], rtol=1e-10)


def test_without_momentum_it_is_the_closed_form_and_one_over_k_in_the_end():
    found = response.response(STEPS[0.0], K, DELAYS)
    moving = K != 0
    expected = (1.0 - (1.0 - ETA * K[moving]) ** DELAYS[:, None]) / K[moving]
    np.testing.assert_allclose(found[:, moving], expected, rtol=1e-9)
    np.testing.assert_allclose(found[:, ~moving][:, 0], ETA * DELAYS)
    late = response.response(STEPS[0.8], K[:3], np.array([100_000]))
    np.testing.assert_allclose(late[0], 1.0 / K[:3])


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_stationary_increments_follow_the_autocorrelation(momentum):
    k, c = K[STABLE], C[STABLE]
    step = STEPS[momentum]
    states = response.stationary_states(step, k)
    variance = np.diagonal(ou.discrete_covariance(k, np.diag(c), ETA, BATCH, momentum))
    np.testing.assert_allclose(states[:, 0, 0] * c / BATCH, variance, rtol=1e-9)
    found = response.increment_variance(step, k, states, DELAYS) * c / BATCH
    expected = 2.0 * variance * (1.0 - ou.autocorrelation(k, ETA, DELAYS, momentum))
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12 * variance.max())


def test_every_mode_has_one_temperature_at_all_times_and_its_own():
    k, c = K[STABLE], C[STABLE]
    step = STEPS[0.0]
    increments = response.increment_variance(step, k, response.stationary_states(step, k), DELAYS[1:]) * c / BATCH
    temperature = increments / (2.0 * response.response(step, k, DELAYS[1:]))
    np.testing.assert_allclose(
        temperature, np.broadcast_to(ETA * c / (2 * BATCH * (1 - ETA * k / 2)), temperature.shape), rtol=1e-9
    )


@pytest.mark.parametrize("name", STEPS)
def test_two_time_increments_are_those_of_the_whole_recursion(name):
    step, waiting, delays = STEPS[name], np.array([0, 3, 40]), np.array([1, 6, 25])
    found = response.increment_variance(step, K, response.states_from_minimum(step, K, waiting), delays)
    for mode, k in enumerate(K):
        matrix = step.matrices(np.array([k]))[0]
        kicks = [step.kick]
        for _ in range(70):
            kicks.append(matrix @ kicks[-1])
        weight = np.array([kick[0] for kick in kicks])  # what a kick moves w by, so many steps later
        for row, t in enumerate(waiting):
            for column, n in enumerate(delays):
                late, early = weight[: t + n][::-1], np.concatenate([weight[:t][::-1], np.zeros(n)])
                np.testing.assert_allclose(found[row, column, mode], ((late - early) ** 2).sum(), rtol=1e-9)


def test_variance_from_the_minimum_is_the_known_transient():
    for momentum in (0.0, 0.8):
        k, c = K[STABLE], C[STABLE]
        found = response.accumulated_variance(STEPS[momentum], k, DELAYS) * c / BATCH
        np.testing.assert_allclose(
            found, ou.transient_covariance(k, np.diag(c), ETA, BATCH, DELAYS, momentum), rtol=1e-9, atol=1e-16
        )
