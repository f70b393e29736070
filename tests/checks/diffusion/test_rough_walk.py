"""A network against the walker that it would be in a random potential as measured: planted walkers, and descent."""

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.diffusion.rough_walk import rough_walk_rows
from langevin_sgd.checks.verdicts.statistics import Verdict

TOLD = {"model": "network", "window": 3.0, "tolerance": 0.1, "confidence": 0.95, "seed": 1}


def network(exponent: float, *, scale: float = 1.0, **measured: float) -> xr.Dataset:
    """|w - w_0|^2 = (ln t)^exponent of 64 replicas, scattered by 3%, and so the spread, times `scale`."""
    time = np.geomspace(1.0, 1e6, 60)
    law = np.log(np.maximum(time, 1.01)) ** exponent
    scatter = 1.0 + 0.03 * np.random.default_rng(3).normal(size=(64, 1))
    numbers = {
        "trajectory_alpha": 4.0 / 3.0, "trajectory_alpha_stderr": 0.01, "trajectory_amplitude": 1.0,
        "trajectory_thermal_energy": 1.0, "trajectory_dimension": 1, **measured,
    }  # fmt: skip
    arrays = {
        "squared_displacement": (("replica", "time"), law * scatter),
        "spread": ("time", scale * law),
        "spread_stderr": ("time", 0.02 * scale * law),
    }
    return xr.Dataset({**arrays, **numbers}, coords={"time": time, "effective_time": ("time", time)})


@pytest.mark.parametrize(
    ("exponent", "scale", "verdicts"),
    [
        (3.0, 1.0, (Verdict.AGREES, Verdict.AGREES)),
        (2.0, 1.0, (Verdict.DISAGREES, Verdict.DISAGREES)),
        (3.0, 300.0, (Verdict.AGREES, Verdict.DISAGREES)),
    ],
)
def test_a_walker_of_the_measured_alpha_is_known_and_others_are_not(exponent, scale, verdicts):
    rows = rough_walk_rows(network(exponent, scale=scale), **TOLD)
    assert [row.quantity for row in rows] == ["rough_exponent", "rough_spread"]
    assert {row.role for row in rows} == {"contrast"}
    assert tuple(row.verdict for row in rows) == verdicts
    assert rows[0].predicted == pytest.approx(3.0)
    assert rows[1].predicted == pytest.approx(np.log(1e6) ** 3)
    assert "a path without noise has one too" in rows[0].reason


def test_the_thermal_energy_and_the_amplitude_set_the_scale():
    (_, one) = rough_walk_rows(network(3.0), **TOLD)
    (_, two) = rough_walk_rows(network(3.0, trajectory_thermal_energy=2.0, trajectory_amplitude=9.0), **TOLD)
    assert two.predicted / one.predicted == pytest.approx((2.0**2 / 9.0) ** 1.5)


def test_nothing_is_said_where_there_is_no_such_potential_and_no_window_is_told():
    assert not rough_walk_rows(network(3.0, trajectory_alpha=2.1), **TOLD)
    assert not rough_walk_rows(network(3.0).drop_vars("trajectory_thermal_energy"), **TOLD)
    (exponent, _) = rough_walk_rows(network(3.0), **{**TOLD, "window": 13.7})
    assert exponent.verdict is Verdict.INCONCLUSIVE


def test_a_window_in_which_a_shift_passes_for_an_exponent_is_told():
    """ln t from 8 to 13.8: the fit has an exponent, and no verdict."""
    (exponent, _) = rough_walk_rows(network(3.0), **{**TOLD, "window": 8.0})
    assert exponent.verdict is Verdict.INCONCLUSIVE
    assert "window too short" in exponent.reason
    assert np.isfinite(exponent.measured)


@pytest.mark.parametrize(
    ("scale", "verdict", "lines"),
    [
        (1.0, Verdict.AGREES, 1),
        (0.01, Verdict.DISAGREES, 1),
        (30.0, Verdict.INCONCLUSIVE, 1),
        (1.2e3, Verdict.AGREES, 1000),
        (3e4, Verdict.DISAGREES, 1000),
    ],
)
def test_the_spread_is_that_of_one_rough_line_or_of_as_many_as_there_are_weights(scale, verdict, lines):
    """100 weights: independent potentials in each of them come 100^(2/alpha) = 1,000 times as far as one."""
    (_, row) = rough_walk_rows(network(3.0, scale=scale, trajectory_dimension=100), **TOLD)
    assert row.verdict is verdict
    assert row.predicted == pytest.approx(lines * np.log(1e6) ** 3)
    assert ("how many are rough" in row.reason) == (verdict is Verdict.INCONCLUSIVE)
