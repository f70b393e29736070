"""A run whose formulas are known from before has the bits of one that reads them, and never those of other formulas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from langevin_sgd.integrators import program
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.schemes import scheme
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import FullNoise, IsotropicNoise, PositionDependentNoise

PLANE = Expression(
    "a*(x**2 - 1)**2 + log(2 + sin(a))*y**2/2 + x*y/10", ("x", "y"), {"a": 0.7}, force=("-y/9", "tanh(x)/7")
)
NOISES = (
    IsotropicNoise(0.3),
    PositionDependentNoise(("sqrt(0.2 + b*x**2)", "sqrt(b)"), {"b": 0.1}, "stratonovich"),
    FullNoise([[0.5, 0.1], [0.1, 0.3]], "2*b", {"b": 0.1}),
)
RECORD = Record(
    steps=(0, 3, 20),
    each=("energy", "x"),
    means=("r",),
    histograms={"y": (-2.0, 2.0, 7)},
    basins={"left": "log(x + 1) < 0", "right": "x > 0"},
    first_passage="sqrt(x) > 0.9",
    formulas={"r": "x**2 + y**2"},
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANGEVIN_SGD_CACHE", str(tmp_path))
    return tmp_path


def _program(landscape=PLANE, noise=NOISES[0], record=RECORD, named="euler_maruyama"):
    return program.program_of_run(landscape, noise, scheme(named), record, [*landscape.parameters, "time_step"])


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: type(noise).__name__)
def test_what_is_known_of_a_program_is_what_is_found(noise, monkeypatch) -> None:
    named = "euler_maruyama"
    rows, found = _program(noise=noise, named=named)
    monkeypatch.setattr(program, "lane_program", None)  # nothing is made of symbols any more
    monkeypatch.setattr(program, "observed", None)
    again, known = _program(noise=noise, named=named)
    assert again == rows
    assert replace(known, lanes=found.lanes) == found


def test_a_run_has_the_same_bits_when_its_formulas_are_known(folder: Path, monkeypatch) -> None:
    def run():
        record = replace(RECORD, first_passage="x > 0.9", basins={"left": "x < 0", "right": "x >= 0"})
        start = {"start": [-1.0, 0.1], "time_step": 0.01, "steps": 20, "trajectories": 40, "seed": 3}
        return integrate(PLANE, NOISES[1], record=record, **start)

    cold = run()
    assert len(list(folder.glob("known_*.json"))) >= 4
    monkeypatch.setattr(program, "lane_program", None)
    warm = run()
    assert warm.data.identical(cold.data)
    assert warm.state == cold.state


def test_everything_that_a_program_depends_on_is_asked_for() -> None:
    """A change in any of it is another program."""
    asked = {"as it is": _program()[1].key}
    asked["formula"] = _program(replace(PLANE, formula="a*x**4 + y**2"))[1].key
    asked["names"] = _program(replace(PLANE, parameters={"a": 0.7, "b": 1.0}))[1].key
    asked["force"] = _program(replace(PLANE, force=()))[1].key
    asked |= {type(noise).__name__: _program(noise=noise)[1].key for noise in NOISES[1:]}
    asked["matrix"] = _program(noise=FullNoise([[0.5, 0.1], [0.1, 0.4]], "2*b", {"b": 0.1}))[1].key
    asked["interpretation"] = _program(noise=replace(NOISES[1], interpretation="ito"))[1].key
    asked["formula of the noise"] = _program(noise=IsotropicNoise("0.3*b", {"b": 1.0}))[1].key
    asked["scheme"] = _program(named="stratonovich_heun")[1].key
    for change in (
        {"each": ("energy",)}, {"means": ()}, {"histograms": {"y": (-2.0, 2.0, 8)}}, {"basins": {"left": "x < 0"}},
        {"first_passage": None}, {"formulas": {"r": "x**4 + y**2"}},
    ):  # fmt: skip
        asked[str(change)] = _program(record=replace(RECORD, **change))[1].key
    assert None not in asked.values()
    assert len(set(map(repr, asked.values()))) == len(asked)
    assert _program(replace(PLANE, parameters={"a": 0.9}))[1].key == asked["as it is"], "values are none of it"
    assert _program(noise=IsotropicNoise(0.5))[1].key == asked["as it is"]


def test_of_a_scheme_of_somebody_elses_nothing_is_kept() -> None:
    own = replace(scheme("euler_maruyama"), source="mine")
    assert program.program_of_run(PLANE, NOISES[0], own, Record(), ["a"])[1].key is None
