"""What dimensions and coordinates of a scan are called, whatever else the results hold."""

from __future__ import annotations

import pytest
from made_up_models import langevin

import langevin_sgd
from langevin_sgd.models.grid import Grid
from langevin_sgd.study import loading

TEMPERATURE, RATE = {"models.m.temperature": [1.0, 2.0]}, {"sgd.learning_rate": [0.1, 0.2]}


def _grid(scan: dict, **potential: object) -> Grid:
    given = langevin()
    given["models"]["m"]["potential"] = {**given["models"]["m"]["potential"], **potential}
    return Grid(loading.parse({**given, "scan": scan}), "m")


@pytest.mark.parametrize("name", ["time", "energy", "status", "error", "attributes", "point", "time_count"])
def test_a_group_is_not_called_like_what_the_results_hold(name):
    assert _grid({name: {"zip": TEMPERATURE}}).dimensions == (f"scan_{name}",)


def test_groups_that_are_renamed_stay_apart():
    grid = _grid({"scan_time": {"zip": TEMPERATURE}, "time": {"zip": RATE}})
    assert grid.dimensions == ("scan_time", "scan_scan_time")


@pytest.mark.parametrize("name", ["status", "error", "attributes"])
def test_a_parameter_is_not_called_like_what_is_kept_of_every_point(name):
    scan = {f"models.m.potential.parameters.{name}": [1.0, 2.0]}
    grid = _grid(scan, energy=f"{name}*x**2", parameters={name: 1.0})
    assert grid.dimensions == grid.labels == (f"models_m_potential_parameters_{name}",)


def test_a_scanned_temperature_is_said_to_be_given():
    given = langevin(steps=10, replicas=2)
    single = langevin_sgd.simulate(given)["m"]["temperature"]
    scanned = langevin_sgd.simulate({**given, "scan": TEMPERATURE})["m"]["temperature"]
    assert scanned.attrs == single.attrs


def test_a_learning_rate_that_a_model_changes_is_not_the_one_that_is_scanned():
    given = langevin(steps=10, replicas=2)
    network = {"kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "replicas": 2, "steps": 10}
    own = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "net"}, "noise": {"from": "net"}}
    given["models"] = {"net": network, "as_it": own, "fixed": {**own, "sgd": {"learning_rate": 0.3}}}
    given["sgd"] = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.01}
    study = loading.parse({**given, "scan": RATE})
    assert Grid(study, "net").dimensions == Grid(study, "as_it").dimensions == ("learning_rate",)
    assert Grid(study, "fixed").dimensions == ("sgd_learning_rate",)
