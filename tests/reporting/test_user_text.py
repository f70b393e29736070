"""Names and labels of users stand in figures, tables and pages letter by letter, whatever they hold."""

from __future__ import annotations

import json
from html import unescape

import pytest
import xarray as xr
from matplotlib.cbook import is_math_text
from matplotlib.text import Text

import langevin_sgd as lsgd
from langevin_sgd.observables.blocks import ATTRIBUTES
from langevin_sgd.reporting import html as html_report
from langevin_sgd.reporting import terminal
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.reporting.plots.literal import LONGEST, literal, literals

LABELS = ["$", "$\\frac{", "_left", "100% $a$", "<b>\"x\" & 'y'", "[/red]", "w" * 500, "w" * 500 + "2", "\U0001f600 中"]


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    """Basins called by all of the labels, the first condition that holds giving its name to a position."""
    edges = [-2.0 + 4.0 * (i + 1) / len(LABELS) for i in range(len(LABELS))]
    model = {
        "kind": "basins", "potential": {"kind": "expression", "energy": "(x**2-1)**2", "variables": ["x"]},
        "basins": {label: f"x < {edge}" for label, edge in zip(LABELS, edges, strict=True)},
        "temperature": 3.0, "time_step": 0.01, "replicas": 18, "steps": 60, "samples": 4, "cells": 10, "laws": False,
        "start_in": LABELS[:3], "start": {label: [edge - 0.1] for label, edge in zip(LABELS[:3], edges, strict=False)},
    }  # fmt: skip
    text = "<script>$x_1$</script> 100%"
    config = {"name": "x", "seed": 1, "description": text, "models": {"_m": model}, "checks": ["occupancy"]}
    made = lsgd.simulate(config)
    assert made["_m"].attrs["status"] == "done", made["_m"].attrs
    return made


def texts(figure: object) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]  # type: ignore[attr-defined]


def test_labels_of_basins_are_drawn_letter_by_letter(tree):
    figures = plots.figures(tree, ["occupancy"])
    (figure,) = figures.values()
    svg = plots.render(figure, "svg").decode("utf-8")
    drawn = texts(figure)
    for label in ("\\$", "\\$\\frac{", " _left"):
        assert f"started in {label}" in drawn
    for label in ("100% \\$a\\$", "<b>\"x\" & 'y'", "[/red]", "w" * (LONGEST - 1) + "…", "w" * (LONGEST - 1) + "… (2)"):
        assert f"fraction in {label}" in drawn
    assert [text for text in drawn if is_math_text(text)] == []
    assert "started in $\\frac{" in unescape(svg)


def test_models_and_basins_that_begin_with_an_underscore_are_in_the_legends(make_tree):
    tree = make_tree()
    renamed = {f"_{name}": tree[name].to_dataset(inherit=False) for name in ("network", "ou", "isotropic")}
    figures = plots.figures(xr.DataTree.from_dict(renamed), ["squared_displacement", "mode_variance"])
    for figure in figures.values():
        legends = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
        assert any("_network" in text for text in legends)
        assert any("_ou" in text for text in legends)


def test_attributes_of_points_of_a_scan_are_left_whole():
    names = [json.dumps({"note": "x" * LONGEST + letter}) for letter in "ab"]
    scanned = xr.Dataset({ATTRIBUTES: ("seed", names), "label": ("seed", ["w" * 2 * LONGEST, "$"])})
    shown = literal(scanned)
    assert list(shown[ATTRIBUTES].values) == names
    assert list(shown["label"].values) == ["w" * (LONGEST - 1) + "…", "\\$"]


def test_the_page_holds_every_label_escaped_and_no_tag_of_the_users(tree):
    page = html_report.page(tree, config="name: <script>\n", pictures={})
    for tag in ("<script>", '<b>"x'):
        assert tag not in page
    shown = unescape(page)
    assert "<script>$x_1$</script> 100%" in shown
    assert "occupancy of $\\frac{" in shown or "$\\frac{" in shown


def test_the_terminal_prints_every_label_as_it_is(tree, capsys):
    terminal.print_verdicts(tree, tree["checks"].to_dataset(), full=True, run="runs/x", width=200)
    out = " ".join(capsys.readouterr().out.split())
    assert "$" in out
    terminal.print_run(tree, run="runs/x")


def test_what_literals_make_of_texts():
    assert literals(["a", "a$b", "_c", "%", "a\nb"]) == ("a", "a\\$b", " _c", "%", "a b")
    assert literals(["x" * 100, "x" * 101]) == ("x" * (LONGEST - 1) + "…", "x" * (LONGEST - 1) + "… (2)")
    assert literals(["αβ θ", "中"]) == ("αβ θ", "\ufffd")
    plain = xr.Dataset({"a": ("basin", [1.0, 2.0])}, coords={"basin": ["left", "right"]})
    assert literal(plain) is plain
    named = plain.assign_coords(basin=["$", "_r"])
    assert list(literal(named).basin.values) == ["\\$", " _r"]
    assert float(literal(named).a.sel(basin=" _r")) == 2.0
