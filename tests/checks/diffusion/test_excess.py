"""The exponent of an excess in the temperature: its interval against draws, and where an excess is lost."""

import math

import numpy as np
import pytest

from langevin_sgd.checks.diffusion.excess import Excess, temperature_exponent

DEVIATE = 1.959964


def test_the_interval_holds_the_exponent_in_95_percent_of_draws():
    """4,000 draws of excesses of 4 and 2 with errors of 1: within 3 standard errors, 0.0034 each."""
    rng = np.random.default_rng(5)
    true = math.log(4.0 / 2.0) / math.log(1.0 / 4.0)
    held = 0
    for cold, hot in rng.normal([4.0, 2.0], 1.0, size=(4000, 2)):
        found = temperature_exponent(Excess(cold, 1.0, 1.0), Excess(hot, 1.0, 4.0), deviate=DEVIATE)
        held += found.low <= true <= found.high
    assert abs(held / 4000 - 0.95) < 3 * 0.0034


def test_small_errors_give_the_interval_of_logarithms_in_either_order():
    one, other = Excess(19.0, 0.19, 4.0), Excess(38.0, 0.38, 1.0)
    found = temperature_exponent(one, other, deviate=2.0)
    assert found == temperature_exponent(other, one, deviate=2.0)
    error = math.hypot(0.01, 0.01) / math.log(4.0)
    assert found == pytest.approx((-0.5, -0.5 - 2 * error, -0.5 + 2 * error), rel=1e-3)


@pytest.mark.parametrize(
    ("cold", "hot", "low", "high"),
    [
        ((20.0, 1.0), (-0.2, 0.3), -math.inf, -math.log((20.0**2 - 4.0) ** 0.5 / 0.6) / math.log(4.0)),
        ((-0.1, 0.05), (20.0, 1.0), math.log((20.0**2 - 4.0) ** 0.5 / 0.1) / math.log(4.0), math.inf),
        ((0.1, 1.0), (0.2, 1.0), -math.inf, math.inf),
        ((20.0, 1.0), (5.0, math.nan), -math.inf, math.inf),
    ],
    ids=["lost_where_it_is_hot", "lost_where_it_is_cold", "nowhere", "without_an_error"],
)
def test_an_excess_that_may_be_nothing_leaves_the_exponent_open(cold, hot, low, high):
    """Downwards where the hotter is lost, so that it does not fall with T; upwards where the colder is."""
    found = temperature_exponent(Excess(*cold, 1.0), Excess(*hot, 4.0), deviate=2.0)
    assert (found.low, found.high) == pytest.approx((low, high))
