"""The Langevin model as a study runs it: noise of every kind against closed forms, schemes, backends and resuming."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from made_up_launch import launched

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.models.langevin.config import RESERVED, LangevinModel
from langevin_sgd.study.loading import parse
from langevin_sgd.theory import ornstein_uhlenbeck as theory

H = np.array([[1.5, 0.4], [0.4, 0.7]])
QUADRATIC = {
    "kind": "expression",
    "energy": "(h1*x**2 + 2*h2*x*y + h3*y**2)/2",
    "variables": ["x", "y"],
    "parameters": {"h1": 1.5, "h2": 0.4, "h3": 0.7},
}
WELL = {"kind": "expression", "energy": "a*(x**2 - 1)**2", "variables": ["x"], "parameters": {"a": 1.0}}
FACTOR = np.array([[1.0, 0.2], [-0.3, 0.5]])
NOISES = {
    "isotropic": ({"kind": "isotropic", "scale": 1.3}, 1.69 * np.eye(2)),
    "diagonal": ({"kind": "diagonal", "variances": [1.0, 0.3]}, np.diag([1.0, 0.3])),
    "full": ({"kind": "full", "matrix": [[1.0, 0.3], [0.3, 0.5]]}, np.array([[1.0, 0.3], [0.3, 0.5]])),
    "low_rank": ({"kind": "low_rank", "factor": FACTOR.tolist()}, FACTOR @ FACTOR.T),
    "formula": ({"kind": "formula", "variances": ["1.5*h1", "h3"]}, np.diag([2.25, 0.7])),
}


def study(potential: dict, **model: object) -> dict:
    given = {"kind": "langevin", "potential": potential, "start": [0.0] * len(potential["variables"]), **model}
    return {"name": "t", "seed": 3, "sgd": {"learning_rate": 0.2, "batch_size": 4}, "models": {"m": given}}


def stationary_energy(c: np.ndarray, momentum: float = 0.0) -> float:
    """tr(H S)/2 of the discrete map."""
    k, v = np.linalg.eigh(H)
    return float((k * np.diagonal(theory.discrete_covariance(k, v.T @ c @ v, 0.2, 4, momentum))).sum() / 2)


@pytest.mark.covering
@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize("kind", NOISES)
def test_defaults_are_sgd_with_gaussian_noise(kind: str, momentum: float) -> None:
    """Mean energy and summed variance of 20,000 replicas after relaxation, within 4.5 standard errors."""
    noise, c = NOISES[kind]
    config = study(QUADRATIC, noise=noise, steps=400, replicas=20_000, record_times=2, sgd={"momentum": momentum})
    ds = lsgd.simulate(config)["m"].dataset
    assert ds.attrs["scheme"] == ("heavy_ball" if momentum else "euler_maruyama")
    energy = ds.energy.isel(time=-1)
    z = (float(energy.mean()) - stationary_energy(c, momentum)) / (float(energy.std(ddof=1)) / 20_000**0.5)
    assert abs(z) < 4.5
    k, v = np.linalg.eigh(H)
    total = float(np.trace(theory.discrete_covariance(k, v.T @ c @ v, 0.2, 4, momentum)))
    assert abs(float(ds.spread[-1]) - total) < 4.5 * float(ds.spread_stderr[-1])
    if kind != "formula":
        assert float(ds.temperature) == pytest.approx(0.2 * np.trace(c) / 2 / 4)
        assert float(ds.thermal_energy) == pytest.approx(0.2 * np.trace(c) / 2 / 8)
        assert float(ds.effective_thermal_energy) == pytest.approx(0.2 * np.trace(c) / 2 / 8 / (1 - momentum))


def test_a_time_step_below_eta_is_nearer_the_continuum() -> None:
    """T = eta sigma^2/B stays, the step shrinks: variance T/(2k - k^2 h) of each mode, within 4.5 standard errors."""
    config = study(
        {"kind": "expression", "energy": "x**2/2", "variables": ["x"]},
        noise={"kind": "isotropic", "scale": 2.0}, time_step=0.02, steps=1000, replicas=40_000, record_times=2,
    )  # fmt: skip
    ds = lsgd.simulate(config)["m"].dataset
    assert float(ds.time[-1]) == pytest.approx(20.0)
    assert abs(float(ds.spread[-1]) - 0.2 / (2 - 0.02)) < 4.5 * float(ds.spread_stderr[-1])


def test_basins_histogram_and_first_passage() -> None:
    config = study(
        WELL, temperature=0.8, start=[-1.0], steps=3000, replicas=2000, sgd={"learning_rate": 0.01},
        basins={"left": "x < 0", "right": "x >= 0"}, histogram={"x": [-1.5, 1.5, 30]}, first_passage="x > 0.8",
    )  # fmt: skip
    config["models"]["m"]["start"] = [-1.0]
    ds = lsgd.simulate(config)["m"].dataset
    assert ds.occupancy.dims == ("basin", "time")
    np.testing.assert_allclose(ds.occupancy.sum("basin"), 1.0)
    assert float(ds.occupancy.sel(basin="left")[0]) == 1.0
    assert 0.3 < float(ds.occupancy.sel(basin="left")[-1]) < 0.7
    whole = ds.histogram.sum("bin") + ds.histogram_outside.sum("side")
    np.testing.assert_array_equal(whole, 2000)
    reached = ds.escape_time.values[np.isfinite(ds.escape_time.values)]
    assert 0 < reached.size < 2000
    np.testing.assert_allclose(reached, 0.01 * ds.escape_step.values[ds.escape_step.values >= 0])
    assert (ds.escape_step.values == -1).sum() == 2000 - reached.size


@pytest.mark.parametrize("backend", ["batched", "sdeint"])
def test_backends_agree(backend: str) -> None:
    """The same increments, in float32: positions of order 0.1 equal to 1e-6, and so squared displacements to 2e-7."""
    config = study(WELL, temperature=0.3, start=[-1.0], steps=30, replicas=40, sgd={"learning_rate": 0.01})
    fused = lsgd.simulate(config)["m"].dataset
    config["models"]["m"]["backend"] = backend
    other = lsgd.simulate(config)["m"].dataset
    assert fused.attrs["backend"] != other.attrs["backend"]
    np.testing.assert_allclose(other.squared_displacement, fused.squared_displacement, rtol=0, atol=2e-7)


def _run(config: dict, checkpoint: object) -> xr.Dataset:
    return launched(parse(config), "m", checkpoint=checkpoint)


@pytest.mark.by_default("0.5-True")  # one without a scan is among the kinds of test_interruptions
@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_an_interrupted_run_goes_on_with_the_same_bits(
    scanned: bool, momentum: float, monkeypatch: pytest.MonkeyPatch, stop_after_save: Callable[[int], Any]
) -> None:
    monkeypatch.setattr("langevin_sgd.storage.keeper.SECONDS_A_SEGMENT", 0.0)  # a step a segment, after the first
    config = study(
        WELL, temperature=0.6, start=[-1.0], steps=24, replicas=50, sgd={"learning_rate": 0.02, "momentum": momentum},
        basins={"left": "x < 0"}, histogram={"x": [-1.5, 1.5, 7]}, first_passage="x > -0.5",
    )  # fmt: skip
    if scanned:
        config["scan"] = {"models.m.temperature": [0.3, 0.6], "models.m.start.0": [-1.0, 1.0]}
    whole = _run(config, stop_after_save(10**9))
    checkpoint = stop_after_save(5)
    with pytest.raises(KeyboardInterrupt):
        _run(config, checkpoint)
    assert checkpoint.arrays is not None
    assert 0 < int(checkpoint.arrays["step"]) < 24  # what a run directory says of an unfinished model
    checkpoint.left = 10**9
    xr.testing.assert_identical(_run(config, checkpoint), whole)


def test_divergence_is_named_with_its_point_and_the_rest_is_kept() -> None:
    config = study(WELL, temperature=0.5, start=[-1.0], steps=2000, replicas=100, sgd={"learning_rate": 0.01})
    config["models"]["calm"] = {**config["models"]["m"]}
    config["scan"] = {"models.m.potential.parameters.a": [1.0, 60.0]}
    with pytest.warns(RuntimeWarning, match="m: 1 of 2 points failed, at a=60: m diverged at step"):
        tree = lsgd.simulate(config)
    assert tree["calm"].attrs["status"] == "done"
    found = tree["m"].dataset
    assert found["status"].values.tolist() == [1, 2]
    assert np.isfinite(found["energy"].sel(a=1.0)).all()
    assert np.isnan(found["energy"].sel(a=60.0)).all()


def test_an_unstable_step_is_refused_before_it_runs() -> None:
    config = study(QUADRATIC, temperature=0.5, steps=100, sgd={"learning_rate": 1.3})
    with pytest.warns(RuntimeWarning, match="m: failed: "):
        tree = lsgd.simulate(config)
    assert tree["m"].attrs["status"] == "failed"
    assert "time_step 1.3 x largest curvature" in tree["m"].attrs["error"]


@pytest.mark.parametrize("kind", ["langevin", "basins"])
def test_an_sgd_without_effect_can_be_left_out(kind: str) -> None:
    """With a temperature and a time_step of its own the same bits without an sgd, a scan among them."""
    own = {"start": [-1.0]} if kind == "langevin" else {"start": {"left": [-1.0]}, "cells": 10, "samples": 10}
    config = study(WELL, kind=kind, temperature=0.5, time_step=0.01, steps=50, replicas=8, **own)
    config["scan"] = {"models.m.time_step": [0.01, 0.02]}
    without = {key: value for key, value in config.items() if key != "sgd"}
    found, given = (lsgd.simulate(one)["m"].dataset for one in (without, config))
    assert found.attrs["status"] == "done"
    rest = ["learning_rate", "batch_size"]
    xr.testing.assert_identical(found.drop_vars(rest, errors="ignore"), given.drop_vars(rest, errors="ignore"))


@pytest.mark.parametrize("change", [{"sgd": {"momentum": 0.5}}, {"scheme": "heavy_ball"}, {"time_step": None}])
def test_an_sgd_with_an_effect_is_asked_for(change: dict[str, Any]) -> None:
    config = study(WELL, **{"temperature": 0.5, "time_step": 0.01, "steps": 50, "replicas": 8, **change})
    del config["sgd"]
    with pytest.raises(ConfigError, match=r"sgd: missing.*which m takes"):
        parse(config)


def test_the_config_knows_every_scheme() -> None:
    named, *_ = LangevinModel.model_json_schema()["properties"]["scheme"]["anyOf"]
    assert named["enum"] == list(SCHEMES)
    taken = {name for _, scheme in SCHEMES.items() for name in scheme.parameters}
    assert taken | {"learning_rate", "batch_size", "temperature", "noise_scale", "time_step"} <= set(RESERVED)


def test_numbered_variances_are_reserved_too() -> None:
    potential = {**WELL, "energy": "variance_1*x**2", "parameters": {"variance_1": 1.0}}
    with pytest.raises(ConfigError, match="variance_1"):
        parse(study(potential, noise={"kind": "diagonal", "variances": [1.0]}, steps=10))


@pytest.mark.parametrize("name", ["energy", "time", "learning_rate"])
def test_a_variable_called_like_an_observable_is_refused(name: str) -> None:
    potential = {"kind": "expression", "energy": f"{name}**2", "variables": [name]}
    with pytest.raises(ConfigError, match=rf"variables.0: {name} is a name that the (model uses itself|results use)"):
        parse(study(potential, temperature=0.1, steps=10))
