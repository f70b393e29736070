"""A random potential beside a network, at the structure function and the thermal energy measured along its training."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.models.random_potential.config import RandomPotentialModel
from langevin_sgd.models.random_potential.known import known
from langevin_sgd.models.random_potential.strength import MEASURED
from langevin_sgd.study import loading

ROUGH = {
    "kind": "random_potential", **{key: {"from": "network"} for key in MEASURED}, "spacing": 5e-6, "half_width": 500,
    "disorders": 16, "ln_time": [0.0, 5.0], "record_times": 11,
}  # fmt: skip


def study(**rough: object) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 4,
        "steps": 100, "record_times": 24,
        "probes": [{"kind": "roughness", "points": 32}, {"kind": "tangent", "looks": 4}],
    }  # fmt: skip
    return {
        "name": "one",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "batch_size": 16},
        "models": {"network": network, "rough": {**ROUGH, **rough}},
        "scan": {"sgd.batch_size": [16, 120]},
    }


@pytest.fixture(scope="module")
def run():
    return lsgd.simulate(study())


def test_it_runs_at_what_was_measured_at_the_same_point_and_keeps_its_errors(run):
    tree = run
    network, rough = tree["network"], tree["rough"]
    assert rough.squared_displacement.dims == ("batch_size", "disorder", "time")
    for key, name in MEASURED.items():
        np.testing.assert_array_equal(rough[key], network[name])
        np.testing.assert_array_equal(rough[f"{key}_stderr"], network[f"{name}_stderr"])
        assert (rough[f"{key}_stderr"] > 0).all()
    alone = {key: float(rough[key].sel(batch_size=16)) for key in MEASURED}
    given = lsgd.simulate({"name": "one", "seed": 1, "models": {"rough": {**ROUGH, **alone}}})["rough"]
    np.testing.assert_array_equal(given.squared_displacement, rough.squared_displacement.sel(batch_size=16))
    assert "alpha_stderr" not in given


def test_the_network_starts_where_it_would_without(run):
    tree = run
    np.testing.assert_array_equal(tree["network"].squared_displacement.sel(time=0.0), 0.0)
    assert loading.parse(study()).models["network"].start == "shared"


def test_the_thermal_energy_is_that_of_the_noise_averaged_over_time(run):
    """With B = N the trajectories are close to the descent, along which the tangent probe looks at the same steps."""
    tree = run
    network = tree["network"].sel(batch_size=120)
    steps, theta = network.control_look_step.values, network.control_thermal_energy.values
    mean = (theta[0] * steps[0] + np.trapezoid(theta, steps)) / steps[-1]
    assert float(network.trajectory_thermal_energy) == pytest.approx(mean, rel=0.03)  # replicas differ by 1%


def test_what_was_changed_in_a_finished_run_is_found(run):
    tree = run
    for name in ("alpha", "amplitude_stderr"):
        changed = tree.copy()
        changed["rough"] = tree["rough"].to_dataset().assign({name: 1.1 * tree["rough"][name]})
        assert f"stored[{name}]" in lsgd.check(changed).quantity.values
    assert not [name for name in lsgd.check(tree).quantity.values if name.startswith("stored")]


def made_up(**values: float) -> dict[str, xr.Dataset]:
    usual = {"trajectory_alpha": 1.2, "trajectory_amplitude": 0.1, "trajectory_thermal_energy": 1e-4}
    return {"network": xr.Dataset({**usual, **values})}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trajectory_alpha": 2.1}, r"^alpha, as measured on network, must be < 2, got 2\.1"),
        ({"trajectory_alpha": np.nan}, "^alpha, as measured on network, must be a number > 0, got nan"),
        ({"trajectory_thermal_energy": 0.0}, "^thermal_energy, as measured on network, must be a number > 0, got 0"),
        ({"trajectory_thermal_energy": 1e-1}, "^half_width: the box is smaller than the walk"),
    ],
)
def test_numbers_of_which_there_is_no_potential_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        known(RandomPotentialModel.model_validate(ROUGH), made_up(**values))


def test_a_run_that_lacks_what_was_measured_says_nothing():
    from langevin_sgd.models.random_potential import stored

    point = SimpleNamespace(
        model=RandomPotentialModel.model_validate(ROUGH), sources={"network": xr.Dataset()}, data=xr.Dataset()
    )
    assert stored.process(point) is None
    assert stored.follows(point) == {}
