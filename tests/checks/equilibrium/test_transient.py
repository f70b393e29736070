"""Spread and drift rows on exact transients of a quadratic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from langevin_sgd.checks.equilibrium.transient import transient
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.estimators.drift_and_spread import displacement_summary
from langevin_sgd.models import declared
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import log_spaced_steps, time_coordinates


def run(quadratic, *, seed, replicas, displacement=0.0, scale=1.0, steps=4000, records=32):
    """Replicas of x <- (1 - eta k) x + noise from one point, in exact jumps between log-spaced steps."""
    random = np.random.default_rng(seed)
    k = np.array(quadratic.rates)
    m, stationary = 1 - quadratic.learning_rate * k, quadratic.discrete()
    start = displacement * np.sqrt(stationary)
    x = np.tile(start, (replicas, 1))
    recorded = log_spaced_steps(steps, records)
    out = {name: [] for name in ("squared_displacement", "drift_squared", "spread", "predicted", "drift_predicted")}
    errors = {"drift_squared": [], "spread": []}
    for gap, step in zip(np.diff(recorded, prepend=0), recorded, strict=True):
        noise = np.sqrt(scale * stationary * (1 - m ** (2 * gap)))
        x = x * m**gap + noise * random.standard_normal(x.shape)
        summary = displacement_summary(x - start)
        for name in ("squared_displacement", "drift_squared", "spread"):
            out[name].append(getattr(summary, name))
        for name, values in errors.items():
            values.append(getattr(summary, f"{name}_stderr"))
        out["predicted"].append((stationary * (1 - m ** (2 * step))).sum())
        out["drift_predicted"].append((((1 - m**step) * start) ** 2).sum())
    return dataset(
        {
            "squared_displacement": np.array(out["squared_displacement"]).T,
            "drift_squared": out["drift_squared"],
            "drift_squared_stderr": errors["drift_squared"],
            "drift_squared_predicted": out["drift_predicted"],
            "spread": out["spread"],
            "spread_stderr": errors["spread"],
            "spread_predicted": out["predicted"],
        },
        declares=declared(),
        coords={
            "replica": np.arange(replicas),
            **time_coordinates(recorded, learning_rate=quadratic.learning_rate, momentum=0.0),
        },
        attrs={"law": "discrete"},
    )


def rows_of(dataset, tolerance=0.05):
    return {row.quantity: row for row in transient(dataset, model="ou", tolerance=tolerance, confidence=0.95)}


def test_true_predictions_agree(make_quadratic):
    rows = rows_of(run(make_quadratic(), seed=0, replicas=4096, displacement=10.0))
    assert set(rows) == {"spread", "drift"}
    for row in rows.values():
        assert row.verdict is Verdict.AGREES
        assert (row.role, row.law) == ("law", "discrete")


def test_no_drift_row_for_a_start_at_the_minimum(make_quadratic):
    assert set(rows_of(run(make_quadratic(), seed=0, replicas=16))) == {"spread"}


@pytest.mark.parametrize(("displacement", "loosest"), [(0.0, 1.15), pytest.param(3.0, 1.6, marks=pytest.mark.validate)])
def test_the_error_of_the_spread_is_an_upper_bound_and_not_a_loose_one(make_quadratic, displacement, loosest):
    """Without a drift it is the error itself. Scatter is known to 5%."""
    studies = 200
    rows = [
        rows_of(run(make_quadratic(), seed=seed, replicas=32, displacement=displacement))["spread"]
        for seed in range(studies)
    ]
    covered = np.mean([row.ratio_low <= 1 <= row.ratio_high for row in rows])
    assert covered > 0.95 - 4 * math.sqrt(0.05 * 0.95 / studies)
    scatter = np.std([row.measured for row in rows], ddof=1)
    quoted = math.sqrt(np.mean([row.standard_error**2 for row in rows]))
    assert 0.85 * scatter < quoted < loosest * scatter


def test_the_error_does_not_pick_the_smaller_of_two(make_quadratic):
    """Which one it is follows from what is predicted, not from what came out."""
    quiet, moved = (run(make_quadratic(), seed=4, replicas=16, displacement=x) for x in (0.0, 3.0))
    error = {name: rows_of(dataset)["spread"].standard_error for name, dataset in (("quiet", quiet), ("moved", moved))}
    halved = quiet.assign(spread_stderr=0.1 * quiet["spread_stderr"])
    assert rows_of(halved)["spread"].standard_error == error["quiet"]
    mean = moved["squared_displacement"].mean("replica")
    alike = moved.assign(squared_displacement=mean + 0.1 * (moved["squared_displacement"] - mean))
    assert rows_of(alike)["spread"].standard_error == error["moved"]


@pytest.mark.validate
@pytest.mark.parametrize("replicas", [4, pytest.param(16, marks=pytest.mark.validate)])
def test_false_alarms_of_the_spread_on_null_data(make_quadratic, replicas):
    """A 95% interval misses 1 in no more than 5% of studies (four standard errors of 400 studies on top)."""
    studies = 400
    ratios = [
        rows_of(run(make_quadratic(), seed=1000 + seed, replicas=replicas, records=24))["spread"]
        for seed in range(studies)
    ]
    missed = np.mean([not row.ratio_low <= 1 <= row.ratio_high for row in ratios])
    assert missed < 0.05 + 4 * math.sqrt(0.05 * 0.95 / studies)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_factor_two_in_the_noise_is_caught(make_quadratic, scale):
    row = rows_of(run(make_quadratic(), seed=1, replicas=256, scale=scale))["spread"]
    assert row.verdict is Verdict.DISAGREES
    assert row.ratio == pytest.approx(scale, rel=0.1)


def test_few_replicas_ask_for_replicas_not_for_time(make_quadratic):
    row = rows_of(run(make_quadratic(), seed=2, replicas=64))["spread"]
    assert row.verdict is Verdict.INCONCLUSIVE
    assert "times the replicas would settle it" in row.reason


def test_without_predictions_there_is_nothing_to_compare(make_quadratic):
    dataset = run(make_quadratic(), seed=3, replicas=8)
    assert transient(dataset.drop_vars("spread_predicted"), model="n", tolerance=0.05, confidence=0.95) == []
