"""Laws of basins hold wherever the walkers go, whatever box minima were looked for in: against scipy's quadrature."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import cumulative_simpson, quad

from langevin_sgd.laws import Point
from langevin_sgd.laws.evaluate import evaluated, known
from langevin_sgd.models.basins import prepared as basins
from langevin_sgd.models.basins.answers import Answers
from langevin_sgd.models.basins.domain import law_box
from langevin_sgd.models.basins.observables import DECLARES
from langevin_sgd.models.langevin import run as langevin
from langevin_sgd.study.loading import parse

TILTED = {"kind": "expression", "energy": "(x**2 - 1)**2/4 + 0.1*x", "variables": ["x"]}
TOP = 0.1010312578  # the middle root of x^3 - x + 0.1
HALVES = {"left": "x < 0", "right": "x >= 0"}
MULLER_BROWN = " + ".join(
    f"({a})*exp(({b})*(x - ({x}))**2 + ({c})*(x - ({x}))*(y - ({y})) + ({d})*(y - ({y}))**2)/50"
    for a, b, c, d, x, y in [
        (-200, -1, 0, -10, 1, 0),
        (-100, -1, 0, -10, 0, 0.5),
        (-170, -6.5, 11, -6.5, -0.5, 1.5),
        (15, 0.7, 0.6, 0.7, -1, 1),
    ]
)


def prepared(potential: dict[str, Any], **model: Any) -> basins.Prepared:
    given = {"kind": "basins", "potential": potential, "steps": 20, "replicas": 12, "samples": 10, **model}
    study = parse({"name": "t", "seed": 5, "sgd": {"learning_rate": 0.02, "batch_size": 1}, "models": {"m": given}})
    point = (study.models["m"], study.sgd)
    return basins.prepare(*point, langevin.scheme_of([point]))


def by_law(answers: Answers) -> dict[str, Any]:
    """What all laws say of a process by the names of their variables, {law: value} what goes by law."""
    found = evaluated(
        Point(xr.Dataset(), SimpleNamespace(process=lambda point: answers, declares=lambda: DECLARES)), known()
    )
    return {
        str(name): dict(zip(found["law"].values.tolist(), value.values, strict=True)) if "law" in value.dims else value
        for name, value in found.data_vars.items()
    }


def laws(potential: dict[str, Any], *, edges: bool = False, **model: Any) -> dict[str, Any]:
    """Predictions, those that go by law as {law: value}."""
    one = prepared(potential, **model)
    return by_law(Answers(one.process, one.observer.edges if edges else (), None))


def left_share(weight: Callable[[float], float], top: float, reach: float) -> float:
    left, right = (
        quad(weight, *ends, points=[x for x in (-1.0, 1.0) if ends[0] < x < ends[1]], limit=500)[0]
        for ends in ((-reach, top), (top, reach))
    )
    return left / (left + right)


def tilted(x: float) -> float:
    return (x**2 - 1.0) ** 2 / 4.0 + 0.1 * x


def passage_by_hand(energy: Callable[[Any], Any], theta: float, start: float, target: float, wall: float) -> float:
    """(1/theta) int_start^target e^(E/theta) int_wall^y e^(-E/theta), by Simpson's rule."""
    y = np.linspace(wall, target, 400_001)
    inner = cumulative_simpson(np.exp(-energy(y) / theta), x=y, initial=0.0)
    outer = cumulative_simpson(np.exp(energy(y) / theta) * inner, x=y, initial=0.0)
    return float(outer[-1] - np.interp(start, y, outer)) / theta


@pytest.mark.parametrize("box", [[[-1.3, 1.1]], pytest.param([[-40.0, 60.0]], marks=pytest.mark.validate)])
def test_occupancy_on_a_line_does_not_depend_on_the_box(box: Any) -> None:
    """theta = 1/2: 0.60637 left; within the box of -1.3 to 1.1 alone it would be 0.641."""
    exact = left_share(lambda x: np.exp(-2.0 * tilted(x)), TOP, 8.0)
    assert exact == pytest.approx(0.6064, abs=1e-4)
    found = laws(TILTED, temperature=1.0, time_step=0.02, box=box)
    for law in ("fokker_planck", "boltzmann"):
        assert found["mean_occupancy_law"][law][0] == pytest.approx(exact, abs=1e-7)
    assert found["mean_occupancy_law"]["chain"][0] == pytest.approx(exact, abs=5e-4)  # the step moves it by 2e-4
    assert found["relaxation_time"] == pytest.approx(2.33794, rel=1e-4)


@pytest.mark.parametrize("box", [[[-1.25, 1.2]]])
def test_escape_on_a_line_does_not_depend_on_the_box(box: Any) -> None:
    """theta = 1/8: 74.02; with a wall at -1.25 it would be 64.84."""
    left, right = np.sort(np.roots([1.0, 0.0, -1.0, 0.1]).real)[[0, 2]]
    target = right - 0.2 * (right - left)
    exact = passage_by_hand(tilted, 0.125, left, target, -4.0)
    assert exact == pytest.approx(74.02, abs=0.01)
    found = laws(TILTED, temperature=0.25, time_step=0.02, box=box, escape={"from": "left", "to": "right"})
    assert found["escape_time_law"]["fokker_planck"] == pytest.approx(exact, rel=1e-6)
    assert found["escape_time_law"]["chain"] == pytest.approx(exact, rel=0.03)


def test_escape_over_an_edge_beyond_which_the_energy_falls() -> None:
    """x - x^3/3 has no stationary law, and a mean time to x = 2 all the same."""
    cubic = {"kind": "expression", "energy": "x - x**3/3", "variables": ["x"]}
    found = laws(
        cubic, temperature=0.8, time_step=0.01, basins={"well": "x < 1", "out": "x >= 1"},
        escape={"from": "well", "to": "out", "core": "x > 2"},
    )  # fmt: skip
    exact = passage_by_hand(lambda x: x - x**3 / 3, 0.4, -1.0, 2.0, -4.0)
    assert found["escape_time_law"]["fokker_planck"] == pytest.approx(exact, rel=1e-6)
    assert "does not end" in found["law_note"]["chain"]


def test_noise_that_grows_outwards_carries_walkers_beyond_the_box_of_the_energy() -> None:
    """D = (1 + x^2)/5: tails of 1/x^12 times a polynomial, far beyond 36 theta of the energy in the middle."""

    def weight(x: float) -> float:
        d, steps = 0.2 * (1.0 + 3.0 * x**2), np.linspace(0.0, x, 4001)
        slope = steps**3 - steps + 0.1
        return float(np.exp(-np.trapezoid(slope / (0.2 * (1.0 + 3.0 * steps**2)), steps)) / d)

    noise = {"kind": "formula", "variances": ["20*(1 + 3*x**2)"]}
    found = laws(TILTED, noise=noise, time_step=0.02, basins=HALVES, box=[[-1.2, 1.2]])
    exact = left_share(weight, 0.0, 12.0)
    assert found["mean_occupancy_law"]["fokker_planck"][0] == pytest.approx(exact, abs=1e-5)


def test_energy_that_grows_as_a_logarithm() -> None:
    """(1 + (x^2 - 1)^2)^-1 falls as 1/x^4, so that one in a million lies beyond 100: the law is that of the line."""
    slow = {"kind": "expression", "energy": "log(1 + (x**2 - 1)**2) + 0.5*exp(-(x - 1)**2)", "variables": ["x"]}
    found = laws(slow, temperature=2.0, time_step=0.02, basins=HALVES)

    def weight(x: float) -> float:
        return float(np.exp(-0.5 * np.exp(-((x - 1) ** 2))) / (1 + (x * x - 1) ** 2))

    parts = [quad(weight, *ends, limit=500, epsabs=1e-13)[0] for ends in ((-np.inf, 0.0), (0.0, np.inf))]
    exact = parts[0] / sum(parts)
    assert found["mean_occupancy_law"]["boltzmann"][0] == pytest.approx(exact, abs=2e-6)
    assert found["mean_occupancy_law"]["fokker_planck"][0] == pytest.approx(exact, abs=2e-6)


def test_wells_far_narrower_than_one() -> None:
    narrow = {"kind": "expression", "energy": "((1000*x)**2 - 1)**2/4 + 100*x", "variables": ["x"]}
    found = laws(narrow, temperature=1.0, time_step=2e-8, box=[[-0.0015, 0.0012]])
    exact = left_share(lambda x: np.exp(-2.0 * tilted(x)), TOP, 8.0)
    assert found["mean_occupancy_law"]["boltzmann"][0] == pytest.approx(exact, abs=1e-7)


@pytest.mark.parametrize("energy", ["-exp(-4*(x - 1)**2) - exp(-4*(x + 1)**2)", "(x**2 - 1)**2/4 - 0.02*x**6"])
def test_energies_that_hold_nobody_have_no_law(energy: str) -> None:
    """Bounded, or falling at infinity behind barriers that walkers cross: refused, with the reason."""
    potential = {"kind": "expression", "energy": energy, "variables": ["x"]}
    found = laws(potential, temperature=1.0, time_step=0.02, basins=HALVES)
    for law in ("fokker_planck", "chain", "boltzmann"):
        assert np.isnan(found["mean_occupancy_law"][law]).all()
        assert "does not" in found["law_note"][law]


@pytest.mark.validate
@pytest.mark.parametrize("force", [None, ["-0.5*y", "0.5*x"]])
def test_occupancy_in_the_plane_does_not_depend_on_the_box(force: Any) -> None:
    """Transverse y^2/2 leaves the line's 0.60637 as it is; with a force, the laws in two boxes agree."""
    plane = {"kind": "expression", "energy": "(x**2 - 1)**2/4 + 0.1*x + y**2/2", "variables": ["x", "y"]}
    plane |= {} if force is None else {"force": force}
    options = {"temperature": 1.0, "time_step": 0.02, "basins": HALVES, "cells": 20, "edges": True}
    found = laws(plane, box=[[-1.3, 1.1], [-0.3, 0.3]], **options)
    assert prepared(plane, temperature=1.0, time_step=0.02, box=[[-1.3, 1.1], [-0.3, 0.3]]).observer.edges[1][-1] > 2.0
    if force is None:
        exact = left_share(lambda x: np.exp(-2.0 * tilted(x)), 0.0, 8.0)
        assert found["mean_occupancy_law"]["boltzmann"][0] == pytest.approx(exact, abs=1e-4)
    else:
        wide = laws(plane, box=[[-5, 5], [-5, 5]], **options)
        for name in ("mean_occupancy_law", "circulation_law"):
            np.testing.assert_allclose(found[name]["fokker_planck"], wide[name]["fokker_planck"], rtol=1e-6)


@pytest.mark.validate
def test_escape_in_the_plane_does_not_depend_on_the_box() -> None:
    """Within the 1% of the grid of the line's own time to the same line x = 0.6."""
    plane = {"kind": "expression", "energy": "(x**2 - 1)**2/4 + 0.1*x + y**2/2", "variables": ["x", "y"]}
    escape = {"from": "left", "to": "right", "core": "x > 0.6"}
    found = laws(plane, temperature=0.25, time_step=0.02, box=[[-1.25, 1.2], [-0.2, 0.2]], escape=escape)
    left = np.sort(np.roots([1.0, 0.0, -1.0, 0.1]).real)[0]
    exact = passage_by_hand(tilted, 0.125, left, 0.6, -4.0)
    assert found["escape_time_law"]["fokker_planck"] == pytest.approx(exact, rel=0.01)


def test_a_long_step_spreads_the_map_beyond_the_law_of_the_equation() -> None:
    """E = 4 x^2, eta = 0.245: the variance of the map, theta/(8 (1 - eta 4)), is 50 times that of the equation."""
    one = prepared(
        {"kind": "expression", "energy": "4*x**2", "variables": ["x"]}, temperature=1.0, time_step=0.245,
        basins=HALVES, start={"left": [-0.1], "right": [0.1]},
    )  # fmt: skip
    from langevin_sgd.models.basins.line import LineAnswers

    line = LineAnswers(one.process, law_box(one.process, 36.0)[0])
    assert line.chain_law @ line.chain.grid**2 == pytest.approx(0.5 / (8 * (1 - 0.245 * 4)), rel=1e-4)


@pytest.mark.validate
def test_muller_brown_over_fifty_in_a_tight_box() -> None:
    """Barrier/theta = 3: 0.6379 in the deepest basin; cut at the box it was 0.6311."""
    potential = {"kind": "expression", "energy": MULLER_BROWN, "variables": ["x", "y"]}
    found = laws(potential, temperature=2 * 106.04 / 50 / 3, time_step=5e-4, box=[[-1.7, 1.2], [-0.4, 2.1]])
    assert found["mean_occupancy_law"]["boltzmann"][0] == pytest.approx(0.6379, abs=5e-4)
