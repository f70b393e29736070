from __future__ import annotations

import json

import pytest
import xarray as xr

from langevin_sgd.observables.cpu_seconds import CPU_SECONDS
from langevin_sgd.reporting import html, terminal
from langevin_sgd.reporting.probe_costs import BEYOND, costs, costs_line, costs_table


def _tree(**seconds: float) -> xr.DataTree:
    told = {CPU_SECONDS: json.dumps({name.replace("_of_", " "): each for name, each in seconds.items()})}
    return xr.DataTree.from_dict({"mlp": xr.Dataset(attrs={"status": "done", **told}), "plain": xr.Dataset()})


def test_a_probe_is_told_as_a_share_of_the_steps():
    tree = _tree(training=20.0, recording=3.0, probe_of_sharpness=2.0, probe_of_averages=90.0)
    assert [(cost.probe, cost.seconds, cost.share) for cost in costs(tree)] == [
        ("sharpness", 2.0, 0.1),
        ("averages", 90.0, 4.5),
    ]
    assert costs_line(tree) == (
        "probes of mlp: sharpness 2 s of CPU, 10% of the training's; "
        "averages 1 min 30 s of CPU, 4.5 times the training's\n"
        f"averages {BEYOND}"
    )


def test_steps_that_somebody_else_made_have_no_share():
    (cost,) = costs(_tree(probe_of_sharpness=2.0))
    assert cost.told == "2 s of CPU"


def test_no_more_than_a_fifth_needs_no_reason():
    assert "\n" not in costs_line(_tree(training=20.0, probe_of_sharpness=4.0, probe_of_averages=4.0))


@pytest.mark.parametrize(("seconds", "beyond"), [(2.0, False), (5.0, True)])
def test_both_places_tell_it(capsys, seconds, beyond):
    tree = _tree(training=20.0, probe_of_sharpness=seconds)
    terminal.print_run(tree, run="runs/made_up", width=250)
    assert costs_line(tree) in capsys.readouterr().out
    assert (f"sharpness {BEYOND}." in costs_table(tree)) is beyond
    page = html.page(tree, config="", pictures={})
    assert "<h2>What the probes cost</h2>" in page
    assert costs_table(tree) in page


def test_a_run_without_probes_says_nothing():
    tree = xr.DataTree.from_dict({"mlp": xr.Dataset()})
    assert costs_line(tree) == ""
    assert costs_table(tree) == ""
