from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.estimators.hopping import hopping, hopping_rates, last_core


def test_a_move_counts_once_when_the_other_core_is_reached():
    labels = np.array([[0, -1, 0, -1, 1, -1, 1, -1, 0], [-1, 1, 1, -1, -1, 1, 1, 1, 1]])
    found = hopping(labels, basins=2, interval=0.5)
    np.testing.assert_array_equal(found.transitions, [[0, 1], [1, 0]])
    np.testing.assert_allclose(found.time_in, [0.5 * 4, 0.5 * (4 + 7)])
    assert found.rate[0, 1] == pytest.approx(1 / 2.0)
    assert np.isnan(found.rate[0, 0])


def test_a_run_may_be_taken_in_pieces():
    labels = np.random.default_rng(0).integers(-1, 3, (7, 40))
    whole = last_core(labels)
    first = last_core(labels[:, :15])
    second = last_core(labels[:, 15:], before=first[:, -1])
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), whole)


def test_rates_of_a_chain_and_their_errors():
    rates, deviations = (0.02, 0.05), []
    for seed in range(150):
        random = np.random.default_rng(seed)
        state = np.zeros(60, dtype=int)
        path = [state]
        for _ in range(400):
            state = np.where(random.random(60) < np.take(rates, state), 1 - state, state)
            path.append(state)
        found = hopping(np.stack(path, axis=1), basins=2, interval=1.0)
        deviations.append([(found.rate[a, 1 - a] - rates[a]) / found.rate_stderr[a, 1 - a] for a in (0, 1)])
    deviations = np.array(deviations)
    assert np.all(np.abs(deviations.mean(0)) < 4 / np.sqrt(150))  # 4 standard errors
    np.testing.assert_allclose(deviations.std(0), 1.0, atol=4 / np.sqrt(300))


def test_a_basin_never_visited_has_no_rate():
    found = hopping_rates(np.zeros((5, 2, 2), dtype=int), np.array([[1.0, 0.0]] * 5))
    assert found.rate[0, 1] == 0.0
    assert np.isnan(found.rate[1, 0])
