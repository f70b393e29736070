"""The random-potential model as a study runs it: from config to verdicts, resumed, scanned, by two methods."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.config import ConfigError, parse
from langevin_sgd.integrators.master_equation import evolve
from langevin_sgd.landscapes.line import Line
from langevin_sgd.models import run_model
from langevin_sgd.plots import figures
from langevin_sgd.progress import NullProgress


def study(**model: object) -> dict:
    given = {
        "kind": "random_potential", "alpha": 1.0, "disorders": 96, "half_width": 300, "ln_time": [0.0, 10.0],
        "record_times": 11, **model,
    }  # fmt: skip
    return {"name": "t", "seed": 2, "models": {"walk": given}}


def test_the_model_is_the_landscape_through_the_method() -> None:
    ds = lsgd.simulate(study(amplitude=0.7, thermal_energy=1.3, disorders=20, draws=3))["walk"].dataset
    assert ds.squared_displacement.dims == ("disorder", "time")
    line = Line(1.0, half_width=300, amplitude=0.7)
    potential = line.potential(2, np.arange(20))
    direct = evolve(
        potential, times=np.exp(np.linspace(0, 10, 11)), thermal_energy=1.3, steps_per_e_fold=8, draws=3, seed=2
    )
    np.testing.assert_array_equal(ds.squared_displacement, direct.mean_squared_displacement)
    np.testing.assert_array_equal(ds.position_draw, direct.positions[:, :, -1] - 300)
    np.testing.assert_allclose(np.log(ds.time), ds.ln_time, atol=1e-12)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_early_motion_is_free_diffusion_and_grows(alpha: float) -> None:
    """At t = 0.01 h^2/theta the walker knows of no barrier: <x^2> = 2 theta t within 4% for A h^alpha << theta^2."""
    ds = lsgd.simulate(study(alpha=alpha, amplitude=0.01, ln_time=[-4.6, 8.0]))["walk"].dataset
    first = float(ds.squared_displacement.isel(time=0).mean())
    assert first == pytest.approx(2 * float(ds.time[0]), rel=0.04)
    assert (np.diff(ds.squared_displacement.mean("disorder")) > 0).all()


def test_flooding_stands_where_the_probability_is() -> None:
    """At theta ln t = 20 most drawn walkers are within 10% of the mean distance from the bottom that flooding names."""
    master = lsgd.simulate(study(half_width=2000, ln_time=[0.0, 20.0], draws=1))["walk"].dataset
    flood = lsgd.simulate(study(half_width=2000, ln_time=[0.0, 20.0], method="flooding"))["walk"].dataset
    apart = np.abs(master.position_draw[:, 0] - flood.position_draw[:, 0]).values
    assert np.mean(apart < 0.1 * np.abs(flood.position_draw).mean().item()) > 0.5


def test_flooding_before_its_water_rises_is_refused_before_it_runs() -> None:
    assert parse(study(ln_time=[-1.0, 5.0])).models["walk"].ln_time[0] == -1.0
    with pytest.raises(ConfigError, match=r"ln_time.0: must be >= 0 with flooding.*got -1"):
        parse(study(ln_time=[-1.0, 5.0], method="flooding"))


@pytest.mark.parametrize("scanned", [False, True])
def test_an_interrupted_run_goes_on_with_the_same_bits(
    scanned: bool, monkeypatch: pytest.MonkeyPatch, stop_after_save: Callable[[int], Any]
) -> None:
    config = study(aging={"ln_waiting_times": [3.0, 5.0], "ratios": [1.5, 2.0]})
    if scanned:
        config["scan"] = {"models.walk.thermal_energy": [0.5, 1.0]}

    def run(checkpoint: Any) -> xr.Dataset:
        progress = NullProgress()
        return run_model(parse(config), "walk", sources={}, device="cpu", progress=progress, checkpoint=checkpoint)

    whole = run(stop_after_save(10**9))
    monkeypatch.setattr("langevin_sgd.models.random_potential._CHUNK_BYTES", 1)  # 32 disorders at a time
    checkpoint = stop_after_save(2)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint)
    checkpoint.left = 10**9
    xr.testing.assert_identical(run(checkpoint), whole)


def test_aging_falls_with_the_ratio_and_is_the_fraction_within_the_distance() -> None:
    ds = lsgd.simulate(study(aging={"ln_waiting_times": [4.0, 6.0], "ratios": [1.5, 2.0], "distance": 0.2}))["walk"]
    within = np.abs(ds.two_time_displacement) < 0.2 * ds.ln_waiting_time**2
    np.testing.assert_allclose(ds.return_probability, within.mean("disorder"))
    assert (ds.return_probability.diff("ratio") <= 0).all()


def test_a_study_of_random_potentials_needs_no_sgd_and_is_checked_and_drawn(tmp_path) -> None:
    config = study(aging={"ln_waiting_times": [4.0], "ratios": [2.0]}, ln_time=[0.0, 16.0], half_width=600)
    config["checks"] = [{"kind": "diffusion", "window": 6.0}]
    tree = lsgd.simulate(config, output=tmp_path / "run")
    table = tree["checks"].dataset
    assert "exponent" in table.quantity.values
    assert set(table.verdict.values) == {"inconclusive"}  # 96 disorders tell nothing
    assert set(figures(tree)) == {"logarithmic_diffusion", "position_distribution", "aging"}
    assert (tmp_path / "run" / "report.html").exists()


def test_scanned_over_alpha() -> None:
    config = {**study(), "scan": {"models.walk.alpha": [0.5, 1.0, 1.5]}}
    ds = lsgd.simulate(config)["walk"].dataset
    assert ds.squared_displacement.dims == ("alpha", "disorder", "time")
    alone = lsgd.simulate(study())["walk"].dataset
    np.testing.assert_array_equal(ds.squared_displacement.sel(alpha=1.0), alone.squared_displacement)
