"""Held-out likelihood names the law that data were drawn from, and says so where it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.competing_laws import held_out_scores
from langevin_sgd.estimators.logarithmic_law import select_window
from langevin_sgd.estimators.renewal_model import renewal_positions

LN_TIME = np.linspace(3.0, 40.0, 75)
LAW = "logarithmic law"
GROWTH = {
    "logarithmic law": 1.36 * (LN_TIME - 2) ** 4,
    "power law": np.exp(0.2 * LN_TIME),
    "ordinary diffusion": np.exp(LN_TIME),
    "saturating exponential": -np.expm1(-np.exp(LN_TIME - 25.0)),
}


def answers(truth, disorders, *, seed=0, exponent=None, end=40.0):
    """Fluctuations of the surrogate about the growth of `truth`."""
    xi = renewal_positions(np.arange(disorders), LN_TIME, seed=seed, shift=-2.0) / (LN_TIME - 2) ** 2
    window = select_window(LN_TIME, GROWTH[truth] * xi**2, ln_time_min=10.0, ln_time_max=end)
    scores = held_out_scores(window, exponent=exponent)
    return {other: scores.advantage(LAW, other, 0.95) for other in scores.names[1:]}


def test_log_law_is_found():
    for exponent in (None, 4.0):
        for advantage in answers("logarithmic law", 2000, exponent=exponent).values():
            assert advantage.answer == "better than"
            assert advantage.value > 20


@pytest.mark.parametrize("truth", ["power law", "ordinary diffusion", "saturating exponential"])
def test_another_truth_beats_the_log_law(truth):
    assert answers(truth, 2000, exponent=4.0)[truth].answer == "worse than"


def test_with_its_exponent_free_the_log_law_is_as_good_as_the_power_that_it_contains():
    assert answers("power law", 2000)["power law"].answer == "as good as"


def test_parameters_cost_on_samples_that_were_not_fitted():
    """The power law is contained in the log law: the parameter more that it does not need loses, where it is scored
    on the samples of the fit it cannot."""
    values = [answers("power law", 400, seed=seed)["power law"].value for seed in range(20)]
    assert np.mean(values) < 0 < np.std(values)


def test_a_short_window_and_few_disorders_tell_nothing():
    assert answers("logarithmic law", 40, end=20.0)["power law"].answer == "as good as"
    assert answers("logarithmic law", 6400, end=22.0)["power law"].answer == "better than"


def test_advantage_by_hand():
    scores = held_out_scores(select_window(LN_TIME, np.ones((20, 75)) * np.exp(0.1 * LN_TIME), ln_time_min=10.0))
    values = scores.scores.copy()
    values[0], values[1] = np.arange(10.0), 0.0
    advantage = type(scores)(scores.names, values, 20).advantage(LAW, "power law", 0.95)
    # Nadeau and Bengio: the variance of the mean is (1/K + n_test/n_train) s^2, s^2 = 55/6, K = 10
    stderr = 10 * np.sqrt((1 / 10 + 1 / 9) * 55 / 6)
    assert advantage.value == 45
    assert advantage.stderr == pytest.approx(stderr)
    assert advantage.high - advantage.value == pytest.approx(2.262157 * stderr, rel=1e-6)  # t with 9 degrees of freedom


def test_too_few_for_the_folds():
    with pytest.raises(UserError, match="15 samples are too few for 10 folds; at least 20"):
        held_out_scores(select_window(LN_TIME, np.ones((15, 75)), ln_time_min=10.0))


@pytest.mark.validate
def test_the_true_law_is_seldom_called_worse():
    studies = 200
    worse = sum(
        answers(truth, 400, seed=seed)[truth].answer == "better than"
        for seed in range(studies)
        for truth in ("power law",)
    )
    fixed = sum(
        advantage.answer == "worse than"
        for seed in range(studies)
        for advantage in answers("logarithmic law", 400, seed=seed, exponent=4.0, end=20.0).values()
    )
    print(f"\npower law called worse {worse}/{studies}, log law called worse {fixed}/{3 * studies}")
    assert worse <= 0.025 * studies + 3
    assert fixed <= 0.025 * 3 * studies + 3
