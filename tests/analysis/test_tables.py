"""The scripts analysis/03 to 05, on a few disorders: what they print is what they claim."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.estimators.renewal_model import renewal_positions
from langevin_sgd.theory import logarithmic_diffusion as theory

FOLDER = Path(__file__).parents[2] / "analysis"


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def aging():
    return script("03_aging_corrections")


@pytest.mark.validate
def test_at_short_distances_no_walker_has_moved_and_the_rest_is_the_law(aging, monkeypatch) -> None:
    monkeypatch.setattr(aging, "FREE_GAMMA", 12.0)
    for row in aging.finite_distance(1500, 2):
        value, error = row["unmoved_less_law"]
        assert abs(value) < 4.0 * error + 0.02  # the lattice leaves a hundredth at Gamma = 12
        within = [share for share, _ in row["moved_within"].values()]
        assert within[1] == 0.0 < within[-1] < 0.05
        assert within == sorted(within)


def test_the_residual_is_the_sum_of_its_parts_and_the_thermal_part_falls(aging, monkeypatch) -> None:
    monkeypatch.setattr(aging, "HALF_WIDTH", 1200)
    monkeypatch.setattr(aging, "WAITS", np.array([7.0, 14.0]))
    monkeypatch.setattr(aging, "WINDOW", 5.0)
    rows = aging.table(aging.walks(160, 3))
    assert len(rows) == 2 * 3 * len(aging.DISTANCES)
    for row in rows:
        assert row["residual"][0] == pytest.approx(row["flooding"][0] + row["thermal"][0], abs=1e-12)
    thermal = {(row["ln_waiting_time"], row["ratio"], row["distance"]): row["thermal"] for row in rows}
    (early, error), (late, other) = thermal[7.0, 1.25, 0.1], thermal[14.0, 1.25, 0.1]
    assert early < late < 0.0
    assert late - early > 2.0 * np.hypot(error, other)


def test_amplitude_of_alpha_one_is_golosovs_and_scales_with_theta(monkeypatch) -> None:
    amplitudes = script("04_amplitudes")
    value, error = amplitudes.flooded(amplitudes.Setting(1.0, 2000, 2000, 5.0, 18.0), 1.0)["amplitude"]
    assert abs(value / theory.MEAN_SQUARE - 1.0) < 0.03 + 3.0 * error / theory.MEAN_SQUARE
    assert error < 0.1 * theory.MEAN_SQUARE
    ln_time = np.linspace(1.0, 40.0, 60)
    x = renewal_positions(np.arange(2000), ln_time, seed=1, thermal_energy=0.5, amplitude=2.0, shift=0.5)
    model = xr.Dataset(
        {
            "squared_displacement": (("disorder", "time"), x**2),
            "ln_time": ("time", ln_time),
            "alpha": 1.0,
            "amplitude": 2.0,
            "thermal_energy": 0.5,
        },
        attrs={"kind": "random_potential"},
    )
    monkeypatch.setattr(amplitudes.lsgd, "open_run", lambda run: xr.DataTree.from_dict({"walk": model}))
    value, error = amplitudes.measured("a run")[1.0]
    # 16 times as much if T stood for theta, 4 if A were forgotten
    assert abs(value - theory.MEAN_SQUARE) < 4.0 * error < 0.5 * theory.MEAN_SQUARE


def test_agreement_with_flooding_rises_and_that_with_the_wrong_gamma_is_lower(monkeypatch) -> None:
    flooding = script("05_flooding")
    monkeypatch.setattr(flooding, "HALF_WIDTH", 1500)
    monkeypatch.setattr(flooding, "LN_TIMES", np.array([6.0, 24.0]))
    early, late = flooding.agreement(160, 3, 0.5)
    assert late["drawn"][0] > early["drawn"][0] + 2.0 * np.hypot(late["drawn"][1], early["drawn"][1])
    assert late["wrong_gamma"][0] < late["drawn"][0] - 5.0 * late["drawn"][1]
