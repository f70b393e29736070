"""Figures of models that are scanned over names: said in titles, and not drawn against."""

from __future__ import annotations

import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError

SCHEMES = {"models.wells.scheme": ["euler_maruyama", "leimkuhler_matthews"]}


def scanned(scan: dict, **more) -> xr.DataTree:
    wells = {
        "kind": "basins",
        "potential": {"kind": "expression", "energy": "(x**2 - 1)**2/4 + x/20", "variables": ["x"]},
        "temperature": 2.0,
        "cells": 12,
        "time_step": 0.02,
        "steps": 100,
        "samples": 50,
        "replicas": 32,
        **more,
    }
    return lsgd.simulate({"name": "wells", "seed": 1, "models": {"wells": wells}, "scan": scan})


MEASURED = {"occupancy_scan": {}, "escape_scan": {"escape": {"from": "left", "to": "right"}}}


@pytest.mark.by_default("occupancy_scan")
@pytest.mark.parametrize("name", MEASURED)
def test_the_name_at_which_a_curve_is_drawn_is_in_its_title(name: str) -> None:
    tree = scanned({"models.wells.temperature": [2.0, 4.0], **SCHEMES}, **MEASURED[name])
    axes = lsgd.figures(tree, [name])[name].axes[0]
    assert any("scheme = euler_maruyama" in text.get_text() for text in axes.texts)


@pytest.mark.by_default("occupancy_scan")
@pytest.mark.parametrize("name", MEASURED)
def test_names_alone_are_no_axis_of_a_curve(name: str) -> None:
    tree = scanned(SCHEMES, **MEASURED[name])
    assert lsgd.figures(tree)
    with pytest.raises(UserError, match=f"no figure '{name}'"):
        lsgd.figures(tree, [name])
