"""Scans: points as leading dimensions, each with its own noise, unchanged when others are added, and checked alone."""

import json

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.models import lineage
from langevin_sgd.models.grid import Grid
from langevin_sgd.observables.scanned import dimensions, points
from langevin_sgd.reporting.plots.drawn import figures
from langevin_sgd.study import store
from langevin_sgd.study.loading import load, parse, resolved_yaml

OU = {
    "kind": "ornstein_uhlenbeck",
    "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5]},
    "noise": {"kind": "full", "matrix": [[1.0, 0.3], [0.3, 0.5]]},
    "steps": 400,
    "replicas": 20,
}
WELL = {
    "kind": "langevin",
    "potential": {"kind": "expression", "energy": "a*x**2/2", "variables": ["x"], "parameters": {"a": 1.0}},
    "noise": {"kind": "isotropic", "scale": 1.0},
    "start": [0.0],
    "steps": 100,
    "replicas": 20,
}


def study(scan: dict, **models: dict) -> dict:
    return {
        "name": "t", "seed": 5, "sgd": {"learning_rate": 0.1, "batch_size": 4}, "models": models, "scan": scan,
    }  # fmt: skip


def test_parameters_are_leading_labelled_dimensions() -> None:
    scan = {"sgd.learning_rate": {"geometric": [0.05, 0.2, 3]}, "sgd.batch_size": [1, 4]}
    tree = lsgd.simulate(study(scan, ou=OU, well=WELL))
    for name in ("ou", "well"):
        ds = tree[name].dataset
        assert dimensions(ds) == ("learning_rate", "batch_size")
        assert ds.energy.dims == ("learning_rate", "batch_size", "replica", "time")
        np.testing.assert_allclose(ds.learning_rate, [0.05, 0.1, 0.2])
        assert ds.batch_size.values.tolist() == [1, 4]
        assert ds.learning_rate.attrs["long_name"] == "learning rate"
        # the time differs between learning rates, the step does not
        assert ds.step.dims == ("time",)
        np.testing.assert_allclose(ds.time.isel(batch_size=0), np.outer(ds.learning_rate, ds.step))
        assert "momentum" in ds
        assert ds.momentum.ndim == 0


def test_every_point_follows_its_own_law() -> None:
    """Variance eta c/(B k (2 - eta k)) at 12 points of one launch and as many of exact jumps, within 5 s.e."""
    scan = {"sgd.learning_rate": [0.1, 0.4, 0.8], "sgd.batch_size": [1, 4]}
    well = {**WELL, "replicas": 5000, "steps": 200, "record_times": 2}
    tree = lsgd.simulate(study(scan, ou={**OU, "replicas": 100, "steps": 1000}, well=well))
    eta, b = tree["well"].learning_rate, tree["well"].batch_size
    z = (tree["well"].spread.isel(time=-1) - eta / (b * (2 - eta))) / tree["well"].spread_stderr.isel(time=-1)
    assert float(np.abs(z).max()) < 5
    k, c = (xr.DataArray(values, dims="mode") for values in ([1.0, 0.5], [1.0, 0.5]))
    law = eta * c / (b * k * (2 - eta * k))
    z = (tree["ou"].mode_variance - law) / tree["ou"].mode_variance_stderr
    assert float(np.abs(z).max()) < 5


def test_a_scan_of_momentum_begins_at_none() -> None:
    """Variance eta c/(B k (1 - mu) [2 - eta k/(1 + mu)]) with and without momentum in one launch, within 4.5 s.e."""
    well = {**WELL, "replicas": 5000, "record_times": 2, "steps": 600}
    ds = lsgd.simulate(study({"sgd.momentum": [0.0, 0.8]}, well=well))["well"].dataset
    law = 0.1 / (4 * (1 - ds.momentum) * (2 - 0.1 / (1 + ds.momentum)))
    z = (ds.spread.isel(time=-1) - law) / ds.spread_stderr.isel(time=-1)
    assert float(np.abs(z).max()) < 4.5


def test_points_have_independent_noise() -> None:
    """Same process, other label: correlation of final positions over 4,000 replicas below 5/sqrt(4000)."""
    scan = {"models.well.potential.parameters.a": [1.0, 1.0 + 1e-9], "models.ou.start.displacement.0": [0.0, 1e-12]}
    ou = {**OU, "replicas": 4000, "start": {"displacement": [0.0, 0.0]}, "steps": 50, "burn_in": 10}
    ds = lsgd.simulate(study(scan, ou=ou, well={**WELL, "replicas": 4000}))
    for energies in (ds["well"].energy, ds["ou"].energy):
        final = energies.isel(time=-1).values.reshape(2, -1)
        assert abs(np.corrcoef(final)[0, 1]) < 5 / 4000**0.5


@pytest.mark.parametrize("name", ["ou", "well"])
def test_adding_points_changes_none_of_the_old_ones(name: str) -> None:
    model = {"ou": OU, "well": WELL}[name]
    alone = lsgd.simulate({**study({}, **{name: model}), "scan": {}})[name].dataset
    two = lsgd.simulate(study({"sgd.batch_size": [4, 8]}, **{name: model}))[name].dataset
    five = lsgd.simulate(study({"sgd.batch_size": [4, 8, 1, 2, 16]}, **{name: model}))[name].dataset
    np.testing.assert_array_equal(two.energy.sel(batch_size=4), alone.energy)
    np.testing.assert_array_equal(five.energy.sel(batch_size=[4, 8]), two.energy)


def test_models_that_the_scan_does_not_reach_run_once() -> None:
    tree = lsgd.simulate(study({"models.well.potential.parameters.a": [1.0, 2.0]}, ou=OU, well=WELL))
    assert dimensions(tree["ou"].dataset) == ()
    assert dimensions(tree["well"].dataset) == ("a",)


def test_an_override_of_its_own_shields_a_model_from_the_scan_of_sgd() -> None:
    scan = {"sgd.learning_rate": [0.1, 0.2]}
    tree = lsgd.simulate(study(scan, ou={**OU, "sgd": {"learning_rate": 0.05}}, well=WELL))
    assert dimensions(tree["ou"].dataset) == ()
    assert dimensions(tree["well"].dataset) == ("learning_rate",)


def test_each_point_is_checked_and_a_planted_error_is_found_at_its_point() -> None:
    config = study({"sgd.batch_size": [1, 4]}, ou={**OU, "replicas": 200, "steps": 4000})  # totals to 0.7%
    config["checks"] = ["equilibrium"]
    tree = lsgd.simulate(config)
    table = tree["checks"].dataset
    totals = table.where((table.quantity == "total_variance") & (table.role == "law"), drop=True)
    assert totals.point.values.tolist() == ["batch_size=1", "batch_size=4"]
    assert totals.verdict.values.tolist() == ["agrees", "agrees"]
    spoilt = tree.copy(deep=True)
    factor = xr.where(spoilt["ou"].batch_size == 4, 1.2, 1.0)
    for moment in ("mode_moment_1", "mode_moment_2"):
        spoilt["ou"][moment] = spoilt["ou"][moment] * factor ** (1 if moment.endswith("2") else 0.5)
    spoilt["ou"]["mode_variance"] = spoilt["ou"].mode_variance * factor
    again = lsgd.check(spoilt)
    totals = again.where((again.quantity == "total_variance") & (again.role == "law"), drop=True)
    assert totals.verdict.values.tolist() == ["agrees", "disagrees"]
    disagreeing = json.loads(again.attrs["summary"])["disagreeing"]
    assert disagreeing
    assert all(title.startswith("ou at batch_size=4: ") for title in disagreeing)


@pytest.mark.parametrize("key", ["sgd.batch_size", "models.well.friction"])
def test_a_key_that_changes_nothing_is_no_scan(key: str) -> None:
    well = {**WELL, "temperature": 0.1, "noise": None}
    with pytest.raises(ConfigError, match="changes no model of this study"):
        parse(study({key: [1, 4]}, well=well))


def test_a_key_that_matters_to_one_model_leaves_the_other_alone() -> None:
    config = parse(study({"sgd.batch_size": [1, 4]}, ou=OU, well={**WELL, "temperature": 0.1, "noise": None}))
    assert lineage.scanned(config, "ou")
    assert not lineage.scanned(config, "well")


@pytest.mark.rendered
def test_a_scanned_random_potential_is_reported(tmp_path) -> None:
    walk = {"kind": "random_potential", "alpha": 1.0, "disorders": 16, "half_width": 50, "ln_time": [0.0, 6.0]}
    lsgd.simulate(study({"models.walk.alpha": [0.5, 1.0]}, walk=walk), output=tmp_path / "run")
    assert (tmp_path / "run" / "figures" / "scan.png").exists()


def test_points_come_back_one_by_one() -> None:
    tree = lsgd.simulate(study({"sgd.batch_size": [1, 4]}, ou=OU))
    found = dict(points(tree["ou"].dataset))
    assert list(found) == ["batch_size=1", "batch_size=4"]
    assert float(found["batch_size=4"]["batch_size"]) == 4
    assert dimensions(found["batch_size=4"]) == ()
    assert found["batch_size=4"].energy.dims == ("replica", "time")


def test_a_law_without_stationary_state_at_one_point_is_left_out_there() -> None:
    ou = {**OU, "dynamics": "continuum", "replicas": 20}
    tree = lsgd.simulate(study({"sgd.learning_rate": [0.1, 2.5]}, ou=ou))
    stable, unstable = (point for _, point in points(tree["ou"].dataset))
    assert "discrete" in stable["law"].values
    assert "discrete" not in unstable["law"].values


def test_a_parameter_called_like_an_observable_is_refused() -> None:
    potential = {"kind": "expression", "energy": "energy*x**2/2", "variables": ["x"], "parameters": {"energy": 1.0}}
    scan = {"models.well.potential.parameters.energy": [1.0, 2.0]}
    with pytest.raises(ConfigError, match="energy: is a name that the results use"):
        parse(study(scan, well={**WELL, "potential": potential}))


def test_a_scanned_number_replaces_no_observable_of_another_meaning() -> None:
    """The law of the landscape's thermal energy scanned, and the noise's, T/2, emitted under the same name."""
    potential = {"kind": "nonequilibrium_well", "thermal_energy": 0.1}
    basins = {"kind": "basins", "potential": potential, "temperature": 0.3, "time_step": 0.01, "steps": 1000}
    scan = {"models.m.potential.thermal_energy": [0.1, 0.15, 0.2], "models.m.temperature": [0.2, 0.3]}
    grid = Grid(parse(study(scan, m=basins)), "m")
    assert grid.dimensions == ("models_m_potential_thermal_energy", "temperature")


def test_whole_numbers_stay_whole() -> None:
    config = parse(study({"sgd.batch_size": {"geometric": [8, 128, 5]}}, ou=OU))
    assert config.axes()[0].values == (8, 16, 32, 64, 128)
    assert all(isinstance(value, int) for value in config.axes()[0].values)
    config = parse(study({"sgd.learning_rate": {"linear": [0.1, 0.3, 3]}}, ou=OU))
    np.testing.assert_allclose(config.axes()[0].values, [0.1, 0.2, 0.3])


def test_nested_and_dotted_keys_mean_the_same_and_resolve_to_themselves(tmp_path) -> None:
    dotted = parse(study({"sgd.learning_rate": [0.1, 0.2]}, ou=OU))
    nested = parse(study({"sgd": {"learning_rate": [0.1, 0.2]}}, ou=OU))
    assert dotted == nested
    file = tmp_path / "config.yaml"
    file.write_text(resolved_yaml(dotted), encoding="utf-8")
    assert load(file) == dotted
    changed = load(file, ["scan.sgd.learning_rate=[0.05]"])
    assert changed.axes()[0].values == (0.05,)


def test_a_scanned_run_is_stored_read_exported_and_drawn(tmp_path) -> None:
    scan = {"sgd.learning_rate": [0.05, 0.1], "sgd.batch_size": [1, 4]}
    tree = lsgd.simulate({**study(scan, ou=OU, well=WELL), "checks": ["equilibrium"]}, output=tmp_path / "run")
    read = lsgd.open_run(tmp_path / "run")
    for name in ("ou", "well"):
        xr.testing.assert_identical(read[name].dataset.load(), tree[name].dataset)
    store.export(tmp_path / "run", tmp_path / "run.nc")
    with xr.open_datatree(tmp_path / "run.nc") as exported:
        assert dimensions(exported["ou"].dataset) == ("learning_rate", "batch_size")
    assert {"scan_ou", "scan_well"} <= set(figures(read))
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "ou at learning_rate=0.05, batch_size=1" in report


def test_a_dimension_is_called_by_its_key_where_only_other_models_scan_the_same() -> None:
    wells = {"kind": "langevin", "potential": WELL["potential"], "temperature": 0.5, "start": [1.0], "steps": 10}
    config = parse(
        {
            "name": "two",
            "seed": 1,
            "sgd": {"learning_rate": 0.01, "batch_size": 1},
            "models": {"one": wells, "other": wells},
            "scan": {"models.one.temperature": [0.5, 1.0], "models.other.temperature": [0.1, 0.2, 0.3]},
        }
    )
    assert [axis.name for axis in lineage.scanned(config, "one")] == ["temperature"]
    assert [axis.values for axis in lineage.scanned(config, "other")] == [(0.1, 0.2, 0.3)]
