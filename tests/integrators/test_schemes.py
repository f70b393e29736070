"""What schemes declare is complete, and what weak increments do to escapes is seen in a run.

The orders themselves are tested in test_strong_order.py and test_weak_order.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.schemes import SCHEMES, scheme
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise

QUARTIC = Expression("x**4/4", "x")


def stationary_square(name, h, *, trajectories, samples, every):
    """<x^2> of a compiled run on the quartic at T = 1, and its standard error."""
    burn = int(20 / h)
    record = Record(steps=range(burn, burn + samples * every, every), formulas={"square": "x**2"}, means=("square",))
    data = integrate(
        QUARTIC, IsotropicNoise(1.0), scheme=name, time_step=h, steps=burn + samples * every, start=[0.5], seed=11,
        trajectories=trajectories, record=record,
    ).data  # fmt: skip
    return data.square_mean.mean().item(), data.square_mean.std(ddof=1).item() / np.sqrt(samples)


@pytest.mark.validate
def test_second_order_sampling_is_closer_than_first_order():
    """At a step of 0.2 the first-order bias is more than twice the second-order one, by 5 standard errors."""
    x = np.linspace(-5, 5, 20001)
    p = np.exp(-(x**4) / 2)
    exact = (x**2 * p).sum() / p.sum()
    (first, e1), (second, e2) = (
        stationary_square(name, 0.2, trajectories=20_000, samples=40, every=15)
        for name in ("euler_maruyama", "leimkuhler_matthews")
    )
    assert abs(first - exact) > 2 * abs(second - exact) + 5 * np.hypot(e1, e2)


@pytest.mark.validate
def test_escape_times_by_kind_of_increment():
    """Mean first passage on (x^2 - 1)^2, barrier/theta 4, step 0.01: three-point within 2%, two-point off."""
    n, h, temperature = 40_000, 0.01, 0.5
    means = {}
    for kind in ("gaussian", "three_point", "two_point"):
        run = integrate(
            Expression("(x**2 - 1)**2", "x"), IsotropicNoise(temperature), time_step=h, steps=100_000, trajectories=n,
            seed=3, start=[-1.0], increments=kind, record=Record(first_passage="x > 0.9"), force=True,
        )  # fmt: skip
        times = run.data.escape_time.values
        assert np.isfinite(times).mean() > 0.999
        means[kind] = np.nanmean(times)
    assert means["three_point"] == pytest.approx(means["gaussian"], rel=0.02)
    assert means["two_point"] > 1.04 * means["gaussian"]


def test_declarations_are_complete():
    for name, declared in SCHEMES.items():
        assert declared.name == name
        assert declared.source
        assert "gaussian" in declared.increments
        assert declared.state[0] == "position"
        if declared.sampling_order["additive"] > 1:
            assert "two_point" not in declared.increments
    with pytest.raises(UserError, match="no scheme 'qqq'; there are: euler_maruyama, "):
        scheme("qqq")
