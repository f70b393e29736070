"""What is stored beside the measurements is not trusted: every variable that a check reads, falsified by a tenth."""

from __future__ import annotations

import sys
import types
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.models.interpolation import run as interpolation
from langevin_sgd.study.judge import check, judged
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.interpolation import LossOnLine

SGD = {"learning_rate": 0.1, "batch_size": 4, "momentum": 0.2}
WELL = {"kind": "expression", "energy": "(x**2-1)**2/4+0.05*x", "variables": ["x"]}
BASINS = {
    "kind": "basins", "potential": WELL, "temperature": 0.6, "time_step": 0.05, "steps": 2000, "replicas": 64,
    "samples": 50, "cells": 12,
}  # fmt: skip
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "ornstein_uhlenbeck": (SGD, {
        "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5]},
        "noise": {"kind": "full", "matrix": [[1.0, 0.3], [0.3, 0.5]]}, "steps": 1500, "replicas": 16,
        "record_times": 12, "start": {"displacement": [3.0, 1.0]},
    }, "equilibrium"),
    "network": ({**SGD, "momentum": 0.0, "weight_decay": 0.05}, {
        "kind": "network", "data": {"name": "made_up_blobs:blobs"}, "architecture": {"kind": "softmax"},
        "start": "minimum", "replicas": 8, "steps": 1500, "record_times": 6,
    }, "equilibrium"),
    "network in modes": ({**SGD, "momentum": 0.0, "weight_decay": 0.05}, {
        "kind": "network", "data": {"name": "made_up_blobs:blobs"}, "architecture": {"kind": "softmax"},
        "start": "minimum", "replicas": 8, "steps": 1500, "record_times": 6, "curvature": {"modes": 4},
    }, "equilibrium"),
    "basins": ({}, BASINS, "occupancy"),
    "escape": ({}, {**BASINS, "escape": {"from": "left", "to": "right"}}, "occupancy"),
    "interpolation": ({**SGD, "momentum": 0.0}, {
        "kind": "interpolation", "data": {"name": "digits"}, "architecture": {"kind": "softmax"},
        "endpoints": {"a": {"batch_size": 1, "learning_rate": 0.1, "steps": 1},
                      "b": {"batch_size": 2, "learning_rate": 0.1, "steps": 1}},
        "range": [-1.0, 2.0], "points": 301, "replicas": 64, "steps": 2000,
    }, "occupancy"),
    "random_potential": ({}, {
        "kind": "random_potential", "landscape": "line", "method": "master_equation", "alpha": 1.0, "half_width": 256,
        "disorders": 32, "ln_time": [0.0, 8.0], "record_times": 24, "draws": 2,
    }, {"kind": "diffusion", "window": 2.0}),
}  # fmt: skip
RAW = {
    "censored": "flags, which count where one in a hundred is up",
    "displaced_probability": "a bound, which counts from 1e-5 on",
    "law_note": "a text",
}
"""Measurements and remarks without a second source, whose change by a tenth changes no row either."""
ZERO = {"momentum", "drift_squared_predicted", "transient_deficit"}
"""May be nothing, of which a tenth is nothing."""


def _blobs() -> DataSet:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 130)
    return DataSet(rng.normal(size=(3, 4))[labels] + rng.normal(size=(130, 4)), labels, classes=3, name="blobs")


def _tilted(*_: Any, **__: Any) -> tuple[dict[str, Any], LossOnLine]:
    """A double well on a line with noise that depends on the place."""
    s = np.linspace(-1.0, 2.0, 301)
    beyond = np.minimum(s, 0.0) + np.maximum(s - 1.0, 0.0)
    inside = np.clip(s, 0.0, 1.0)
    energy = 0.125 * (1 - np.cos(2 * np.pi * inside)) + 0.25 * (np.pi * beyond) ** 2 + 0.03 * s
    slope = 0.25 * np.pi * (np.sin(2 * np.pi * inside) + 2 * np.pi * beyond) + 0.03
    kick = np.sort(np.random.default_rng(1).normal(size=100))
    kick = (kick - kick.mean()) / kick.std()
    return {}, LossOnLine(s, energy, (slope + np.outer(kick, 1.1 + 0.3 * np.cos(2 * s))).astype(np.float32))


@cache
def _run(name: str) -> xr.DataTree:
    sgd, model, checked = MODELS[name]
    made = types.ModuleType("made_up_blobs")
    _blobs.__module__, made.blobs = "made_up_blobs", _blobs  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "made_up_blobs", made)
        patch.setattr(interpolation, "_line", _tilted)
        study = {"name": "t", "seed": 1, "models": {"m": model}, "checks": [checked]} | ({"sgd": sgd} if sgd else {})
        tree = lsgd.simulate(study, device="cpu")
    assert tree["m"].attrs["status"] == "done", tree["m"].attrs
    return tree


@cache
def _judged_afresh(name: str) -> xr.Dataset:
    """The rows of the sound run with every law asked again."""
    return judged(_run(name), fresh=True)


def _falsified(tree: xr.DataTree, variable: str, factor: float = 1.1) -> xr.DataTree:
    """The tree with one variable a tenth larger, a count by one at least, a flag turned round."""
    data = tree["m"].to_dataset(inherit=False)
    stored = data[variable].variable
    if stored.dtype.kind == "f":
        values = stored.values * factor
    elif stored.dtype.kind in "iu":
        values = np.where(stored.values != 0, np.rint(stored.values * factor + 0.5), 0).astype(stored.dtype)
    else:
        values = ~stored.values
    changed = xr.Variable(stored.dims, values, stored.attrs)
    data = data.assign_coords({variable: changed}) if variable in data.coords else data.assign({variable: changed})
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=tree.attrs), "m": data})


def _numbers(table: xr.Dataset) -> dict[tuple[str, ...], tuple[float, ...]]:
    """The rows but for those of what was altered."""
    columns = ("measured", "standard_error", "predicted", "ratio", "ratio_low", "ratio_high")
    keys = zip(*(table[name].values.tolist() for name in ("quantity", "law", "point")), strict=True)
    values = np.stack([table[name].values for name in columns], axis=1)
    return {key: row for key, row in zip(keys, values, strict=True) if not key[0].startswith("stored")}


def _same(one: xr.Dataset, other: xr.Dataset) -> bool:
    ours, theirs = _numbers(one), _numbers(other)
    return ours.keys() == theirs.keys() and all(
        np.allclose(ours[key], theirs[key], rtol=1e-9, atol=0, equal_nan=True) for key in ours
    )


def _told(table: xr.Dataset) -> dict[str, str]:
    rows = zip(table["quantity"].values.tolist(), table["reason"].values.tolist(), strict=True)
    return {quantity: reason for quantity, reason in rows if quantity.startswith("stored")}


def _read_by_checks(tree: xr.DataTree) -> list[str]:
    """The numeric variables that checks ask for."""
    read: set[str] = set()
    ask = xr.Dataset.__getitem__

    def note(self: xr.Dataset, key: Any) -> Any:
        if isinstance(key, str):
            read.add(key)
        return ask(self, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xr.Dataset, "__getitem__", note)
        judged(tree, fresh=True)
    data = tree["m"].to_dataset(inherit=False)
    return sorted(name for name in read & set(data.variables) if data[name].dtype.kind in "fiub")


KINDS = [
    "ornstein_uhlenbeck", "interpolation",
    "network in modes",
    *(pytest.param(n, marks=pytest.mark.validate) for n in ("network", "basins", "escape", "random_potential")),
]  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_variable_that_a_check_reads_is_told_or_changes_a_row(name):
    tree = _run(name)
    sound = check(tree)
    assert _told(sound) == {}
    assert _same(sound, _judged_afresh(name))
    unseen = []
    for variable in _read_by_checks(tree):
        found = check(_falsified(tree, variable))
        told = _told(found)
        if not any(variable in f"{quantity} {reason}" for quantity, reason in told.items()) and _same(found, sound):
            unseen.append(variable)
    empty = {variable for variable in ZERO if not np.any(tree["m"].dataset.get(variable, 0.0))}
    assert set(unseen) <= RAW.keys() | empty, unseen


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        *(("ornstein_uhlenbeck", variable) for variable in (
            "temperature", "thermal_energy", "effective_thermal_energy", "learning_rate", "batch_size", "momentum",
            "hessian_eigenvalue", "noise_in_mode", "mode_variance", "mode_variance_stderr", "mode_mean",
            "mode_variance_predicted", "mode_variance_law", "energy_law_weight", "autocorrelation_time", "time",
        )),
        *(("network", variable) for variable in (
            "temperature", "learning_rate", "hessian_eigenvalue", "mode_variance", "mode_variance_predicted",
            "noise_scale", "alignment", "spread_predicted",
        )),
        *(("basins", variable) for variable in ("temperature", "time_step", "mean_occupancy_law", "density_law")),
        ("escape", "escape_time_law"),
        *(("interpolation", variable) for variable in (
            "thermal_energy", "learning_rate", "mean_occupancy_law", "relaxation_time", "density_law",
        )),
        *(("random_potential", variable) for variable in ("alpha", "amplitude", "thermal_energy", "ln_time")),
    ],
)  # fmt: skip
def test_what_follows_is_named_and_replaced(name, variable):
    """The rows are those of the sound run, and the study, which would agree, is inconclusive with the name."""
    tree = _run(name)
    found = check(_falsified(tree, variable))
    told = _told(found)
    assert f"stored[{variable}]" in told
    assert "altered after the run" in told[f"stored[{variable}]"]
    assert _same(found, _judged_afresh(name))
    altered = found.isel(comparison=found["quantity"].values == f"stored[{variable}]")
    assert altered["verdict"].values.tolist() == ["inconclusive"]
    assert altered["role"].values.tolist() == ["law"]


def test_a_hessian_that_does_not_belong_to_its_eigenvalues_is_told_and_so_is_a_covariance():
    for variable in ("hessian", "noise_covariance", "hessian_eigenvector"):
        told = _told(check(_falsified(_run("network"), variable)))
        assert any(variable in f"{key} {text}" for key, text in told.items())


def test_a_walker_without_laws_is_held_against_its_config():
    study = {
        "name": "t", "seed": 1, "sgd": SGD, "checks": ["equilibrium"],
        "models": {
            "m": {"kind": "langevin", "potential": WELL, "noise": {"kind": "isotropic", "scale": 1.0}, "start": [1.0],
                  "steps": 20, "replicas": 8, "record_times": 4, "backend": "batched"},
            "ou": {**MODELS["ornstein_uhlenbeck"][1], "steps": 200},
        },
    }  # fmt: skip
    tree = lsgd.simulate(study, device="cpu")
    assert _told(check(tree)) == {}
    data = tree["m"].to_dataset(inherit=False)
    for variable in ("temperature", "learning_rate", "batch_size", "momentum", "time_step", "time", "drift_squared"):
        changed = tree.copy()
        changed["m"] = xr.DataTree(data.assign({variable: data[variable] * 1.1}))
        assert f"stored[{variable}]" in _told(check(changed)), variable


def test_a_scan_is_held_against_every_point():
    model = {**MODELS["ornstein_uhlenbeck"][1], "steps": 400}
    study = {
        "name": "t", "seed": 1, "sgd": SGD, "models": {"m": model}, "checks": ["equilibrium"],
        "scan": {"sgd.learning_rate": [0.05, 0.1], "sgd.batch_size": [2, 4]},
    }  # fmt: skip
    tree = lsgd.simulate(study)
    sound = check(tree)
    assert _told(sound) == {}
    for variable in ("learning_rate", "temperature"):
        found = check(_falsified(tree, variable))
        assert f"stored[{variable}]" in _told(found)
        assert _same(found, sound)


def test_results_that_do_not_fit_their_config_say_so():
    """As after an edit of the config: nothing is replaced, and one row says that nothing can be said."""
    tree = _run("ornstein_uhlenbeck")
    study = parse({
        "name": "t", "seed": 1, "sgd": SGD, "models": {"m": MODELS["ornstein_uhlenbeck"][1]},
        "scan": {"sgd.batch_size": [2, 4]}, "checks": ["equilibrium"],
    })  # fmt: skip
    told = _told(check(tree, study))
    assert "it holds 1 points and the config asks for 2" in told["stored"]


def test_a_run_of_other_recorded_times_than_its_config_says_is_told_and_not_aligned() -> None:
    tree = _run("ornstein_uhlenbeck")
    data = tree["m"].to_dataset(inherit=False)
    shorter = xr.DataTree.from_dict({"m": data.isel(time=slice(0, -1)), "checks": tree["checks"].to_dataset()})
    shorter.attrs = dict(tree.attrs)
    table = lsgd.check(shorter)
    reasons = [str(reason) for reason in table["reason"].values[table["quantity"].values == "stored"]]
    assert len(reasons) == 1
    assert "another shape than the config gives it" in reasons[0]


def test_answers_of_another_version_that_only_a_run_can_give_stand_and_are_told(monkeypatch) -> None:
    from langevin_sgd.models.interpolation.laws import CHAIN

    tree = _run("interpolation")
    monkeypatch.setattr("langevin_sgd.models.interpolation.laws.CHAIN", replace(CHAIN, version=2))
    table = check(tree)
    (reason,) = _told(table).values()
    assert "the answers of chain are of version 1" in reason
    assert "run the study again" in reason
    assert _same(table, judged(tree, fresh=True))
