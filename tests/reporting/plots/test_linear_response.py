"""The figure of drift and spread beside control and linear response."""

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.reporting.plots.distance_growth import distance_growth
from langevin_sgd.reporting.plots.figure import Results
from langevin_sgd.reporting.plots.linear_response import linear_response
from langevin_sgd.reporting.plots.style import style

STEPS = np.array([0, 1, 10, 100])


def trained(**more) -> xr.Dataset:
    grows = STEPS.astype(float)
    error = 0.01 * np.ones(STEPS.size)
    variables = {
        "train_loss": (("replica", "time"), np.ones((3, STEPS.size))),
        "spread": ("time", 0.1 * grows),
        "tangent_spread": ("time", 0.09 * grows),
        "drift_squared": ("time", grows**1.5),
        "control_squared_displacement": ("time", grows**1.5),
        "spread_over_tangent": ("time", np.where(STEPS > 0, 1.1, np.nan)),
        "spread_over_tangent_stderr": ("time", error),
        "learning_rate": 0.1,
        "batch_size": 4,
        "momentum": 0.0,
        **more,
    }
    return xr.Dataset(variables, coords={"effective_time": ("time", 0.1 * STEPS)})


def test_it_shows_the_ratio_of_every_point():
    plain = trained().drop_vars("tangent_spread")
    both = [trained().drop_vars("batch_size").expand_dims(batch_size=[size]) for size in (4, 8)]
    scan = xr.concat(both, "batch_size")
    scan.attrs["scan"] = ["batch_size"]
    subjects = linear_response.subjects(Results({"net": scan, "single": trained(), "plain": plain}))
    assert set(subjects) == {"net", "single"}
    with style():
        upper, lower = linear_response(subjects["net"]).axes
    assert [text.get_text() for text in lower.get_legend().get_texts()] == ["batch_size=4", "batch_size=8"]
    assert lower.lines[0].get_ydata()[-1] == pytest.approx(1.1)
    assert len(upper.lines) == 8


def test_the_distance_is_shown_against_steps_and_against_time():
    grown = {"squared_displacement": (("replica", "time"), np.ones((3, 1)) * STEPS.astype(float))}
    both = [trained(**grown).drop_vars("batch_size").expand_dims(batch_size=[size]) for size in (4, 8)]
    scan = xr.concat(both, "batch_size").assign_coords(step=("time", STEPS), time=("time", 0.1 * STEPS))
    scan.attrs["scan"] = ["batch_size"]
    (subject,) = distance_growth.subjects(Results({"net": scan, "single": trained(**grown)})).values()
    with style():
        left, right = distance_growth(subject).axes
    np.testing.assert_allclose(left.lines[1].get_xdata(), STEPS[1:])
    np.testing.assert_allclose(right.lines[1].get_xdata(), 0.1 * STEPS[1:])
    np.testing.assert_allclose(left.lines[1].get_ydata(), np.sqrt(STEPS[1:]))
