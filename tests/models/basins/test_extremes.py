"""Runs of basins at the edge: what was never seen or cannot be predicted leaves a report, what cannot run one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.study.loading import parse

QUARTIC = {"kind": "quartic", "barrier": 5.0}
LINE = {"kind": "expression", "energy": "(x**2 - 1)**2", "variables": ["x"]}
RING = {"kind": "expression", "energy": "(x**2 + y**2 - 1)**2", "variables": ["x", "y"]}
FLAT = {"kind": "expression", "energy": "0*x", "variables": ["x"]}
ESCAPE = {"from": "left", "to": "right"}
HALVES = {"left": "x < 0", "right": "x >= 0"}


def config(**model: Any) -> dict[str, Any]:
    given = {"kind": "basins", "potential": QUARTIC, "steps": 100, "samples": 20, "replicas": 8, "cells": 10, **model}
    given.setdefault("temperature", None if "noise" in given else 0.1)
    models = {"m": {key: value for key, value in given.items() if value is not None}}
    sgd = {"learning_rate": 0.01, "batch_size": 4}
    return {"name": "t", "seed": 1, "sgd": sgd, "models": models, "checks": ["occupancy"]}


def drawn(tree: xr.DataTree) -> set[str]:
    figures = plots.figures(tree)
    for figure in figures.values():
        figure.canvas.draw()
    return set(figures)


def test_an_escape_that_nobody_makes_is_drawn_and_has_no_verdict() -> None:
    tree = lsgd.simulate(config(escape=ESCAPE))
    assert np.isnan(tree["m"].escape_time).all()
    assert set(tree["checks"].verdict.values) == {"inconclusive"}
    assert all("too few" in reason for reason in tree["checks"].reason.values)
    assert "escape" in drawn(tree)


def test_an_escape_of_one_replica_is_drawn() -> None:
    study = config(escape=ESCAPE, replicas=1, potential={"kind": "quartic", "barrier": 0.1}, temperature=5.0)
    del study["checks"]
    assert "escape" in drawn(lsgd.simulate(study))


def test_arrivals_at_one_step_tell_no_mean() -> None:
    tree = lsgd.simulate(config(escape={**ESCAPE, "core": "x > 0.8"}))
    tree["m"]["escape_time"][:] = 0.5
    (reason, *_) = lsgd.check(tree).reason.values
    assert "nearly all at one step" in reason
    assert "escape" in drawn(tree)


def test_without_laws_starts_are_compared_and_drawn() -> None:
    study = config(laws=False, potential=LINE)
    study["scan"] = {"models.m.temperature": [0.1, 0.2]}
    tree = lsgd.simulate(study)
    assert {quantity.partition("[")[0] for quantity in tree["checks"].quantity.values} == {"start_agreement"}
    del study["scan"]
    assert "occupancy" in drawn(lsgd.simulate(study))


def test_a_box_without_minima_is_not_where_the_density_is_measured() -> None:
    starts = {"left": [-1.0], "right": [1.0]}
    model = lsgd.simulate(config(potential=LINE, basins=HALVES, box=[[3.0, 4.0]], start=starts))["m"]
    assert float((model.density[:, 0] * np.diff(model.x_edge)).sum()) == pytest.approx(1.0)


def test_cells_that_no_walker_visits_are_drawn() -> None:
    tree = lsgd.simulate(config(potential=LINE))
    tree["m"].density[:] = 0.0
    assert "basins" in drawn(tree)


def test_noise_that_vanishes_or_is_too_faint_leaves_laws_without_an_answer() -> None:
    for variance, note in (("x**2", "vanishes"), ("1 + x**2", "")):
        noise = {"kind": "formula", "variances": [variance]}
        model = lsgd.simulate(config(potential=LINE, noise=noise))["m"]
        assert model.attrs["status"] == "done"
        assert note in str(model.law_note.sel(law="chain").values)
        assert not np.isfinite(model.relaxation_time)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"escape": {**ESCAPE, "core": "x > -2"}}, "the start in left lies in the core of the escape already"),
        ({"potential": LINE, "noise": {"kind": "formula", "variances": ["-1 - x**2"]}}, "must not be negative"),
        ({"potential": RING}, "0 isolated minima in the box"),
        ({"potential": FLAT}, "0 isolated minima in the box"),
    ],
)
def test_what_cannot_run_is_told_in_one_line(model: dict[str, Any], told: str) -> None:
    with pytest.warns(RuntimeWarning, match="m: failed: "):
        attrs = lsgd.simulate(config(**model))["m"].attrs
    assert attrs["status"] == "failed"
    assert told in attrs["error"]
    assert "\n" not in attrs["error"]


def test_replicas_are_counted_when_basins_are_found() -> None:
    three = {"kind": "expression", "energy": "5*x**2*(x**2 - 1)**2", "variables": ["x"]}
    assert parse(config(potential=three, replicas=9)).models["m"].replicas == 9
    with pytest.warns(RuntimeWarning, match="m: failed: "):
        tree = lsgd.simulate(config(potential=three, replicas=8))
    assert "give a multiple of 3" in tree["m"].attrs["error"]
