from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.observables.blocks import DONE, FAILED, block, of_points, point_at, shared_attributes, with_attributes

NAMES = ("eta", "batch")


def point(number: float, samples: int = 3, **attrs: str) -> xr.Dataset:
    """A point with a number, a window of its own length, times of its own and a curvature that all may share."""
    return xr.Dataset(
        {
            "number": ((), number),
            "window": ("sample", number + np.arange(samples)),
            "curvature": ("mode", np.array([1.0, 2.0]) * (1 + (number >= 2))),
            "note": ((), f"point {number:g}"),
        },
        coords={
            "time": ("time", number * np.arange(2.0)),
            "mode": ("mode", np.arange(2)),
            "sample_step": ("sample", np.arange(samples)),
        },
        attrs=attrs,
    )


def test_points_are_laid_along_the_scan_and_taken_out_again() -> None:
    made = [point(number) for number in range(4)]
    whole = block(made, [""] * 4, NAMES, (2, 2))
    assert whole["number"].dims == NAMES
    assert whole["mode"].dims == ("mode",)  # the same at all points
    assert whole["time"].dims == (*NAMES, "time")
    for number, entries in enumerate(np.ndindex(2, 2)):
        found = point_at(whole, dict(zip(NAMES, entries, strict=True)))
        xr.testing.assert_identical(found.drop_attrs(), made[number].drop_attrs())
        assert found.attrs["status"] == "done"


def test_windows_of_unlike_length_are_filled_up_and_counted() -> None:
    made = [point(0.0, samples=2), point(1.0, samples=4)]
    whole = block(made, ["", ""], ("eta",), (2,))
    assert whole["sample_count"].values.tolist() == [2, 4]
    assert np.isnan(whole["window"].values[0, 2:]).all()
    assert whole["sample_step"].values[0].tolist() == [0, 1, -1, -1]
    for place, each in enumerate(made):
        xr.testing.assert_identical(point_at(whole, {"eta": place}).drop_attrs(), each.drop_attrs())


def test_a_failed_point_has_nothing_but_its_error() -> None:
    whole = block([point(0.0), None], ["", "m diverged at step 3"], ("eta",), (2,))
    assert whole["status"].values.tolist() == [DONE, FAILED]
    lost = point_at(whole, {"eta": 1})
    assert lost.attrs == {"status": "failed", "error": "m diverged at step 3"}
    assert whole.attrs == {}
    assert np.isnan(lost["number"])
    assert np.isnan(lost["window"]).all()
    nothing = block([None, None], ["a", "b"], ("eta",), (2,))
    assert set(nothing.variables) == {"status", "error"}


@pytest.mark.parametrize("lost", [None, 0, 2])
def test_what_points_have_in_common_stands_once_along_what_it_changes_with(lost: int | None) -> None:
    """The curvature changes with the first axis alone; of a row whose first point failed the second one tells it."""
    made = [None if number == lost else point(float(number)) for number in range(4)]
    whole = block(
        made, ["lost" if each is None else "" for each in made], NAMES, (2, 2), common={"curvature": ("eta",)}
    )
    assert whole["curvature"].dims == ("eta", "mode")
    assert whole["curvature"].values.tolist() == [[1.0, 2.0], [2.0, 4.0]]
    assert point_at(whole, {"eta": 1, "batch": 1})["curvature"].values.tolist() == [2.0, 4.0]


def test_points_that_are_made_together_are_laid_alike() -> None:
    together = xr.Dataset(
        {"number": ("point", np.arange(6.0)), "window": (("point", "sample"), np.arange(12.0).reshape(6, 2))},
        coords={"sample": np.arange(2)},
    )
    whole = of_points(together, NAMES, (2, 3), "point")
    assert whole["number"].values.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert point_at(whole, {"eta": 1, "batch": 0})["window"].values.tolist() == [6.0, 7.0]
    assert (whole["status"] == DONE).all()


def test_attributes_are_those_of_each_point() -> None:
    parts = [
        with_attributes(block([point(0.0, noise="full", law=law)], [""], ("eta",), (1,)), ("laws",))
        for law in ("discrete", "epoch")
    ]
    whole = xr.concat([part.assign(attributes=("eta", [part["attributes"].item()])) for part in parts], "eta")
    assert shared_attributes(whole) == {"noise": "full"}
    assert [point_at(whole, {"eta": place}).attrs["law"] for place in (0, 1)] == ["discrete", "epoch"]
