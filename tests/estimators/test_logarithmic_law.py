"""The fit of A (ln t + c)^p: exact curves, coverage of its intervals, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.logarithmic_law import fit_logarithmic_law, select_window, window_sensitivity
from langevin_sgd.estimators.renewal_model import renewal_positions
from langevin_sgd.theory import logarithmic_diffusion as theory

LN_TIME = np.linspace(3.0, 40.0, 75)


def squares(seed, disorders=400, **process):
    return renewal_positions(np.arange(disorders), LN_TIME, seed=seed, shift=-2.0, **process) ** 2


@pytest.mark.parametrize("alpha", [0.75, 1.0, 1.5])
def test_without_fluctuations_in_time_the_law_comes_out_exactly(alpha):
    """Every disorder keeps its xi: the mean is off by one factor, and c and p are exact in every resample."""
    values = squares(0, alpha=alpha, rate=0.0)
    found = fit_logarithmic_law(select_window(LN_TIME, values, ln_time_min=10.0), seed=0, resamples=50)
    assert found.exponent == pytest.approx(theory.exponent(alpha), rel=1e-6)
    assert found.shift == pytest.approx(-2.0, abs=1e-4)
    np.testing.assert_allclose(found.exponents, theory.exponent(alpha), rtol=1e-6)
    assert found.edge == 0.0
    fixed = fit_logarithmic_law(
        select_window(LN_TIME, values, ln_time_min=10.0), seed=0, exponent=theory.exponent(alpha), resamples=50
    )
    assert fixed.amplitude == pytest.approx(values[:, -1].mean() / 38 ** theory.exponent(alpha), rel=1e-4)


def test_window_takes_times_in_even_steps_of_the_law():
    window = select_window(LN_TIME, squares(0, 20), ln_time_min=10.0, ln_time_max=30.0)
    assert (window.ln_time[0], window.ln_time[-1]) == (10.0, 30.0)
    assert window.ln_time.size == 12
    steps = np.diff(np.log(window.ln_time))
    assert steps.max() < 1.8 * steps.min()


def test_same_seed_same_interval():
    window = select_window(LN_TIME, squares(1), ln_time_min=10.0)
    first, again, other = (fit_logarithmic_law(window, seed=seed, resamples=30) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.exponents, again.exponents)
    assert not np.array_equal(first.exponents, other.exponents)
    assert first.exponent == other.exponent


def test_sensitivity_to_the_window():
    """A correction that ends at ln t = 9 biases the window that reaches into it, and no other."""
    values = squares(2, rate=0.0) * (1 + 0.2 * np.maximum(9 - LN_TIME, 0) ** 2)
    fits = window_sensitivity(LN_TIME, values, starts=[4.0, 10.0, 15.0], seed=0, resamples=20)
    assert abs(fits[0].exponent - 4.0) > 0.2
    np.testing.assert_allclose([fit.exponent for fit in fits[1:]], 4.0, rtol=1e-5)
    assert [fit.ln_time_min for fit in fits] == [4.0, 10.0, 15.0]


def test_growth_like_a_power_of_time_is_reported():
    values = squares(3) / (LN_TIME - 2) ** 4 * np.exp(0.3 * LN_TIME)
    found = fit_logarithmic_law(select_window(LN_TIME, values, ln_time_min=10.0), seed=0, resamples=50)
    assert found.edge > 0.3


@pytest.mark.parametrize(
    ("values", "start", "message"),
    [
        (np.ones((10, LN_TIME.size)), 39.0, "3 recorded times have ln t >= 39; at least 6"),
        (np.ones((3, LN_TIME.size)), 10.0, "3 samples give no errors"),
        (np.zeros((10, LN_TIME.size)), 10.0, "not positive and finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(values, start, message):
    with pytest.raises(UserError, match=message):
        select_window(LN_TIME, values, ln_time_min=start)


def coverage(disorders, studies, resamples):
    """How often 95% intervals hold the truth, for p free, and A and c at p = 4; and the mean of A over the truth."""
    held = {"exponent": 0, "amplitude": 0, "shift": 0}
    truth = {"exponent": 4.0, "amplitude": theory.MEAN_SQUARE, "shift": -2.0}
    amplitudes = []
    for seed in range(studies):
        window = select_window(LN_TIME, squares(seed, disorders), ln_time_min=10.0)
        free = fit_logarithmic_law(window, seed=seed, resamples=resamples)
        fixed = fit_logarithmic_law(window, seed=seed, exponent=4.0, resamples=resamples)
        amplitudes.append(fixed.amplitude / theory.MEAN_SQUARE)
        for name, value in truth.items():
            low, high = (free if name == "exponent" else fixed).interval(name, 0.95)
            held[name] += low <= value <= high
    rates = {name: count / studies for name, count in held.items()}
    print(f"\n{disorders} disorders, {studies} studies: coverage {rates}, mean amplitude {np.mean(amplitudes):.3f}")
    return rates, np.mean(amplitudes), np.std(amplitudes) / math.sqrt(studies)


@pytest.mark.validate
def test_coverage():
    studies = 150
    rates, amplitude, error = coverage(400, studies, 99)
    for rate in rates.values():  # measured 0.93 to 0.96 in many studies; 4 standard errors below 0.95
        assert rate > 0.95 - 4 * math.sqrt(0.05 * 0.95 / studies)
    assert amplitude == pytest.approx(1.0, abs=4 * error)  # weights from the sample covariance give 0.93


@pytest.mark.validate
@pytest.mark.parametrize("disorders", [100, 400, 6400])
def test_coverage_is_that_of_the_interval(disorders):
    studies = 300
    rates, amplitude, error = coverage(disorders, studies, 499)
    allowed = 0.05 + (0.03 if disorders < 400 else 0.015)  # percentile intervals of a heavy tail are a little short
    for rate in rates.values():
        assert rate > 1 - allowed - 3 * math.sqrt(0.05 * 0.95 / studies)
    assert amplitude == pytest.approx(1.0, abs=0.02 + 3 * error)
