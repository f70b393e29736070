"""Local exponents and late diffusion against growth whose exponent and coefficient are known; errors are planted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.diffusion.local_growth import growth_exponent_row, late_rows, logarithmic_exponent_row
from langevin_sgd.checks.diffusion.walk import Walk
from langevin_sgd.checks.verdicts.statistics import Verdict

CRITERIA = {"model": "walk", "tolerance": 0.1, "confidence": 0.95}


def walk(mean, *, first=0.0, last=30.0, censored_from=math.inf, valid_range=(0.0, math.inf), disorders=400):
    """<x^2> = mean(ln t) up to a factor for each disorder, which no slope feels, and noise of 2% for each time."""
    rng = np.random.default_rng(0)
    ln_time = np.linspace(first, last, 241)
    factor = np.exp(0.5 * rng.normal(size=(disorders, 1)) - 0.125)
    squares = mean(ln_time) * factor * np.exp(0.02 * rng.normal(size=(disorders, ln_time.size)))
    censored = np.zeros(squares.shape, dtype=bool)
    censored[: disorders // 20, ln_time >= censored_from] = True
    return Walk("disorder", ln_time, squares, censored, 0.0, valid_range)


@pytest.mark.parametrize(
    ("exponent", "verdict"), [(1.0, Verdict.AGREES), (0.8, Verdict.DISAGREES), (0.5, Verdict.DISAGREES)]
)
def test_the_exponent_of_time_is_that_of_the_power(exponent, verdict):
    """t^a has the slope a everywhere: within 4 standard errors; only a = 1 is ordinary diffusion."""
    row = growth_exponent_row(walk(lambda ln_time: np.exp(exponent * ln_time)), **CRITERIA)
    assert abs(row.measured - exponent) < 4 * row.standard_error < 0.02
    assert (row.verdict, row.role, row.predicted) == (verdict, "contrast", 1.0)
    assert "400 disorders, valid to the end, ln t = 30" in row.reason


def test_only_times_in_the_range_of_the_power_law_and_before_censoring_count():
    """Slope 1 until ln t = 20, then 2: the end of the range, or censoring from there on, leaves the 1."""

    def kinked(ln_time):
        return np.exp(ln_time + np.maximum(ln_time - 20.0, 0.0))

    everything = growth_exponent_row(walk(kinked), **CRITERIA)
    assert everything.measured == pytest.approx(2.0, abs=0.01)
    assert everything.verdict is Verdict.DISAGREES
    for cut in ({"valid_range": (0.0, math.exp(10.0))}, {"censored_from": 20.0}):
        row = growth_exponent_row(walk(kinked, **cut), **CRITERIA)
        assert row.measured == pytest.approx(1.0, abs=0.01)
        assert row.verdict is Verdict.AGREES
        assert "valid to ln t = " in row.reason
    nothing = growth_exponent_row(walk(kinked, valid_range=(1e300, 1e301)), **CRITERIA)
    assert nothing.verdict is Verdict.INCONCLUSIVE
    assert nothing.reason.startswith("window too short: 0 recorded times count")


@pytest.mark.parametrize(
    ("power", "shift", "claimed", "verdict"),
    [
        (4.0, 0.0, 4.0, Verdict.AGREES),
        (4.0, 0.0, 3.0, Verdict.DISAGREES),  # a planted alpha of 4/3
        (2.0, 0.0, 2.0, Verdict.AGREES),
        (4.0, -5.0, 4.0, Verdict.DISAGREES),  # what is not shifted does not see the law of what is
    ],
)
def test_the_exponent_of_the_logarithm_is_p_ln_t_over_ln_t_plus_c(power, shift, claimed, verdict):
    """The closed form at the centre of the window, ln t = 30/sqrt(1.5), to the second order in its width: 1%."""
    given = walk(lambda ln_time: np.maximum(ln_time + shift, 0.05) ** power)
    row = logarithmic_exponent_row(given, exponent=claimed, **CRITERIA)
    centre = 30.0 / math.sqrt(1.5)
    assert row.measured == pytest.approx(power * centre / (centre + shift), rel=0.01)
    assert (row.verdict, row.law, row.role) == (verdict, "logarithmic law, no shift", "contrast")


def late(mean, *, coefficient=0.5, length=1.0, **options):
    dataset = xr.Dataset({"correlation_length": length, "effective_diffusion_predicted": coefficient})
    rows = late_rows(dataset, walk(mean, last=12.0, **options), exponent=4.0, **CRITERIA)
    return {row.quantity: row for row in rows}


def diffusing(ln_time):
    """2 D t with D = 1/2, above a start of no account."""
    return 1e-3 + np.exp(ln_time)


def test_late_diffusion_has_its_coefficient_and_no_logarithmic_law():
    rows = late(diffusing)
    found = rows["effective_diffusion"]
    assert abs(found.measured - 0.5) < 4 * found.standard_error < 0.06
    assert (found.verdict, found.role) == (Verdict.AGREES, "law")
    held_out = rows["late_held_out_likelihood"]
    assert (held_out.verdict, held_out.role, held_out.law) == (Verdict.DISAGREES, "contrast", "ordinary diffusion")


def test_planted_errors_of_the_coefficient_are_seen():
    for wrong in (0.25, 1.0):  # a factor 2 lost or won
        assert late(diffusing, coefficient=wrong)["effective_diffusion"].verdict is Verdict.DISAGREES


def test_what_does_not_yet_diffuse_claims_nothing():
    found = late(lambda ln_time: np.exp(0.8 * ln_time))["effective_diffusion"]
    assert (found.verdict, found.role) == (Verdict.INCONCLUSIVE, "contrast")
    assert found.reason.startswith("window too short: <x^2> grows as t^0.8 over the last 2 of ln t")


def test_within_ten_correlation_lengths_no_law_is_to_fail():
    assert set(late(diffusing, length=1e3)) == {"effective_diffusion"}


def test_censoring_spoils_the_late_rows():
    for row in late(diffusing, censored_from=11.0).values():
        assert row.verdict is Verdict.INCONCLUSIVE
        assert row.reason.startswith("censored: 5.00% of the disorders")
