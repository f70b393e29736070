"""The figure of one number at every point of a scan: marks while they can be told apart, then a line with a band."""

from __future__ import annotations

import pytest

import langevin_sgd as lsgd
from langevin_sgd.reporting.plots import scanned as plots
from langevin_sgd.reporting.plots.figure import Subject
from langevin_sgd.reporting.plots.style import style


@pytest.mark.validate
@pytest.mark.parametrize(("most", "bars", "bands"), [(5, 1, 0), (4, 0, 1)])
def test_very_many_points_are_a_line_with_a_band(
    most: int, bars: int, bands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = {
        "kind": "langevin", "potential": {"kind": "expression", "energy": "x**2/2", "variables": ["x"]},
        "temperature": 0.1, "time_step": 0.01, "steps": 4, "replicas": 4, "start": [-1.0],
    }  # fmt: skip
    scan = {"models.m.temperature": {"linear": [0.1, 0.5, 5]}}
    data = lsgd.simulate({"name": "t", "seed": 1, "models": {"m": model}, "scan": scan})["m"].to_dataset()
    monkeypatch.setattr(plots, "_MOST_MARKED", most)
    with style():
        (axes,) = plots.scanned(Subject("m", data)).axes
    assert len(axes.containers) == bars
    assert sum(type(each).__name__ == "FillBetweenPolyCollection" for each in axes.collections) == bands
    assert len(axes.get_legend().texts) == 1
