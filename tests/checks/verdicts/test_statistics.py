"""Verdicts: intervals, p-values, power and Holm's rule against numbers worked out by hand or by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from langevin_sgd.checks.verdicts.statistics import (
    Band,
    Verdict,
    assess,
    assess_ratio,
    classify,
    holm,
    outside_p_value,
    rounded,
)

BAND = Band(0.95, 1.05)


def ratio(value, stderr, dof=15, tolerance=0.05, confidence=0.95):
    return assess_ratio(value, stderr, 1.0, dof=dof, tolerance=tolerance, confidence=confidence, name="ratio")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.96, 1.04, Verdict.AGREES),
        (0.95, 1.05, Verdict.AGREES),
        (0.90, 1.04, Verdict.INCONCLUSIVE),
        (0.96, 1.06, Verdict.INCONCLUSIVE),
        (0.90, 1.10, Verdict.INCONCLUSIVE),
        (1.06, 1.10, Verdict.DISAGREES),
        (0.80, 0.94, Verdict.DISAGREES),
    ],
)
def test_three_answers(low, high, verdict):
    assert classify(low, high, BAND) is verdict


def test_interval_is_students():
    # t(15 degrees of freedom, 97.5%) = 2.1314, from the tables
    assessed = assess(1.0, 0.01, dof=15, band=BAND, confidence=0.95, name="x")
    assert assessed.low == pytest.approx(1 - 0.021314, abs=1e-6)
    assert assessed.high == pytest.approx(1 + 0.021314, abs=1e-6)
    logarithmic = ratio(1.0, 0.01)
    assert math.log(logarithmic.high) == pytest.approx(0.021314, abs=1e-6)


def test_p_value_by_hand():
    # two standard errors above the band, 15 degrees of freedom: P(t > 2) = 0.03197; the other tail is P(t > 12)
    assert outside_p_value(1.07, 0.01, 15, BAND) == pytest.approx(0.03197, abs=2e-5)
    assert outside_p_value(0.93, 0.01, 15, BAND) == pytest.approx(0.03197, abs=2e-5)
    assert outside_p_value(1.05, 0.01, 15, BAND) == pytest.approx(0.5, abs=1e-6)
    assert outside_p_value(1.0, 0.01, 15, BAND) > 0.99
    # a band of no width is the two-sided test
    assert outside_p_value(2.0, 1.0, 15, Band(0.0, 0.0)) == pytest.approx(2 * 0.03197, abs=4e-5)
    assert outside_p_value(1.0, 0.0, 15, BAND) == 1.0
    assert outside_p_value(1.06, 0.0, 15, BAND) == 0.0


def test_verdict_and_p_value_are_one_statement():
    # outside at 95% means p at most 2.5% (plus the far tail), and the other way round
    for value in np.linspace(0.85, 1.15, 61):
        assessed = ratio(float(value), 0.01)
        assert (assessed.verdict is Verdict.DISAGREES) == (assessed.p_value < 0.025)


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_fewer_than_four_replicas_decide_nothing(replicas):
    assessed = ratio(3.0, 0.001, dof=replicas - 1)
    assert assessed.verdict is Verdict.INCONCLUSIVE
    assert f"{replicas} " in assessed.reason
    assert "at least 4" in assessed.reason
    assert math.isnan(assessed.p_value)


@pytest.mark.parametrize("bad", [(math.nan, 0.1), (1.0, math.nan), (-0.5, 0.1), (0.0, 0.1), (math.inf, 0.1)])
def test_no_number_no_verdict(bad):
    assert ratio(*bad).verdict is Verdict.INCONCLUSIVE


def test_infinite_prediction_is_a_disagreement():
    assessed = assess_ratio(1.0, 0.1, math.inf, dof=15, tolerance=0.05, confidence=0.95, name="ratio")
    assert assessed.verdict is Verdict.DISAGREES


def test_tolerance_of_a_ratio_is_checked():
    with pytest.raises(ValueError, match="tolerance"):
        ratio(1.0, 0.1, tolerance=1.0)


def test_reasons_say_what_a_physicist_asks():
    agrees, straddles, disagrees = ratio(1.0, 0.01), ratio(1.03, 0.02), ratio(4.0, 0.01)
    assert "95% interval 0.9789 to 1.022 (half-width 0.021), inside 0.95 to 1.05" in agrees.reason
    assert "power 80% to see a truth below" in agrees.reason
    assert "straddles the edge of 0.95 to 1.05" in straddles.reason
    assert "times the replicas" in straddles.reason
    assert "outside 0.95 to 1.05" in disagrees.reason
    assert "off by a factor 4" in disagrees.reason
    assert "another tolerance" in ratio(1.05, 0.01).reason


def test_the_advice_settles_it():
    # with the advised number of replicas, a truth at the present value gets its verdict with 80% power
    random = np.random.default_rng(3)
    assessed = ratio(1.03, 0.02, dof=63)
    factor = float(assessed.reason.split("about ")[1].split(" times")[0])
    stderr = 0.02 / math.sqrt(factor)
    dof = round(64 * factor) - 1
    draws = np.exp(math.log(1.03) + stderr / 1.03 * random.standard_normal(2000))
    settled = np.mean([ratio(float(x), float(stderr * x / 1.03), dof=dof).verdict is Verdict.AGREES for x in draws])
    assert settled == pytest.approx(0.8, abs=0.05)  # factor has two digits; 4 standard errors are 0.036


def test_the_stated_power_is_the_power():
    random = np.random.default_rng(4)
    seen = float(ratio(1.0, 0.01, dof=15).reason.split("or above ")[1])
    replicas = 16
    data = math.log(seen) + 0.01 * math.sqrt(replicas) * random.standard_normal((4000, replicas))
    mean, stderr = data.mean(1), data.std(1, ddof=1) / math.sqrt(replicas)
    seen_rate = np.mean(
        [
            ratio(math.exp(m), float(s) * math.exp(m)).verdict is Verdict.DISAGREES
            for m, s in zip(mean, stderr, strict=True)
        ]
    )
    assert seen_rate == pytest.approx(0.8, abs=0.05)  # `seen` has three digits


def test_false_alarms_at_the_edge_of_the_tolerance():
    random = np.random.default_rng(5)
    replicas = 8
    data = math.log(1.05) + 0.03 * random.standard_normal((4000, replicas))
    mean, stderr = data.mean(1), data.std(1, ddof=1) / math.sqrt(replicas)
    verdicts = [ratio(math.exp(m), float(s) * math.exp(m), dof=7) for m, s in zip(mean, stderr, strict=True)]
    p = np.array([v.p_value for v in verdicts])
    for level in (0.01, 0.025, 0.2):  # at the edge p is uniform; 4 standard errors
        assert abs(np.mean(p <= level) - level) < 4 * math.sqrt(level * (1 - level) / 4000)
    assert np.mean([v.verdict is Verdict.AGREES for v in verdicts]) < 0.025 + 4 * math.sqrt(0.025 / 4000)


def test_holm_by_hand():
    # ascending 0.005 <= 0.05/4, 0.01 <= 0.05/3, 0.03 > 0.05/2: stop, though 0.04 <= 0.05
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05).tolist() == [True, False, False, True]
    assert holm([0.01, 0.04, 0.025, 0.005], 0.05).tolist() == [True, True, True, True]
    assert holm([], 0.05).tolist() == []


def test_holm_ignores_rows_without_a_test():
    assert holm([math.nan, 0.02, 0.03, math.nan], 0.05).tolist() == [False, True, True, False]


def test_holm_holds_its_level_for_correlated_rows():
    random = np.random.default_rng(6)
    common = random.standard_normal((4000, 1))
    z = np.sqrt(0.7) * common + np.sqrt(0.3) * random.standard_normal((4000, 12))
    p = np.array([[0.5 * math.erfc(value / math.sqrt(2)) for value in row] for row in z])
    rate = np.mean([holm(row, 0.05).any() for row in p])
    assert rate < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 4000)
    assert rate > 0.005  # not vacuous


@pytest.mark.parametrize(
    ("factor", "told"), [(3.14, "3.1"), (309.6, "310"), (12_345.0, "12,000"), (1.0, "1"), (2e6, "2,000,000")]
)
def test_factors_are_told_without_powers_of_ten(factor, told):
    assert rounded(factor) == told
