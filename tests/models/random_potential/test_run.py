"""The random-potential model as a study runs it: from config to verdicts, resumed, scanned, by two methods."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from made_up_launch import launched

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.integrators.flooding import flood
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.master_equation import evolve
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.fourier import Fourier
from langevin_sgd.landscapes.grid import Grid
from langevin_sgd.landscapes.line import Line, refined
from langevin_sgd.noise import IsotropicNoise
from langevin_sgd.progress import NullProgress
from langevin_sgd.reporting.plots.drawn import figures
from langevin_sgd.study.loading import parse
from langevin_sgd.theory.effective_diffusion import gaussian_line


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


def test_cells_are_those_of_the_lattice_in_the_same_potential() -> None:
    """Four to a spacing: displacements, draws, the ends, two times and the measured law in the units of one."""
    given = {"disorders": 20, "half_width": 80, "spacing": 0.5, "amplitude": 0.7, "thermal_energy": 1.3, "draws": 3}
    aged = {"ln_time": [0.0, 5.0], "aging": {"ln_waiting_times": [2.0], "ratios": [1.5]}}
    ds, coarse = (lsgd.simulate(study(**given, **aged, cells=cells))["walk"].dataset for cells in (4, 1))
    potential = Line(1.0, half_width=80, amplitude=0.7, spacing=0.5).potential(2, np.arange(20))
    direct = evolve(
        refined(potential, 4), spacing=0.125, times=np.exp(np.linspace(0, 5, 11)), thermal_energy=1.3, seed=2,
        steps_per_e_fold=8, draws=3, boundary_sites=4,
    )  # fmt: skip
    np.testing.assert_array_equal(ds.squared_displacement, direct.mean_squared_displacement)
    np.testing.assert_array_equal(ds.position_draw, 0.125 * (direct.positions[:, :, -1] - 320))
    np.testing.assert_array_equal(ds.censored, direct.boundary_probability > 1e-3)
    np.testing.assert_array_equal(ds.structure_function, coarse.structure_function)
    assert (ds.position_draw.values % 0.5 != 0).any()
    assert (ds.two_time_squared_displacement.values**0.5 % 0.5 != 0).any()
    assert (ds.example_position.values % 0.5 != 0).any()
    assert np.abs(ds.example_draw).max() <= 40.0
    # the last draw of the history is one of those at the end
    assert float(ds.example_draw[-1]) == float(ds.position_draw[0, 0])


@pytest.mark.parametrize("cells", [1, 4])
def test_cells_make_the_master_equation_that_of_the_walkers(cells: int) -> None:
    """Mean over 64 disorders of the ratio of <x^2> by 4,096 walkers to that of the probability: with four cells one
    within 1% (of the steps) and 4 standard errors (of 0.3%), which 5% with one cell are not."""
    shared = {"kind": "random_potential", "alpha": 1.0, "half_width": 60, "disorders": 64, "ln_time": [2.0, 3.0],
              "record_times": 2}  # fmt: skip
    models = {"master": {**shared, "cells": cells}, "walkers": {**shared, "method": "sde", "walkers": 4096}}
    tree = lsgd.simulate({"name": "t", "seed": 2, "models": models}, device="cpu")
    ratio = (tree["walkers"].squared_displacement / tree["master"].squared_displacement).values
    error = ratio.std(axis=0, ddof=1) / np.sqrt(len(ratio))
    assert (np.abs(ratio.mean(axis=0) - 1.0) < 0.01 + 4.0 * error).all() == (cells == 4), (ratio.mean(axis=0), error)


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


WAVES = {"dimension": 3, "landscape": "fourier", "half_width": None, "ln_time": [-5.0, -2.0], "walkers": 3}
AGING = {"aging": {"ln_waiting_times": [3.0, 5.0], "ratios": [1.5, 2.0]}}
GRID = {"dimension": 2, "half_width": 20, "ln_time": [0.0, 3.0]}


@pytest.mark.parametrize(
    "config",
    [
        study(**AGING),
        {**study(**AGING), "scan": {"models.walk.thermal_energy": [0.5, 1.0]}},
        study(**WAVES, features=32, disorders=40),
        study(**GRID, disorders=40),
    ],
    ids=["line", "scanned", "waves", "grid"],
)
def test_an_interrupted_run_goes_on_with_the_same_bits(
    config: dict, monkeypatch: pytest.MonkeyPatch, stop_after_save: Callable[[int], Any]
) -> None:
    def run(checkpoint: Any) -> xr.Dataset:
        progress = NullProgress()
        return launched(parse(config), "walk", progress=progress, checkpoint=checkpoint)

    whole = run(stop_after_save(10**9))
    monkeypatch.setattr("langevin_sgd.models.random_potential.run._CHUNK_BYTES", 1)  # 16 disorders at a time
    checkpoint = stop_after_save(2)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint)
    assert int(checkpoint.arrays["disorders"]) > 0
    checkpoint.left = 10**9
    xr.testing.assert_identical(run(checkpoint), whole)


@pytest.mark.parametrize(
    "model", [{}, {"method": "flooding"}, GRID, {**WAVES, "features": 64}, {"correlation_length": 9.0}]
)
def test_the_structure_function_is_measured_on_the_runs_own_disorders(model: dict) -> None:
    ds = lsgd.simulate(study(**{"disorders": 200, "ln_time": [0.0, 4.0], "alpha": 0.8, "amplitude": 0.6, **model}))[
        "walk"
    ]
    deviation = (ds.structure_function - ds.structure_function_predicted) / ds.structure_function_stderr
    # some 25 correlated distances, 200 disorders: a false alarm once in 300 such tests; 10% of A is 5 and more
    assert float(abs(deviation).max()) < 4.5
    low, high = ds.valid_range.values
    inside = ds.distance.values[(ds.distance >= low) & (ds.distance <= high)]
    if "correlation_length" not in ds:
        law = 0.6 * inside**0.8
        np.testing.assert_allclose(ds.structure_function_predicted.sel(distance=inside), law, rtol=0.04)


def test_a_grid_is_flooded_from_its_middle() -> None:
    ds = lsgd.simulate(study(**GRID, disorders=5))["walk"].dataset
    grid = Grid(2, 1.0, sites=41)
    for number in range(5):
        history = flood(grid.potential(2, [number]), largest_gamma=3.0)
        moved = history.displacement(ds.ln_time.values)[0]
        np.testing.assert_array_equal(ds.squared_displacement[number], (moved**2).sum(axis=-1))
        np.testing.assert_array_equal(ds.censored[number], history.censored(ds.ln_time.values)[0])
    assert "position_draw" not in ds
    assert ds.attrs["dimension"] == 2


@pytest.mark.parametrize(
    ("dimension", "how"),
    [(3, {"backend": "fused"}), (5, {"backend": "batched", "precision": "float32"})],
)
def test_walkers_in_waves_are_those_of_integrate(dimension: int, how: Any) -> None:
    given = {**WAVES, "dimension": dimension, "features": 32, "disorders": 4, "time_step": 0.01}
    ds = lsgd.simulate(study(**given, thermal_energy=0.4), device="cpu")["walk"].dataset
    law = Fourier.between(dimension, 1.0, dimension**0.5, 30 * dimension**0.5, tolerance=0.06, features=32)
    potential = law.potential(2, np.arange(4), walkers=3)
    steps = (ds.time.values / 0.01).round().astype(int)
    ran = integrate(
        potential, IsotropicNoise(0.8), time_step=0.01, steps=int(steps[-1]), trajectories=3, scan=potential.scan,
        seed=2, device="cpu", record=Record(steps=steps, each=("squared_displacement",)), **how,
    )  # fmt: skip
    np.testing.assert_array_equal(ds.squared_displacement, ran.data.squared_displacement.mean("replica"))
    assert set(np.diff(steps)) != {1}


def test_early_walkers_in_waves_diffuse_freely_in_every_direction() -> None:
    """2 d theta t, to 5% from 40 disorders of 16 walkers in 100 dimensions, noise 0.6%."""
    ds = lsgd.simulate(
        study(dimension=100, half_width=None, ln_time=[-8.0, -7.0], disorders=40, walkers=16, thermal_energy=0.3)
    )["walk"].dataset
    ratio = ds.squared_displacement.mean("disorder") / (2 * 100 * 0.3 * ds.time)
    np.testing.assert_allclose(ratio, 1.0, atol=0.05)


def test_who_walks_out_of_the_range_of_the_power_law_is_censored() -> None:
    near = study(**WAVES, features=32, disorders=6, valid_range=[0.02, 1.0], time_step=1e-4, thermal_energy=2.0)
    ds = lsgd.simulate(near)["walk"].dataset
    _, high = ds.valid_range.values
    assert high == pytest.approx(1.0, rel=0.1)
    # a disorder whose mean square lies beyond has a walker that does; once censored, always
    assert ds.censored.values[(ds.squared_displacement > high**2).values].all()
    assert ds.censored[:, -1].any()
    assert not ds.censored[:, 0].any()
    assert (ds.censored.astype(int).diff("time") >= 0).all()


def test_bounded_barriers_end_in_ordinary_diffusion() -> None:
    """xi = 3, so sigma^2 = 1.5 theta^2: D within 4% (noise 1%), which the continuum's exp(-1.5) theta misses by 8%."""
    config = study(correlation_length=3.0, half_width=4000, ln_time=[0.0, 14.0], record_times=29, disorders=60)
    config["checks"] = [{"kind": "diffusion"}]
    tree = lsgd.simulate(config)
    (row,) = (r for r in rows_of(tree) if r.quantity == "effective_diffusion")
    assert row.verdict == "agrees"
    assert float(row.measured) == pytest.approx(float(row.predicted), rel=0.04)
    assert float(row.predicted) / np.exp(-1.5) > 1.06
    (late,) = (r for r in rows_of(tree) if r.quantity == "late_held_out_likelihood")
    assert (late.verdict, late.role) == ("disagrees", "contrast")
    assert "position_distribution" not in figures(tree)
    assert "logarithmic_diffusion" in figures(tree)


@pytest.mark.parametrize(
    ("model", "kind"),
    [({}, {}), ({"cells": 3}, {"cells": 3}), ({"method": "sde", "walkers": 1}, {"between": "linear"})],
)
def test_each_method_has_the_late_diffusion_of_its_own_lattice(model: dict, kind: dict) -> None:
    given = {"correlation_length": 3.0, "half_width": 60, "disorders": 2, "ln_time": [-4.0, -3.0], "record_times": 2}
    ds = lsgd.simulate(study(**given, **model), device="cpu")["walk"].dataset
    rho = np.exp(-1.0 / 3.0)
    expected = gaussian_line(thermal_energy=1.0, variance=1.5, neighbour_correlation=rho, **kind)
    assert float(ds.effective_diffusion_predicted) == pytest.approx(expected, rel=1e-12)


def rows_of(tree: xr.DataTree) -> list[xr.Dataset]:
    table = tree["checks"].dataset
    return [table.isel(comparison=i) for i in range(table.sizes["comparison"])]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({}, {"landscape": "line", "method": "master_equation", "half_width": 300, "draws": 1}),
        ({"method": "sde"}, {"walkers": 16, "steps_per_e_fold": None, "draws": None}),
        ({"dimension": 3, "ln_time": [0.0, 2.0]}, {"landscape": "grid", "method": "flooding", "valid_range": None}),
        ({"dimension": 9, "half_width": None}, {"landscape": "fourier", "method": "sde", "valid_range": (3.0, 90.0)}),
        ({"landscape": "fourier", "half_width": None}, {"method": "sde", "spacing": None, "features": 512}),
    ],
)
def test_defaults_by_dimension_and_landscape(model: dict, expected: dict) -> None:
    resolved = parse(study(**{"half_width": 300, "ln_time": [0.0, 4.0], **model})).models["walk"]
    assert {key: getattr(resolved, key) for key in expected} == expected
    again = parse({"name": "t", "seed": 1, "models": {"walk": resolved.model_dump(mode="json", by_alias=True)}})
    assert again.models["walk"] == resolved


def test_aging_falls_with_the_ratio_and_is_the_fraction_within_the_distance() -> None:
    ds = lsgd.simulate(study(aging={"ln_waiting_times": [4.0, 6.0], "ratios": [1.5, 2.0], "distance": 0.2}))["walk"]
    within = np.abs(ds.two_time_displacement) < 0.2 * ds.ln_waiting_time**2
    np.testing.assert_allclose(ds.return_probability, within.mean("disorder"))
    assert (ds.return_probability.diff("ratio") <= 0).all()


@pytest.mark.rendered
def test_a_study_of_random_potentials_needs_no_sgd_and_is_checked_and_drawn(tmp_path) -> None:
    config = study(aging={"ln_waiting_times": [4.0], "ratios": [2.0]}, ln_time=[0.0, 16.0], half_width=600)
    config["checks"] = [{"kind": "diffusion", "window": 6.0}]
    tree = lsgd.simulate(config, output=tmp_path / "run")
    table = tree["checks"].dataset
    assert "exponent" in table.quantity.values
    assert set(table.verdict.values) == {"inconclusive"}  # 96 disorders tell nothing
    assert set(figures(tree)) >= {"logarithmic_diffusion", "position_distribution", "aging", "walker_history"}
    assert (tmp_path / "run" / "report.html").exists()


def test_scanned_over_alpha() -> None:
    config = {**study(), "scan": {"models.walk.alpha": [0.5, 1.0, 1.5]}}
    ds = lsgd.simulate(config)["walk"].dataset
    assert ds.squared_displacement.dims == ("alpha", "disorder", "time")
    alone = lsgd.simulate(study())["walk"].dataset
    np.testing.assert_array_equal(ds.squared_displacement.sel(alpha=1.0), alone.squared_displacement)
