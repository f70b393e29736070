"""Times, currents and corrections of the basins model in units of its own time, whatever the scheme and the noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd

QUARTIC = {"kind": "quartic"}
TURNING = {
    "kind": "expression",
    "energy": "(x**2 - 1)**2/4 + y**2/2",
    "variables": ["x", "y"],
    "parameters": {"turn": 0.5},
    "force": ["-turn*y", "turn*x"],
}
SKEW = {"kind": "expression", "energy": "(x**2 - 1)**2/4 + y**2/2 + 0.4*x*y", "variables": ["x", "y"]}


def simulated(potential: dict[str, Any], *, momentum: float = 0.0, **model: Any) -> xr.Dataset:
    given = {"kind": "basins", "potential": potential, "steps": 20, "replicas": 8, "samples": 10, **model}
    sgd = {"learning_rate": 0.02, "batch_size": 1, "momentum": momentum}
    return lsgd.simulate({"name": "t", "seed": 5, "sgd": sgd, "models": {"m": given}})["m"].dataset


def test_overdamped_times_are_not_those_of_a_walker_with_inertia() -> None:
    """baoab at friction 0.2 escapes in 62.5 where the overdamped equation takes 15.3."""
    inert = {"temperature": 0.8, "time_step": 0.02, "scheme": "baoab", "friction": 0.2}
    escape = simulated(QUARTIC, escape={"from": "left", "to": "right"}, **inert)
    assert not escape.law_is_exact.any()
    assert np.isnan(escape.escape_time_law).all()
    stay = simulated(QUARTIC, **inert)
    assert bool(stay.law_is_exact.sel(law="fokker_planck"))  # of positions it has the same law
    assert np.isnan(stay.relaxation_time)
    assert "hopping_rate_predicted" not in stay


def test_with_a_current_inertia_changes_the_density_too() -> None:
    """L1 distance 0.57 from the overdamped density at friction 0.5."""
    ds = simulated(TURNING, temperature=1.0, time_step=0.02, scheme="baoab", friction=0.5, cells=20)
    assert not ds.law_is_exact.any()


def test_circulation_of_stratonovich_noise() -> None:
    """By its Ito drift, -0.020; without the drift of the noise it would be +0.055. Within 4.5 standard errors."""
    noise = {"kind": "formula", "variances": ["30*(1 + (x + y)**2)", "50"], "interpretation": "stratonovich"}
    box = {"box": [[-5, 5], [-5, 5]], "basins": {"left": "x < 0", "right": "x >= 0"}}
    ds = simulated(
        SKEW, noise=noise, time_step=0.005, steps=3000, burn_in=1000, replicas=3000, samples=50, cells=12, **box
    )
    law = float(ds.circulation_law.sel(law="fokker_planck"))
    assert abs(float(ds.circulation) - law) < 4.5 * float(ds.circulation_stderr)
    assert float(ds.circulation_stderr) < 0.25 * 0.075


def test_momentum_divides_the_time_of_currents() -> None:
    """At T (1 - mu) the density is that at T without momentum, and everything runs 1/(1 - mu) times as fast."""
    plain = simulated(TURNING, temperature=1.0, cells=20).sel(law="fokker_planck")
    quick = simulated(TURNING, temperature=0.2, momentum=0.8, cells=20).sel(law="fokker_planck")
    np.testing.assert_allclose(quick.density_law, plain.density_law, rtol=1e-6, atol=1e-9)
    assert float(quick.circulation_law) == pytest.approx(5 * float(plain.circulation_law), rel=1e-6)
    np.testing.assert_allclose(quick.current_law, 5 * plain.current_law, rtol=1e-6, atol=1e-9)


def test_correction_of_a_finite_step_needs_a_fourth_moment_of_three() -> None:
    """On the tilted double well at eta = 0.04: the chain moves by -0.0054 (Gaussian) and +0.0278 (two-point)."""
    by = {
        increments: simulated(QUARTIC, temperature=0.8, increments=increments).mean_occupancy_law.sel(law="finite_step")
        for increments in ("gaussian", "three_point", "two_point")
    }
    assert np.isfinite(by["gaussian"]).all()
    assert np.isfinite(by["three_point"]).all()
    assert np.isnan(by["two_point"]).all()
