"""Figures of random potentials: the collapse of several, a walker's history, and what a box that is too small shows."""

from __future__ import annotations

import io

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from langevin_sgd.estimators.renewal_model import renewal_positions
from langevin_sgd.integrators.flooding import flood
from langevin_sgd.landscapes.line import Line
from langevin_sgd.models import declared
from langevin_sgd.models.random_potential.methods.walker_history import walker_history
from langevin_sgd.observables.declared import dataset
from langevin_sgd.reporting.plots import drawn as plots

LN_TIME = np.linspace(0.5, 40.0, 41)
SHIFT, DISORDERS = 0.5, 400


def walk(alpha: float, *, thermal_energy: float = 1.0, censored_from: float = np.inf) -> xr.Dataset:
    """A model whose positions follow the logarithmic law, with the potential of its first disorder."""
    numbers = np.arange(DISORDERS)
    x = renewal_positions(numbers, LN_TIME, seed=1, alpha=alpha, thermal_energy=thermal_energy, shift=SHIFT)
    potential = Line(1.0, half_width=4000).potential(3, [0])[0]
    values = {
        "squared_displacement": x**2,
        "mean_displacement": x,
        "censored": np.broadcast_to(censored_from <= LN_TIME, x.shape),
        "position_draw": x[:, -1:],
        "alpha": alpha,
        "amplitude": 1.0,
        "thermal_energy": thermal_energy,
        "valid_range": (1.0, 1e9),
        **walker_history(potential, np.full(LN_TIME.size, np.nan), LN_TIME, spacing=1.0),
    }
    coords = {"time": np.exp(LN_TIME), "ln_time": LN_TIME, "disorder": numbers}
    attrs = {"kind": "random_potential", "status": "done"}
    return dataset(values, declares=declared(), coords=coords, attrs=attrs, members="disorder")


def figure(name: str, **models: xr.Dataset):
    return plots.figures(xr.DataTree.from_dict(models), [name])[name]


def test_growth_of_several_alphas_lies_on_one_diagonal() -> None:
    drawn = figure("diffusion_collapse", rough=walk(0.75, thermal_energy=0.5), smooth=walk(1.5))
    left, right = drawn.axes
    curves = [line.get_xydata() for line in right.lines if line.get_label().startswith("α")]
    assert len(curves) == len(left.lines) == 2
    for x, y in (curve[curve[:, 0] > 15.0].T for curve in curves):
        np.testing.assert_allclose(y, x, rtol=0.06)  # 400 disorders: 5% at four standard errors
    slopes = [np.polyfit(*line.get_xydata()[20:].T, 1)[0] for line in left.lines]
    assert abs(slopes[0] / slopes[1] - 1.0) > 0.05  # the amplitudes differ, so the collapse is not there by itself


def test_a_lone_model_has_no_collapse_and_a_scanned_one_has() -> None:
    assert "diffusion_collapse" not in plots.figures(xr.DataTree.from_dict({"lone": walk(1.0)}))
    points = [walk(alpha) for alpha in (1.0, 1.5)]
    scanned = xr.concat([point.drop_vars("alpha") for point in points], dim=xr.Variable("alpha", [1.0, 1.5]))
    scanned.attrs = points[0].attrs | {"scan": "alpha"}
    labels = [line.get_label() for line in figure("diffusion_collapse", walk=scanned).axes[0].lines]
    assert labels == ["walk: alpha 1: α = 1", "walk: alpha 1.5: α = 1.5"]


def test_the_history_is_the_flooding_of_the_potential_shown() -> None:
    model = walk(1.0, thermal_energy=0.5)
    above, below = figure("walker_history", walk=model).axes
    path = below.lines[0].get_xydata()
    potential = Line(1.0, half_width=4000).potential(3, [0])
    np.testing.assert_array_equal(path[:, 0], flood(potential).displacement(LN_TIME)[0, :, 0])
    x, v = above.lines[0].get_xydata().T
    assert (np.diff(x) >= 0).all()
    np.testing.assert_array_equal(0.5 * v, potential[0, x.astype(int) + 4000])
    # every bottom is the lowest point of its cell, so it is among the points shown
    visited = above.lines[1].get_xydata()
    assert set(np.unique(path[:, 0])) == set(visited[:, 0]) <= set(x)
    np.testing.assert_array_equal(0.5 * visited[:, 1], potential[0, visited[:, 0].astype(int) + 4000])


@pytest.mark.parametrize("name", ["logarithmic_diffusion", "position_distribution"])
def test_a_box_that_all_have_reached_says_so(name: str) -> None:
    texts = [text.get_text() for text in figure(name, walk=walk(1.0, censored_from=0.0)).axes[0].texts]
    assert any("100% of the disorders have reached the ends" in text for text in texts)
    clean = [text.get_text() for text in figure(name, walk=walk(1.0)).axes[0].texts]
    assert not any("reached the ends" in text for text in clean)


def test_what_comes_after_censoring_is_set_apart_and_not_fitted() -> None:
    axes = figure("logarithmic_diffusion", walk=walk(1.0, censored_from=25.0)).axes[0]
    labels = {line.get_label(): line.get_xdata() for line in axes.lines}
    (apart,) = (label for label in labels if "ends\nof the box" in label)
    assert labels[apart].min() >= 25.0
    assert labels["walk, ± 1 s.e."].max() < 25.0
    assert not any("(ln t + c)^" in label for label in labels)
    collapse = figure("diffusion_collapse", one=walk(1.0, censored_from=25.0), other=walk(1.5, censored_from=0.0))
    assert "no run has an uncensored window" in collapse.axes[1].texts[-1].get_text()


@pytest.mark.parametrize("name", ["diffusion_collapse", "walker_history_rough"])
def test_nothing_is_cut_off(name: str) -> None:
    """The outermost pixels of the picture are empty."""
    drawn = figure(name, rough=walk(0.75), smooth=walk(1.5))
    pixels = imread(io.BytesIO(plots.render(drawn, "png")))[..., :3]
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 1.0).all()


def test_a_single_recorded_time_and_a_single_disorder_are_drawn():
    few = walk(1.0).isel(time=[5], disorder=[0])
    (axes,) = plots.figures(xr.DataTree.from_dict({"walk": few}), ["logarithmic_diffusion"])[
        "logarithmic_diffusion"
    ].axes
    assert axes.lines[0].get_xdata().tolist() == [LN_TIME[5]]
