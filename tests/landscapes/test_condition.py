"""Conditions with abs, sign, min and max are what Python makes of the same words, on every backend."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import langevin_sgd as lsgd
from langevin_sgd.landscapes.condition import parse_condition
from langevin_sgd.landscapes.formula import FormulaError, parse, symbol

CONDITIONS = [
    "abs(x) > 0.5", "0.5 < abs(x) <= 1.2", "abs(abs(x) - 1) < 0.25", "abs(x - y) < abs(x + y)", "not abs(x) > 0.5",
    "max(x, y) > 0.3", "min(x, y, 0.5) > -0.2", "sign(x) > 0", "sign(x) >= 0 and sign(y) <= 0", "sign(x*y) < 0",
    "abs(x)**0.5 > 0.8", "exp(-abs(x)) > 0.4 or abs(y) > 1.5", "2*abs(x) + abs(y) < 1.5", "abs(-0.7) < abs(x)",
    "max(abs(x), abs(y)) < 1", "x > 0 or min(abs(x), 1) > 0.7",
]  # fmt: skip


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_is_what_python_makes_of_it(text):
    x, y = np.random.default_rng(3).uniform(-2, 2, (2, 500))
    x[:3], y[:3] = 0.0, (0.0, 1.0, -1.0)
    names = {"sign": np.sign, "exp": np.exp}
    expected = [bool(eval(text, {**names, "x": a, "y": b})) for a, b in zip(x, y, strict=True)]
    read = parse_condition(text, ["x", "y"])
    compiled = sympy.lambdify([symbol("x"), symbol("y")], read, "numpy")
    with np.errstate(all="ignore"):
        found = np.broadcast_to(compiled(x, y), x.shape)
    np.testing.assert_array_equal(found, expected)
    assert not read.atoms(sympy.Abs, sympy.Min, sympy.Max, sympy.sign, sympy.Dummy)


@pytest.mark.parametrize("backend", ["fused", "batched", "reference"])
def test_basins_and_passages_by_cases_are_counted_on_every_backend(backend):
    record = lsgd.Record(
        steps=[0, 30, 60], basins={"out": "abs(x) > 0.5", "in": "max(x, -x) <= 0.5"}, first_passage="abs(x) < 0.3",
        each=["x"],
    )  # fmt: skip
    found = lsgd.integrate(
        lsgd.Expression("x**2/2", "x"), lsgd.IsotropicNoise(0.5), time_step=0.02, steps=60, trajectories=40,
        start=[0.6], seed=3, backend=backend, record=record,
    ).data  # fmt: skip
    out = (np.abs(found["x"].values) > 0.5).mean(axis=0)
    np.testing.assert_allclose(found["occupancy"].sel(basin="out"), out, atol=1e-12)
    np.testing.assert_allclose(found["occupancy"].sel(basin="in"), 1 - out, atol=1e-12)
    assert 0.1 < out[-1] < 0.9
    inside = np.abs(found["x"].values) < 0.3
    assert (found["escape_step"].values[inside[:, 1]] <= 30).all()
    assert (found["escape_step"].values[inside.any(axis=1)] > 0).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("abs(x)", "is no condition"), ("abs(x, 1) > 0", "abs"), ("min(x) > 0", "min"), ("abs() > 0", "abs"),
        (" + ".join(f"abs(x - {i})" for i in range(9)) + " > 1", "more than 64 cases"),
        ("abs(x > 0) > 0", "is a condition, not a number"), ("floor(x) > 0", "not differentiable"),
    ],
)  # fmt: skip
def test_conditions_that_cannot_be_are_refused(text, told):
    with pytest.raises(FormulaError, match=told):
        parse_condition(text, ["x", "y"])


def test_energies_still_refuse_what_is_not_smooth():
    with pytest.raises(FormulaError, match="not differentiable"):
        parse("abs(x)", ["x"])
