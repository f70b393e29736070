"""Times, currents and corrections of the basins model in units of its own time, whatever the scheme and the noise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.laws import Point
from langevin_sgd.laws.evaluate import evaluated, known
from langevin_sgd.models import lineage
from langevin_sgd.models.basins import prepared as basins
from langevin_sgd.models.basins.answers import Answers
from langevin_sgd.models.basins.observables import DECLARES
from langevin_sgd.models.langevin import run as langevin
from langevin_sgd.study.loading import parse

QUARTIC = {"kind": "quartic"}
TURNING = {
    "kind": "expression",
    "energy": "(x**2 - 1)**2/4 + y**2/2",
    "variables": ["x", "y"],
    "parameters": {"turn": 0.5},
    "force": ["-turn*y", "turn*x"],
}
SKEW = {"kind": "expression", "energy": "(x**2 - 1)**2/4 + y**2/2 + 0.4*x*y", "variables": ["x", "y"]}


def study(potential: dict[str, Any], *, momentum: float = 0.0, **model: Any) -> dict[str, Any]:
    given = {"kind": "basins", "potential": potential, "steps": 20, "replicas": 8, "samples": 10, **model}
    sgd = {"learning_rate": 0.02, "batch_size": 1, "momentum": momentum}
    return {"name": "t", "seed": 5, "sgd": sgd, "models": {"m": given}}


def by_law(answers: Answers) -> dict[str, Any]:
    """What all laws say of a process by the names of their variables, {law: value} what goes by law."""
    found = evaluated(
        Point(xr.Dataset(), SimpleNamespace(process=lambda point: answers, declares=lambda: DECLARES)), known()
    )
    return {
        str(name): dict(zip(found["law"].values.tolist(), value.values, strict=True)) if "law" in value.dims else value
        for name, value in found.data_vars.items()
    }


def simulated(potential: dict[str, Any], **model: Any) -> xr.Dataset:
    return lsgd.simulate(study(potential, **model))["m"].dataset


def foretold(potential: dict[str, Any], **model: Any) -> dict[str, Any]:
    """What the run of such a study would say of its laws, {law: value} what goes by law; nobody walks."""
    config = parse(study(potential, **model))
    point = (config.models["m"], lineage.sgd(config, "m"))
    one = basins.prepare(*point, langevin.scheme_of([point]))
    cores = one.observer.cores
    return by_law(Answers(one.process, one.observer.edges, None if cores is None else cores.energies))


def test_overdamped_times_are_not_those_of_a_walker_with_inertia() -> None:
    """baoab at friction 0.2 escapes in 62.5 where the overdamped equation takes 15.3."""
    inert = {"temperature": 0.8, "time_step": 0.02, "scheme": "baoab", "friction": 0.2}
    escape = foretold(QUARTIC, escape={"from": "left", "to": "right"}, **inert)
    assert not any(escape["law_is_exact"].values())
    assert np.isnan(list(escape["escape_time_law"].values())).all()
    stay = foretold(QUARTIC, **inert)
    assert stay["law_is_exact"]["fokker_planck"]  # of positions it has the same law
    assert np.isnan(stay["relaxation_time"])
    assert "hopping_rate_predicted" in foretold(QUARTIC, temperature=0.8, time_step=0.02)
    assert "hopping_rate_predicted" not in stay


def test_with_a_current_inertia_changes_the_density_too() -> None:
    """L1 distance 0.57 from the overdamped density at friction 0.5."""
    found = foretold(TURNING, temperature=1.0, time_step=0.02, scheme="baoab", friction=0.5, cells=20)
    assert not any(found["law_is_exact"].values())


@pytest.mark.validate
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
    plain, quick = (
        {name: value["fokker_planck"] for name, value in foretold(TURNING, cells=20, **how).items() if "_law" in name}
        for how in ({"temperature": 1.0}, {"temperature": 0.2, "momentum": 0.8})
    )
    np.testing.assert_allclose(quick["density_law"], plain["density_law"], rtol=1e-6, atol=1e-9)
    assert float(quick["circulation_law"]) == pytest.approx(5 * float(plain["circulation_law"]), rel=1e-6)
    np.testing.assert_allclose(quick["current_law"], 5 * plain["current_law"], rtol=1e-6, atol=1e-9)


def test_correction_of_a_finite_step_needs_a_fourth_moment_of_three() -> None:
    """On the tilted double well at eta = 0.04: the chain moves by -0.0054 (Gaussian) and +0.0278 (two-point)."""
    by = {
        increments: foretold(QUARTIC, temperature=0.8, increments=increments)["mean_occupancy_law"]["finite_step"]
        for increments in ("gaussian", "three_point", "two_point")
    }
    assert np.isfinite(by["gaussian"]).all()
    assert np.isfinite(by["three_point"]).all()
    assert np.isnan(by["two_point"]).all()
