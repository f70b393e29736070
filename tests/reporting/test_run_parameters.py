"""Labels and headings say what the process that ran had."""

from __future__ import annotations

import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.reporting.plots.drawn import figures
from langevin_sgd.reporting.run_parameters import effective_time_label, parameters, time_label

POTENTIAL = {"kind": "expression", "energy": "x**2/2", "variables": ["x"]}
WALKER = {
    "kind": "langevin", "potential": POTENTIAL, "start": [1.0], "steps": 20, "replicas": 8, "record_times": 6,
    "backend": "batched",
}  # fmt: skip
SGD = {"learning_rate": 0.1, "batch_size": 4}


def _run(sgd: dict | None = None, **model: object) -> xr.DataTree:
    study = {"name": "t", "seed": 1, "models": {"m": {**WALKER, **model}}} | ({"sgd": sgd} if sgd else {})
    return lsgd.simulate(study, device="cpu")


@pytest.mark.parametrize("sgd", [None, SGD])
def test_a_walker_with_a_step_and_a_temperature_of_its_own_has_no_sgd(sgd):
    """Whether or not the study has one for other models."""
    tree = _run(sgd, temperature=0.5, time_step=0.05)
    found = tree["m"].dataset
    assert not {"learning_rate", "batch_size", "momentum"} & set(found.variables)
    assert parameters(found) == "Δt = 0.05, T = 0.5"
    assert found.time.attrs["long_name"] == "time, time step x step"
    assert "learning rate" not in found.effective_time.attrs["long_name"]
    assert "batch" not in found.temperature.attrs["long_name"]
    assert time_label(found) == effective_time_label(found) == "time (time step × steps)"
    axes = figures(tree, ["squared_displacement"])["squared_displacement"].axes[0]
    assert axes.get_xlabel() == "time (time step × steps)"
    assert axes.get_ylabel() == "squared displacement"


def test_noise_of_minibatches_at_a_time_step_of_its_own():
    """T = eta sigma^2/B holds eta and B, the time does not."""
    found = _run(SGD, noise={"kind": "isotropic", "scale": 1.0}, time_step=0.05)["m"].dataset
    assert parameters(found) == "η = 0.1, B = 4, Δt = 0.05"
    assert found.time.attrs["long_name"] == "time, time step x step"
    assert time_label(found) == "time (time step × steps)"
    assert found.temperature.attrs["long_name"] == "temperature T = learning rate x sigma^2 / batch size"


def test_steps_of_sgd_at_a_given_temperature_have_no_batch_size():
    found = _run({**SGD, "momentum": 0.5}, temperature=0.5)["m"].dataset
    assert parameters(found) == "η = 0.1, μ = 0.5, T = 0.5"
    assert found.time.attrs["long_name"] == "time, learning rate x step"
    assert time_label(found) == "time (learning rate × steps)"
    assert effective_time_label(found) == "effective time, η·step/(1 − μ)"


def test_sgd_with_gaussian_noise_is_told_as_sgd():
    found = _run(SGD, noise={"kind": "isotropic", "scale": 1.0})["m"].dataset
    assert parameters(found) == "η = 0.1, B = 4, μ = 0"
    assert found.effective_time.attrs["long_name"] == "effective time, learning rate x step / (1 - momentum)"


def test_a_walk_in_a_random_potential_has_a_time_without_steps():
    model = {
        "kind": "random_potential", "landscape": "line", "method": "flooding", "alpha": 1.0, "half_width": 256,
        "disorders": 16, "ln_time": [1.0, 6.0], "record_times": 6,
    }  # fmt: skip
    found = lsgd.simulate({"name": "t", "seed": 1, "models": {"m": model}})["m"].dataset
    assert found.time.attrs["long_name"] == time_label(found) == "time"
    assert "batch" not in found.temperature.attrs["long_name"]
    assert parameters(found) == ""
