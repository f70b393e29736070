"""Points of a scan with basins in one launch: a point that is lost, or has no basins, changes nothing in the others."""

from dataclasses import replace
from typing import Any

import pytest
import xarray as xr

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.basins.run import run
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.study.loading import parse

LINE = {"kind": "expression", "energy": "a*(x**2 - 1)**2", "variables": ["x"], "parameters": {"a": 1.0}}


def test_points_that_are_lost_change_nothing_in_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langevin_sgd.storage.keeper.SECONDS_A_SEGMENT", 0.0)  # in the middle of a run, too
    given: dict[str, Any] = {
        "kind": "basins", "potential": LINE, "steps": 40, "replicas": 16, "samples": 10, "record_times": 4, "cells": 10,
        "temperature": 0.5, "time_step": 0.01,
    }  # fmt: skip
    study = parse({"name": "t", "seed": 5, "sgd": {"learning_rate": 0.02, "batch_size": 1}, "models": {"m": given}})
    model, sgd = study.models["m"], study.sgd
    assert sgd is not None
    points = [(model, sgd), (model.model_copy(update={"time_step": 0.9}), sgd), (model, sgd)]
    context = Context(study, "m")
    (alone,) = run(points[:1], context)
    assert isinstance(alone, xr.Dataset)
    outside = {str(alone.start_basin[0].item()): (9.0,), str(alone.start_basin[1].item()): (9.0,)}
    points.insert(1, (model.model_copy(update={"start": outside}), sgd))
    four = replace(context, numbers=range(4))
    found, calm = run(points, four), run([(model, sgd)] * 4, four)
    for place in (0, 3):
        xr.testing.assert_identical(found[place], calm[place])  # type: ignore[type-var]
    for place, kind in ((1, UserError), (2, Diverged)):
        failed = found[place]
        assert isinstance(failed, PointFailed)
        with pytest.raises(kind) as told:
            run([points[place]], replace(context, numbers=[place]))
        assert str(failed.error) == str(told.value)
