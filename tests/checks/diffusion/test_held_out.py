"""The verdict of held-out likelihood: which law it names, what settles it, and errors that are planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from langevin_sgd.checks.diffusion.held_out import _settle, assess_held_out
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.estimators.competing_laws import Advantage, held_out_scores
from langevin_sgd.estimators.logarithmic_law import FitWindow, select_window
from langevin_sgd.estimators.renewal_model import renewal_positions

LN_TIME = np.linspace(3.0, 40.0, 75)
GROWTH = {
    "logarithmic law": (LN_TIME - 2) ** 4,
    "power law": np.exp(0.2 * LN_TIME),
    "saturating exponential": -np.expm1(-np.exp(LN_TIME - 25.0)),
}


def window(truth: str, disorders: int, *, end: float = 40.0) -> FitWindow:
    """Disorders whose <x^2> grows by a law, with the fluctuations of the surrogate about it."""
    xi = renewal_positions(np.arange(disorders), LN_TIME, seed=0, shift=-2.0) / (LN_TIME - 2) ** 2
    return select_window(LN_TIME, GROWTH[truth] * xi**2, ln_time_min=10.0, ln_time_max=end)


def judged(given: FitWindow, exponent: float | None = 4.0):
    return assess_held_out(given, exponent=exponent, confidence=0.95, dimension="disorder")


def test_the_law_that_was_drawn_from_agrees_by_the_margin_over_its_closest_competitor():
    given = window("logarithmic law", 1000)
    assessed, closest = judged(given)
    scores = held_out_scores(given, exponent=4.0)
    nats = dict(zip(scores.names, scores.total, strict=True))
    margins = {name: nats["logarithmic law"] - value for name, value in nats.items() if name != "logarithmic law"}
    assert assessed.verdict is Verdict.AGREES
    assert closest == min(margins, key=margins.__getitem__)
    assert assessed.estimate == pytest.approx(min(margins.values()))
    assert assessed.p_value == pytest.approx(student.cdf(assessed.estimate / assessed.stderr, 9))
    assert "nats on 1000 held-out disorders: the logarithmic law (p = 4) is better than power law" in assessed.reason


@pytest.mark.parametrize("planted", ["power law", "saturating exponential"])
def test_another_law_that_was_drawn_from_is_named_and_disagrees(planted):
    assessed, closest = judged(window(planted, 1000))
    assert (assessed.verdict, closest) == (Verdict.DISAGREES, planted)
    assert assessed.high < 0.0
    assert assessed.p_value < 0.025


def test_a_window_in_which_no_law_is_better_says_what_would_settle_it():
    assessed, closest = judged(window("logarithmic law", 40, end=20.0), exponent=None)
    assert assessed.verdict is Verdict.INCONCLUSIVE
    assert assessed.low < 0.0 < assessed.high
    assert "(p free) is" in assessed.reason
    assert f"as good as {closest}" in assessed.reason
    assert "competing law as good: " in assessed.reason


@pytest.mark.parametrize(
    ("value", "low", "said"),
    [
        (2.0, -2.0, "about 4 times the disorders"),  # the half width 4 = 2 x 2 has to halve, as the root of samples
        (3.0, -6.0, "about 9 times the disorders"),
        (-1.0, -2.0, "more disorders would hardly settle it"),
    ],
)
def test_what_would_settle_it_by_hand(value, low, said):
    advantage = Advantage("logarithmic law", "power law", value, 1.0, low, 2 * value - low, 10)
    assert _settle(advantage, "disorder").startswith(said)


def test_too_few_for_the_folds_have_no_verdict():
    given = window("logarithmic law", 19)
    assessed, law = judged(given)
    assert (assessed.verdict, law) == (Verdict.INCONCLUSIVE, "competing laws")
    assert assessed.reason == "too few disorders: 19; held-out likelihood needs at least 20"
    assert np.isnan(assessed.estimate)
