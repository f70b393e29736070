"""Rows and conclusion of a training beside linear response, on made-up measurements whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.diffusion.conclusion import Word, conclude, conclusion_row
from langevin_sgd.checks.diffusion.distance_growth import distance_rows
from langevin_sgd.checks.diffusion.evidence import Evidence
from langevin_sgd.checks.diffusion.response import residual_row, response_rows
from langevin_sgd.checks.diffusion.roughness import roughness_rows
from langevin_sgd.checks.verdicts.statistics import Verdict

RATE, STEPS = 0.1, np.array([0, 10, 100, 1000, 3000, 6000])
LOOKS = np.array([10, 1000, 6000])
TOLD = {"model": "network", "confidence": 0.95}


def evidence(
    *,
    batch=64,
    ratio=1.0,
    drift=1.0,
    share=0.99,
    edge=0.3,
    kinks=0.005,
    residual=0.05,
    barrier=None,
    theta=1e-5,
    error=0.01,
) -> Evidence:
    moved = np.where(STEPS > 0, 1.0, np.nan)
    variables = {
        "tangent_spread": ("time", moved),
        "spread": ("time", moved),
        "spread_over_tangent": ("time", ratio * moved),
        "spread_over_tangent_stderr": ("time", error * ratio * moved),
        "tangent_residual": ("time", residual * moved),
        "tangent_residual_stderr": ("time", 0.02 * residual * moved),
        "drift_over_control": ("time", drift * moved),
        "drift_over_control_stderr": ("time", 1e-4 * moved),
        "drift_squared": ("time", share * np.where(STEPS > 0, 1.0, 0.0)),
        "squared_displacement": (("replica", "time"), np.tile(np.where(STEPS > 0, 1.0, 0.0), (32, 1))),
        "control_edge": ("control_look", np.full(3, edge)),
        "control_kinks": ("control_look", np.full(3, kinks)),
        "control_thermal_energy": ("control_look", np.full(3, theta)),
        "learning_rate": RATE,
        "batch_size": batch,
        "momentum": 0.0,
    }
    coords = {"effective_time": ("time", RATE * STEPS), "control_look_step": ("control_look", LOOKS)}
    if barrier is not None:
        variables["segment_barrier"] = (
            ("segment_look", "pair"),
            barrier * np.linspace(0.8, 1.2, 16)[None].repeat(2, 0),
        )
        coords["segment_step"] = ("segment_look", np.array([100, 6000]))
    found = Evidence.of(xr.Dataset(variables, coords=coords))
    assert found is not None
    return found


def rows(found: Evidence) -> dict[str, tuple[str, Verdict]]:
    return {row.quantity: (row.role, row.verdict) for row in response_rows(found, **TOLD)}


def test_cold_training_is_claimed_to_the_end():
    assert rows(evidence()) == {
        "drift_over_control[t=600]": ("law", Verdict.AGREES),
        "spread_over_tangent[t=600]": ("law", Verdict.AGREES),
    }
    assert rows(evidence(ratio=0.9, drift=1.02)) == {
        "drift_over_control[t=600]": ("law", Verdict.DISAGREES),
        "spread_over_tangent[t=600]": ("law", Verdict.DISAGREES),
    }


def test_warm_training_is_claimed_until_step_3000_and_hot_training_not_at_all():
    assert rows(evidence(batch=16, ratio=0.95, drift=1.01)) == {
        "drift_over_control[t=600]": ("law", Verdict.AGREES),
        "spread_over_tangent[t=300]": ("law", Verdict.AGREES),
        "spread_over_tangent[t=600]": ("contrast", Verdict.AGREES),
    }
    assert {role for role, _ in rows(evidence(batch=4, ratio=0.8)).values()} == {"contrast"}


@pytest.mark.parametrize(
    ("changed", "told", "drift"),
    [({"edge": 1.95}, "edge of stability", Verdict.INCONCLUSIVE), ({"kinks": 0.2}, "kinks", Verdict.AGREES)],
)
def test_where_linear_theory_does_not_hold_the_reason_is_told(changed, told, drift):
    of_drift, of_spread = response_rows(evidence(ratio=3.0, **changed), **TOLD)
    assert of_drift.verdict is drift
    assert of_spread.verdict is Verdict.INCONCLUSIVE
    assert told in of_spread.reason
    found = conclude(evidence(ratio=3.0, **changed), [], confidence=0.95)
    assert found.word is Word.NONE
    assert told in found.reason


OTHER = {"batch": 128, "ratio": 20.0}
NEAR = {"batch": 128, "ratio": 21.0}


@pytest.mark.parametrize(
    ("own", "other", "word", "told"),
    [
        ({}, None, Word.DRIFT, "99.0% of the squared displacement is drift"),
        ({"ratio": 0.97, "batch": 16}, None, Word.DRIFT, ""),
        ({"share": 0.4}, None, Word.RESPONSE, "40.0% of the squared displacement is drift"),
        ({"share": 0.4, "ratio": 0.7}, None, Word.ANHARMONIC, "beyond 5%"),
        ({"drift": 0.5}, None, Word.ANHARMONIC, "noise changes the path"),
        ({"share": 0.4, "ratio": 1.05}, None, Word.NONE, "more replicas"),
        ({"ratio": 20.0, "barrier": 1.0}, None, Word.NONE, "a scan over sgd.batch_size"),
        ({"ratio": 20.0, "barrier": 1.0}, OTHER, Word.BARRIERS, "barriers between replicas are 1(0.03)"),
        ({"ratio": 20.0, "barrier": 1e-9}, OTHER, Word.ANHARMONIC, "nothing to cross"),
        ({"ratio": 20.0}, OTHER, Word.NONE, "segments would tell"),
        ({"ratio": 20.0, "barrier": 1.0}, {"batch": 128, "ratio": 10.5}, Word.ANHARMONIC, "as T^1"),
        ({"ratio": 20.0, "barrier": 1.0}, {"batch": 128, "ratio": 0.9}, Word.ANHARMONIC, "as a perturbation does"),
        ({"ratio": 20.0, "barrier": 1.0, "error": 0.2}, {**NEAR, "error": 0.2}, Word.NONE, "farther apart"),
        ({"ratio": 20.0, "barrier": 1.0, "error": 0.05}, {**NEAR, "error": 0.05}, Word.BARRIERS, "T^-0.074"),
        ({"ratio": 20.0, "barrier": 1.0, "edge": 1.95}, OTHER, Word.NONE, "edge of stability"),
    ],
)
def test_the_conclusion(own, other, word, told):
    others = [] if other is None else [evidence(**other)]
    found = conclude(evidence(**own), others, confidence=0.95)
    assert (found.word, told in found.reason) == (word, True), found.reason
    row = conclusion_row(evidence(**own), others, **TOLD)
    assert row is not None
    assert row.role == "contrast"
    assert row.about["conclusion"] == str(word)


def test_the_exponent_of_what_is_left_out():
    linear = [evidence(batch=batch, residual=1.6 / batch) for batch in (16, 64, 128)]
    row = residual_row(linear, **TOLD)
    assert row is not None
    assert row.measured == pytest.approx(1.0)
    assert (row.role, row.verdict) == ("law", Verdict.AGREES)
    mixed = residual_row([linear[0], replace(linear[1], rate=0.2)], **TOLD)
    assert (mixed.role, mixed.verdict) == ("contrast", Verdict.AGREES)
    square = [evidence(batch=batch, residual=100.0 / batch**2) for batch in (16, 64, 128)]
    assert residual_row(square, **TOLD).verdict is Verdict.DISAGREES
    assert residual_row(linear[:1], **TOLD) is None
    assert residual_row([evidence(batch=4), linear[0]], **TOLD) is None  # hotter than what is claimed
    spoiled = residual_row([evidence(batch=16, edge=1.95), *linear], **TOLD)
    assert spoiled.verdict is Verdict.INCONCLUSIVE


def test_the_slope_of_the_distance_is_held_against_that_without_noise():
    time = np.geomspace(1.0, 1000.0, 20)
    rng = np.random.default_rng(5)
    distance = 1.0 + 2.0 * np.log(time) + 0.01 * rng.normal(size=(16, 1))
    dataset = xr.Dataset(
        {
            "squared_displacement": (("replica", "time"), distance**2),
            "control_squared_displacement": ("time", (1.0 + 2.0 * np.log(time)) ** 2),
        },
        coords={"effective_time": ("time", time)},
    )
    (row,) = distance_rows(dataset, window=2.0, **TOLD)
    assert row.measured == pytest.approx(2.0, abs=1e-3)
    assert (row.role, row.verdict) == ("contrast", Verdict.AGREES)
    assert "R^2 = 1.0000" in row.reason
    slower = dataset.assign(control_squared_displacement=("time", (1.0 + 1.5 * np.log(time)) ** 2))
    assert distance_rows(slower, window=2.0, **TOLD)[0].verdict is Verdict.DISAGREES
    assert not distance_rows(dataset, window=6.5, **TOLD)


def test_alpha_along_trajectories_is_held_against_that_of_the_descent():
    measured = {"trajectory_alpha": 1.28, "trajectory_alpha_stderr": 0.01, "control_alpha": 1.23}
    point = xr.Dataset({**measured, "energy": ("replica", np.ones(16))})
    (row,) = roughness_rows(point, **TOLD)
    assert row.verdict is Verdict.AGREES
    assert "descent" in row.reason
    (rough,) = roughness_rows(point.assign(control_alpha=0.9), **TOLD)
    assert rough.verdict is Verdict.DISAGREES
    assert "more than descent" in rough.reason
    assert not roughness_rows(point.drop_vars("trajectory_alpha"), **TOLD)
