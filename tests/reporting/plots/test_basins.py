"""The figures of basins: what is on them, and what they say of the laws."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.verdicts.table import to_dataset
from langevin_sgd.reporting.plots import drawn as plots


@pytest.fixture(scope="module")
def figures(make_basins, make_escape, make_rotation, make_scan, make_escape_scan):
    models = {
        "wells": make_basins(1),
        "escape": make_escape(2, end=80.0),
        "turning": make_rotation(),
        "scan": make_scan(3),
        "barriers": make_escape_scan(),
    }
    return plots.figures(xr.DataTree.from_dict(models))


def labels(axes):
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def test_every_model_gets_the_figures_of_what_it_measured(figures):
    assert set(figures) == {
        "occupancy", "basins_wells", "basins_turning", "current", "escape", "occupancy_scan", "escape_scan"
    }  # fmt: skip


def test_every_figure_names_its_axes_and_what_was_run(figures):
    for name, figure in figures.items():
        written = [text.get_text() for text in (*figure.texts, *(t for axes in figure.axes for t in axes.texts))]
        assert any("η = " in text for text in written), name
        assert figure.axes[0].get_ylabel()
        assert any(axes.get_xlabel() for axes in figure.axes)


def test_occupancy_in_time_shows_both_starts_the_window_and_the_laws(figures):
    (axes,) = figures["occupancy"].axes
    assert labels(axes) == ["started in sharp", "started in flat", "Fokker-Planck", "exp(−E/2T)"]
    law = next(line for line in axes.lines if line.get_label() == "Fokker-Planck")
    assert set(law.get_ydata()) == {0.4}
    first, second = (
        next(line for line in axes.lines if line.get_label() == f"started in {s}") for s in ("sharp", "flat")
    )
    assert first.get_ydata()[0] == 1.0
    assert second.get_ydata()[0] == 0.0


def test_landscape_and_density_show_the_laws_with_unit_area(figures):
    upper, lower = figures["basins_wells"].axes
    assert labels(lower) == ["measured", "Fokker-Planck", "exp(−E/2T)"]  # nothing of a law that has no answer
    line = next(line for line in lower.lines if line.get_label() == "Fokker-Planck")
    assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1.0, abs=0.01)
    assert upper.lines[0].get_ydata().min() == 0.0
    assert "θ = 0.4" in labels(upper)


def test_current_is_shown_beside_the_law_to_one_scale(figures):
    measured, predicted, _ = figures["current"].axes
    assert (measured.get_title(loc="left"), predicted.get_title(loc="left")) == ("measured", "Fokker-Planck")
    arrows = [next(c for c in axes.collections if hasattr(c, "U")) for axes in (measured, predicted)]
    assert arrows[0].scale == arrows[1].scale
    length = np.where(arrows[1].Umask, 0.0, np.hypot(arrows[1].U, arrows[1].V))  # the faint ones are masked
    strong = length > 0.5 * length.max()
    np.testing.assert_allclose(arrows[0].U[strong], arrows[1].U[strong], atol=0.05)
    x, y = arrows[1].X[strong], arrows[1].Y[strong]
    assert np.all(x * arrows[1].V[strong] - y * arrows[1].U[strong] > 0)  # counter-clockwise, as planted
    assert any("predicted 0.8" in text.get_text() for text in figures["current"].texts)


def test_survival_is_drawn_with_the_exponentials_of_the_laws(figures):
    (axes,) = figures["escape"].axes
    assert labels(axes)[0] == "escape, Kaplan-Meier"
    assert any(label.startswith("exponential, mean 40: Fokker-Planck") for label in labels(axes))
    assert any("not arrived by t = 80" in text.get_text() for text in axes.texts)
    assert axes.get_yscale() == "log"


def test_occupancy_against_temperature_has_laws_above_and_differences_below(figures):
    upper, lower = figures["occupancy_scan"].axes
    assert {"Fokker-Planck", "exp(−E/2T)", "started in sharp", "started in flat"} == set(labels(upper))
    assert upper.get_yscale() == "logit"
    law = next(line for line in upper.lines if line.get_label() == "Fokker-Planck")
    crossing = np.interp(0.5, law.get_ydata()[::-1], law.get_xdata()[::-1])
    assert crossing == pytest.approx(0.5 / np.log(2), rel=0.05)
    points = lower.containers[0].lines[0].get_ydata()
    assert np.abs(points).max() < 0.05
    low, high = lower.get_ylim()
    assert low == -high
    assert high <= 6 * 0.005 + 1e-12


def test_the_arrhenius_plot_is_straight_and_shows_the_ratio_to_the_exact_law(figures):
    upper, lower = figures["escape_scan"].axes
    x, y = upper.containers[0].lines[0].get_data()
    slope = np.polyfit(x, np.log(y), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.1)  # times are 3 exp(1/theta)
    ratio = lower.containers[0].lines[0].get_ydata()
    np.testing.assert_allclose(ratio, 1.0, atol=0.2)
    asymptotic = [line for line in lower.lines if np.allclose(line.get_ydata(), 0.9)]
    assert asymptotic
    assert upper.get_yscale() == "log"


def test_the_tolerance_of_the_check_is_what_the_figures_show(make_scan):
    tree = xr.DataTree.from_dict({"wells": make_scan(3, density=False)})
    criteria = {"kind": "occupancy", "models": None, "tolerance": 0.02, "escape_tolerance": 0.05}
    tree.attrs["provenance"] = json.dumps({"config": {"checks": [criteria]}})
    tree["checks"] = xr.DataTree(to_dataset([], level=0.05, not_compared=[]))
    lower = plots.figures(tree)["occupancy_scan"].axes[1]
    band = lower.patches[0].get_extents().transformed(lower.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((-0.02, 0.02))
