"""The diffusion check where the power law ends: displaced probability, ranges, bounded barriers, waves and grids."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.diffusion.point import diffusion
from langevin_sgd.checks.verdicts.statistics import Verdict

AGREES, DISAGREES, INCONCLUSIVE = Verdict.AGREES, Verdict.DISAGREES, Verdict.INCONCLUSIVE


def walk(mean, *, last=30.0, first=0.0, disorders=400, scatter=0.5, seed=0, **variables):
    """<x^2> = mean(ln t) up to a factor for each disorder and noise of 2% for each time."""
    rng = np.random.default_rng(seed)
    ln_time = np.linspace(first, last, 121)
    factor = np.exp(scatter * rng.normal(size=(disorders, 1)) - scatter**2 / 2)
    squares = mean(ln_time) * factor * np.exp(0.02 * rng.normal(size=(disorders, ln_time.size)))
    attrs = {name: variables.pop(name) for name in ("landscape", "dimension") if name in variables}
    data = {"squared_displacement": (("disorder", "time"), squares)}
    data |= {name: value if isinstance(value, tuple) else ((), value) for name, value in variables.items()}
    return xr.Dataset(data, coords={"time": np.exp(ln_time)}, attrs=attrs)


def rows(dataset, *, window=8.0, alpha=1.0, **claim):
    found = diffusion(dataset, model="walk", alpha=alpha, window=window, seed=0, resamples=199, **claim)
    return {row.quantity: row for row in found}


def logarithmic(ln_time):
    return np.maximum(ln_time - 2.0, 0.05) ** 4 + 1e-3


def test_displaced_probability_spoils_every_verdict():
    good = rows(walk(logarithmic, displaced_probability=("disorder", np.r_[np.zeros(399), 3.9e-3])))
    assert good["exponent"].verdict is AGREES
    bad = rows(walk(logarithmic, displaced_probability=("disorder", np.full(400, 1.1e-5))))
    assert {row.verdict for row in bad.values()} == {INCONCLUSIVE}
    assert bad["exponent"].reason.startswith("time steps too long: they displaced a probability of 1.1e-05 on average")
    assert bad["exponent"].measured == good["exponent"].measured


def test_the_window_ends_where_the_walk_leaves_the_range_of_the_power_law():
    def bounded(ln_time):  # as it should until ln t = 20, then much faster
        return logarithmic(np.minimum(ln_time, 20.0)) * np.exp(0.5 * np.maximum(ln_time - 20.0, 0.0))

    edge = math.sqrt(18.0**4)
    assert rows(walk(bounded))["exponent"].verdict is DISAGREES
    within = rows(walk(bounded, valid_range=("bound", [0.0, edge])))
    assert within["exponent"].verdict is AGREES
    assert within["held_out_likelihood"].verdict is AGREES
    short = rows(walk(bounded, valid_range=("bound", [0.0, edge])), window=12.0)
    assert short["exponent"].verdict is INCONCLUSIVE
    assert f"power law at 0 to {edge:.3g}, that is from ln t = 0 to 20" in short["exponent"].reason


def test_no_law_is_claimed_for_a_walk_that_left_the_range_before_the_window():
    early = rows(walk(logarithmic, valid_range=("bound", [0.0, 5.0])))["exponent"]
    assert (early.role, early.verdict) == ("contrast", INCONCLUSIVE)
    assert "power law at 0 to 5" in early.reason


def bounded_barriers(mean, **more):
    return walk(mean, last=20.0, correlation_length=2.0, valid_range=("bound", [0.0, 0.1]), scatter=0.1, **more)


def diffusive(ln_time):
    return 2.0 * 0.05 * np.exp(ln_time) + 3.0


@pytest.mark.parametrize(
    ("predicted", "verdict"), [(0.05, AGREES), (0.05 / 0.85, DISAGREES), (0.05 / 0.92, INCONCLUSIVE)]
)
def test_ordinary_diffusion_after_bounded_barriers(predicted, verdict):
    found = rows(bounded_barriers(diffusive, effective_diffusion_predicted=predicted))
    row = found["effective_diffusion"]
    assert (row.role, row.verdict) == ("law", verdict)
    assert row.measured == pytest.approx(0.05, rel=0.02)
    late = found["late_held_out_likelihood"]
    assert (late.role, late.verdict) == ("contrast", DISAGREES)  # the logarithmic law fails there
    assert "worse than ordinary diffusion" in late.reason


def test_ordinary_diffusion_is_not_claimed_before_it_is_reached():
    slow = rows(bounded_barriers(lambda ln_time: np.exp(0.6 * ln_time), effective_diffusion_predicted=0.05))
    row = slow["effective_diffusion"]
    assert (row.role, row.verdict) == ("contrast", INCONCLUSIVE)
    assert "grows as t^0.6 over the last 2 of ln t" in row.reason


def test_waves_bring_the_local_exponent_and_no_logarithmic_law():
    slow = walk(lambda ln_time: np.exp(0.7 * ln_time), first=-4.0, last=4.0, landscape="fourier", dimension=50)
    found = rows(slow.assign(valid_range=("bound", [0.5, 2.0])))
    assert set(found) == {"local_exponent"}
    row = found["local_exponent"]
    assert (row.role, row.verdict, row.predicted) == ("contrast", DISAGREES, 1.0)
    assert row.measured == pytest.approx(0.7, abs=0.02)
    assert math.isclose(2 * math.log(2.0) / 0.7, 1.98, abs_tol=0.01)
    assert "from ln t = -1.93 to 2; valid to ln t = 2 only" in row.reason
    assert row.reason.count("local exponent") == 1
    nowhere = rows(slow.assign(valid_range=("bound", [100.0, 200.0])))["local_exponent"]
    assert nowhere.verdict is INCONCLUSIVE
    assert nowhere.reason.startswith("window too short: 0 recorded times count; sqrt<x^2> goes from")
    assert "power law at 100 to 200" in nowhere.reason


def test_waves_are_judged_until_one_in_a_hundred_is_censored():
    slow = walk(lambda ln_time: np.exp(ln_time - 0.05 * ln_time**2), first=-4.0, last=4.0, landscape="fourier")
    censored = np.zeros(slow.squared_displacement.shape, dtype=bool)
    censored[:5, 90:] = True  # of 400, from ln t = 2
    row = rows(slow.assign(censored=(("disorder", "time"), censored)))["local_exponent"]
    assert row.measured == pytest.approx(1.0 - 0.1 * 1.5, abs=0.02)  # over ln t = 1 to 2
    assert "valid to ln t = 1.93 only; 1.25% of the disorders are censored by the end" in row.reason


def test_a_grid_has_no_law_of_positions_and_its_local_exponent_has_no_shift():
    plane = walk(logarithmic, dimension=2, landscape="grid", position_draw=(("disorder", "draw"), np.ones((400, 1))))
    found = rows(plane, amplitude=1.0, thermal_energy=1.0)
    assert set(found) == {"exponent", "held_out_likelihood", "local_exponent"}
    assert found["exponent"].verdict is AGREES
    row = found["local_exponent"]
    assert (row.role, row.law) == ("contrast", "logarithmic law, no shift")
    assert row.measured == pytest.approx(4 * 24.5 / 22.5, rel=0.05)  # 4 ln t/(ln t - 2)
