"""The law of measured averages: claimed where it holds, refused in words where it does not."""

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.checks.stationary_window import StationaryWindow
from langevin_sgd.laws.law import Point
from langevin_sgd.laws.quadratic import own_law
from langevin_sgd.theory.self_consistent import Sgd


def study(learning_rates: list[float], *, sampling: str = "with_replacement", steps: int = 800) -> dict:
    network = {
        "kind": "network",
        "data": {"name": "iris"},
        "architecture": {"kind": "softmax"},
        "start": "minimum",
        "replicas": 16,
        "steps": steps,
        "probes": [{"kind": "averages", "directions": 8}],
    }
    return {
        "name": "averages",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.05, "sampling": sampling},
        "models": {"network": network},
        "checks": [{"kind": "equilibrium", "tolerance": 0.1, "bin_tolerance": 0.2}],
        "scan": {"sgd.learning_rate": learning_rates},
    }


@pytest.fixture(scope="module")
def scanned():
    return lsgd.simulate(study([0.1, 3.0]))


def test_where_it_holds_it_is_claimed_and_the_frozen_law_is_a_contrast(scanned):
    point = scanned["network"].to_dataset().isel({"learning_rate": 0})
    assert own_law(point) == "self_consistent"
    exact = dict(zip(point["law"].values.tolist(), point["law_is_exact"].values.tolist(), strict=True))
    assert exact["self_consistent"]
    assert not exact["discrete"]
    window = StationaryWindow.from_dataset(point)
    assert window.law == "self_consistent"
    total, error = window.summed_variance(window.noisy)
    assert abs(total / window.laws["self_consistent"].sum() - 1.0) < 0.03 + 4.0 * error / total
    assert "its own error" in window.notes["self_consistent"]


def test_it_follows_from_the_averages_that_the_run_keeps(scanned):
    point = scanned["network"].to_dataset().isel({"learning_rate": 0})
    parts = (point[f"averaged_{name}"].values for name in ("hessian", "noise", "rest"))
    expected = np.diagonal(Sgd(0.1, 8).covariance(*parts))
    change = point["skewness_variance"].fillna(0.0).values
    np.testing.assert_allclose(point["mode_variance_law"].sel(law="self_consistent"), expected + change, rtol=1e-10)


def test_where_it_does_not_hold_no_law_is_claimed_and_the_reason_is_told(scanned):
    point = scanned["network"].to_dataset().isel({"learning_rate": 1})
    assert own_law(point) == ""
    assert not point["law_is_exact"].values.any()
    reason = str(point["law_note"].sel(law="self_consistent").values)
    assert "the excess over the law at the minimum is" in reason or "there is no stationary state" in reason
    table = scanned["checks"].to_dataset()
    large = table["point"].str.contains("3")
    assert (table["role"].where(large, drop=True) == "contrast").all()


def test_the_energy_is_that_of_which_the_window_holds_samples():
    """Of modes in the quadratic approximation, or the energy above the minimum, anharmonic and with third cumulants."""
    told = study([0.5])
    del told["scan"]
    told["sgd"]["learning_rate"] = 0.5
    whole = lsgd.simulate(told)["network"].to_dataset()
    told["models"]["network"]["recording"] = {"window": "modes"}
    modes = lsgd.simulate(told)["network"].to_dataset()
    for point, name in ((whole, "stationary_energy"), (modes, "mode_energy")):
        of_replicas = point[name].mean("sample").values
        predicted = float(point["energy_law_weight"].sel(law="self_consistent").sum())
        stderr = of_replicas.std(ddof=1) / np.sqrt(of_replicas.size)
        assert abs(of_replicas.mean() - predicted) < 4.0 * stderr + 0.01 * predicted
    k, mean = modes["hessian_eigenvalue"].values, modes["averaged_mean"].values
    variance = modes["mode_variance_law"].sel(law="self_consistent").values
    expected = float(k @ (variance + mean**2)) / 2.0
    assert float(modes["energy_law_weight"].sel(law="self_consistent").sum()) == pytest.approx(expected, rel=1e-12)


def test_what_a_law_finds_of_a_point_is_worked_out_once_and_kept_apart_by_point():
    found = []

    def find(point: Point) -> int:
        found.append(point)
        return len(found)

    first, second = Point(xr.Dataset(), None), Point(xr.Dataset(), None)
    assert [first.once(find), first.once(find), second.once(find), first.once(find)] == [1, 1, 2, 1]
