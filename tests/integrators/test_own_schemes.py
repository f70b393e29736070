"""A scheme of the user's own: one file, in Python and from a config, by path or by entry point; and what is refused."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd import families
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.models.langevin.config import LangevinModel
from langevin_sgd.noise import IsotropicNoise

OWN = '''
"""Euler-Maruyama and the heavy ball, written again."""
from langevin_sgd.integrators.schemes import Scheme

def step(model, state, draws):
    w, (xi,) = state["position"], draws
    return {"position": w + model.drift(w) * model.time_step + model.noise(w, xi * model.root(model.time_step))}

def kick(model, state, draws):
    w, m, (xi,), h = state["position"], state["velocity"], draws, model.time_step
    v = model.named(m * model.parameter("momentum") - model.drift(w) - model.noise(w, xi / model.root(h)))
    return {"position": w - v * h, "velocity": v}

def broken(model, state, draws):
    return {"position": state["position"] / 0}

FIRST = {"additive": 1.0}
ALL = dict(strong_order=FIRST, weak_order=FIRST, sampling_order=FIRST)
ORDERS = dict(interpretation="ito", increments=("gaussian",), **ALL)
EULER = Scheme(name="mine", rule=step, euler_step=True, **ORDERS)
BALL = Scheme(
    name="ball", rule=kick, state=("position", "velocity"), parameters={"momentum": None}, map_of_sgd=True,
    mobility=lambda own: 1 / (1 - own["momentum"]), **ORDERS,
)
BROKEN = Scheme(name="broken", rule=broken, **ORDERS)
ASKING = Scheme(name="asking", rule=step, parameters={"theta": None}, **ORDERS)
NUMBER = 3
'''
WELL = {"kind": "expression", "energy": "a*(x**2 - 1)**2", "variables": ["x"], "parameters": {"a": 1.0}}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the working directory; another one for each test, for modules stay imported."""
    name = f"schemes_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return name


def study(scheme: str, kind: str = "langevin", **model: Any) -> dict[str, Any]:
    start = {"start": [-1.0]} if kind == "langevin" else {"start": {"left": [-1.0]}, "cells": 10, "samples": 10}
    given = {"kind": kind, "potential": WELL, "temperature": 0.5, "steps": 40, "replicas": 16, "scheme": scheme}
    sgd = {"learning_rate": 0.01, "batch_size": 1}
    return {"name": "t", "seed": 1, "sgd": sgd, "models": {"m": {**given, **start, **model}}}


def same(mine: dict[str, Any], ours: dict[str, Any]) -> None:
    one, other = (lsgd.simulate(config)["m"].dataset for config in (mine, ours))
    assert one.attrs.pop("scheme") != other.attrs.pop("scheme")
    assert one.attrs.pop("status") == other.attrs.pop("status") == "done"
    xr.testing.assert_equal(one, other)


@pytest.mark.parametrize("kind", ["langevin", "basins"])
def test_a_config_names_it_by_its_path_and_gets_the_same_bits(own: str, kind: str) -> None:
    """For basins the laws of the map too, which ask a scheme whether its step is Euler's."""
    same(study(f"{own}:EULER", kind), study("euler_maruyama", kind))


def test_it_is_given_the_momentum_that_it_asks_for(own: str) -> None:
    with_momentum = {"sgd": {"momentum": 0.5}}
    same(study(f"{own}:BALL", **with_momentum), study("heavy_ball", **with_momentum))
    with pytest.raises(ConfigError, match=r"scheme: .*:EULER knows no momentum"):
        lsgd.parse(study(f"{own}:EULER", **with_momentum))
    with pytest.raises(ConfigError, match=r"time_step: .*:BALL is a map whose step is the learning rate"):
        lsgd.parse(study(f"{own}:BALL", time_step=0.1))


def test_another_package_joins_by_an_entry_point(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = metadata.EntryPoint("mine", f"{own}:EULER", "langevin_sgd.schemes")
    monkeypatch.setattr(families, "entry_points", lambda: metadata.EntryPoints([entry]))
    monkeypatch.setattr(SCHEMES, "_table", {**{name: SCHEMES._own[name] for name in SCHEMES}, "mine": entry.value})
    monkeypatch.syspath_prepend(".")
    same(study("mine"), study("euler_maruyama"))
    assert "mine" in LangevinModel.model_json_schema()["properties"]["scheme"]["anyOf"][0]["enum"]


def _integrated(scheme: Any) -> np.ndarray:
    landscape = lsgd.Expression("x**2/2", "x")
    run = lsgd.integrate(landscape, IsotropicNoise(0.3), time_step=0.1, steps=9, trajectories=5, scheme=scheme, seed=2)
    return run.state.vectors["position"]


def test_integrate_takes_the_object_and_its_path(own: str) -> None:
    ours = _integrated("euler_maruyama")
    mine = replace(SCHEMES["euler_maruyama"], name="mine")
    np.testing.assert_array_equal(_integrated(mine), ours)
    np.testing.assert_array_equal(_integrated(f"{own}:EULER"), ours)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("NUMBER", r":NUMBER is int; a Scheme is needed"),
        ("step", r":step is function; a Scheme is needed"),
        ("EULR", r"has no EULR; did you mean \S+:EULER\?"),
        ("ASKING", r"takes theta without a default"),
    ],
)
def test_a_config_is_refused_in_one_line(own: str, attribute: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        lsgd.parse(study(f"{own}:{attribute}"))
    assert "models.m.scheme" in str(caught.value)
    assert "\n" not in str(caught.value)


def _state(found: Any) -> Any:
    return lambda model, state, draws: found(state)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (lambda state: state["position"], "the rule of scheme mine returned ndarray; its state is position"),
        (lambda state: {"positions": 0}, "returned positions; its state is position"),
        (lambda state: {"position": 1.0}, "the position after mine is no vector"),
        (lambda state: {"position": [0.0, 0.0]}, "returned 2 components of position, which has 1"),
        (lambda state: {"position": [1 / 0]}, r"the rule of scheme mine failed: ZeroDivisionError.*line \d+"),
    ],
)
def test_a_broken_rule_is_told_in_one_line(found: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        _integrated(replace(SCHEMES["euler_maruyama"], name="mine", rule=_state(found)))
    assert "\n" not in str(caught.value)


def test_a_finished_run_is_read_without_its_module(own: str, tmp_path: Path) -> None:
    config = study(f"{own}:EULER")
    lsgd.simulate(config, output="run")
    from langevin_sgd import import_path

    with import_path.only():
        lsgd.parse(study("elsewhere:EULER"))  # a module that is not there, and not looked for
    assert lsgd.open_run("run")["m"].attrs["scheme"] == f"{own}:EULER"
