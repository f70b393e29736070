"""Laws at many points at once: the same answers as one point after the other."""

from typing import Any

import numpy as np
import xarray as xr
from made_up_scans import laid

from langevin_sgd.laws import Law, NoAnswer, Point
from langevin_sgd.laws.block import evaluated_block
from langevin_sgd.laws.evaluate import evaluated, known, recorded
from langevin_sgd.models.context import Context
from langevin_sgd.models.finished import PointsOfBlock, configured, law_points
from langevin_sgd.observables.scanned import POINT, each_point
from langevin_sgd.study.loading import parse


def _sometimes(point: Point) -> dict[str, Any]:
    assert point.sgd is not None
    if point.sgd.learning_rate > 0.15:
        raise NoAnswer("too fast")
    return {"mode_variance": np.ones(2) * point.sgd.learning_rate}


SOMETIMES = Law(name="sometimes", title="made up", source="made up", version=1, predict=_sometimes)
OU = {
    "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5]}, "dynamics": "continuum",
    "noise": {"kind": "full", "matrix": [[1.0, 0.3], [0.3, 0.5]]}, "steps": 200, "replicas": 8, "record_times": 3,
    "burn_in": 100, "sample_every": 10,
}  # fmt: skip
BASINS = {
    "kind": "basins", "steps": 60, "replicas": 8, "temperature": 0.5, "samples": 10, "record_times": 3, "cells": 10,
    "potential": {"kind": "expression", "energy": "a*(x**2 - 1)**2", "variables": ["x"], "parameters": {"a": 1.0}},
    "time_step": 0.01, "basins": {"left": "x < 0", "right": "x >= 0"},
}  # fmt: skip
WALK = {
    "kind": "langevin", "potential": BASINS["potential"], "temperature": 0.5, "start": [-1.0], "steps": 10,
    "replicas": 4,
}  # fmt: skip


def _alone(found: Any) -> xr.Dataset:
    return each_point(found)[0] if isinstance(found, xr.Dataset) else found[0]


def _same(model: dict[str, Any], laws: tuple[Law, ...], scan: dict[str, Any]) -> xr.Dataset:
    sgd = {"learning_rate": 0.1, "batch_size": 4}
    study = parse({"name": "t", "seed": 3, "sgd": sgd, "models": {"m": model}, "scan": scan})
    configs = configured(study, "m")
    done = [_alone(study.models["m"].run([point], Context(study, "m"))) for point in configs]
    block = laid(done, (POINT,), (len(done),)).assign_attrs(done[0].attrs)
    one_by_one = [evaluated(point, laws) for point in law_points(study, "m", done, {}, configs)]
    expected = recorded(laid(one_by_one, (POINT,), (len(done),)), one_by_one)
    found = evaluated_block(block, PointsOfBlock(study, block, configs, configs, {}), laws)
    assert set(found.variables) == set(expected.variables)
    for name in map(str, expected.variables):
        wide, narrow = xr.broadcast(found[name], expected[name])
        assert wide.dtype == narrow.dtype
        np.testing.assert_array_equal(wide, narrow, err_msg=name)
        assert found[name].attrs == expected[name].attrs
    assert found.attrs == expected.attrs
    return found


def test_answers_along_a_scan_are_those_of_each_point() -> None:
    """A law without a stationary state at the last point, and one of somebody's own that says why it has none."""
    found = _same(OU, (*known(), SOMETIMES), {"sgd.learning_rate": [0.1, 0.2, 2.5]})
    assert found["mode_variance_law"].dims == ("point", "law", "mode")
    assert found["mode_variance_law"].sel(law="discrete").isnull().all("mode").values.tolist() == [False, False, True]


def test_answers_for_basins_along_a_scan_are_those_of_each_point() -> None:
    _same(BASINS, known(), {"models.m.temperature": [0.5, 0.8]})


def test_where_no_law_is_made_for_the_model_no_point_is_looked_at() -> None:
    found = _same(WALK, known(), {"models.m.temperature": [0.5, 0.8]})
    assert not found.variables
