"""Points of a scan in one launch: as each is alone, whatever becomes of the others."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import xarray as xr

from langevin_sgd.integrators.divergence import Diverged, NotFinite
from langevin_sgd.models.context import Context
from langevin_sgd.models.failed import PointFailed
from langevin_sgd.models.langevin import run as langevin
from langevin_sgd.models.langevin.memory import AT_ONCE, points_at_once
from langevin_sgd.models.memory import total
from langevin_sgd.observables.scanned import each_point
from langevin_sgd.study.loading import parse

WELL = {"kind": "expression", "energy": "a*(x**2 - 1)**2", "variables": ["x"], "parameters": {"a": 1.0}}
PLANE = {"kind": "expression", "energy": "a*(x**2 - 1)**2 + y**2", "variables": ["x", "y"], "parameters": {"a": 1.0}}
NEVER_SCANNED = {"histogram": {"x": [-1.5, 1.5, 7]}, "basins": {"left": "x < 0"}, "first_passage": "x > -0.5"}


def _context(**model: Any) -> Context:
    given = {"kind": "langevin", "steps": 40, "replicas": 20, "record_times": 6, **model}
    sgd = {"learning_rate": 0.02, "batch_size": 4}
    return Context(parse({"name": "t", "seed": 3, "sgd": sgd, "models": {"m": given}}), "m")


def _points(context: Context, **columns: list[Any]) -> list[Any]:
    model, sgd = context.study.models["m"], context.study.sgd
    assert sgd is not None
    return [
        (model.model_copy(update=dict(zip(columns, row, strict=True))), sgd)
        for row in zip(*columns.values(), strict=True)
    ]


def run(points: list[Any], context: Context, numbers: Sequence[int] | None = None) -> list[xr.Dataset | PointFailed]:
    given = range(len(points)) if numbers is None else numbers
    found = langevin.run(points, replace(context, numbers=given))
    return each_point(found) if isinstance(found, xr.Dataset) else list(found)


@pytest.mark.parametrize("potential", [WELL, PLANE])
def test_a_point_among_others_is_as_it_is_alone(potential: dict[str, Any]) -> None:
    """Temperature, step and start differ."""
    starts = [(x,) * len(potential["variables"]) for x in (-1.0, 0.5, 1.0)]
    context = _context(potential=potential, temperature=0.3, start=starts[0], **NEVER_SCANNED)
    points = _points(context, temperature=[0.3, 0.6, 0.9], time_step=[0.01, 0.02, 0.03], start=starts)
    together = run(points, context, [4, 0, 9])
    for place, number in enumerate([4, 0, 9]):
        (alone,) = run(points[place : place + 1], context, [number])
        xr.testing.assert_identical(together[place], alone)  # type: ignore[type-var]


def test_points_that_diverge_change_nothing_in_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langevin_sgd.storage.keeper.SECONDS_A_SEGMENT", 0.0)  # in the middle of a run, too
    context = _context(potential=WELL, temperature=0.3, start=[-1.0], **NEVER_SCANNED)
    steps = [0.01, 0.9, 0.02, 1.2, 0.03]
    found = run(_points(context, time_step=steps), context)
    calm = run(_points(context, time_step=[0.01, 0.01, 0.02, 0.01, 0.03]), context)
    for place in (0, 2, 4):
        xr.testing.assert_identical(found[place], calm[place])  # type: ignore[type-var]
    for place in (1, 3):
        failed, (point,) = found[place], _points(context, time_step=steps[place : place + 1])
        assert isinstance(failed, PointFailed)
        with pytest.raises(Diverged) as alone:
            run([point], context, [place])
        assert str(failed.error) == str(alone.value)


def test_a_formula_that_is_no_number_at_a_point_is_told_of_that_point() -> None:
    potential = {**WELL, "energy": "(x**2 - 1)**2 + 0*log(x + a)"}
    context = _context(potential={**potential, "energy": "x**2/2 + x*log(a - x)/10"}, temperature=0.5, start=[0.0])
    few = context.study.models["m"].potential
    levels = [few.model_copy(update={"parameters": {"a": a}}) for a in (50.0, 0.5, 60.0)]
    found = run(_points(context, potential=levels), context)
    assert [isinstance(each, PointFailed) for each in found] == [False, True, False]
    assert isinstance(found[1], PointFailed)
    assert isinstance(found[1].error, NotFinite | Diverged)


def test_all_points_may_fail() -> None:
    context = _context(potential=WELL, temperature=0.3, start=[-1.0])
    found = run(_points(context, time_step=[0.9, 1.2]), context)
    assert all(isinstance(each, PointFailed) for each in found)


def test_a_launch_takes_the_points_that_memory_and_a_few_seconds_hold() -> None:
    small = _context(potential=WELL, temperature=0.3, start=[-1.0]).study
    long = _context(potential=WELL, temperature=0.3, start=[-1.0], steps=10**9).study
    assert points_at_once(long, "m") == 1
    most, of_one = points_at_once(small, "m"), total(small.models["m"].held(small, "m"))
    assert most * of_one <= AT_ONCE < (most + 1) * of_one
