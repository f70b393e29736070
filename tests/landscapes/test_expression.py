"""Formula landscapes: derivatives, and that a formula can run no code."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.record import Record, quantities
from langevin_sgd.landscapes.expression import Expression, quadratic
from langevin_sgd.landscapes.formula import FormulaError, parse_condition
from langevin_sgd.noise import FullNoise, IsotropicNoise, PositionDependentNoise


def test_derivatives_agree_with_finite_differences():
    landscape = Expression("a*(x**2 - 1)**2 + exp(-y**2)*sin(x) + b*x*y", ("x", "y"), {"a": 1.0, "b": None})
    at = np.array([0.3, -0.7])
    step = 1e-5
    for i in range(2):
        shift = step * np.eye(2)[i]
        slope = (landscape.energy_at(at + shift, b=0.2) - landscape.energy_at(at - shift, b=0.2)) / (2 * step)
        assert landscape.gradient_at(at, b=0.2)[i] == pytest.approx(slope, abs=1e-8)
        row = (landscape.gradient_at(at + shift, b=0.2) - landscape.gradient_at(at - shift, b=0.2)) / (2 * step)
        assert landscape.hessian_at(at, b=0.2)[i] == pytest.approx(row, abs=1e-8)
    assert landscape.laplacian == landscape.hessian[0, 0] + landscape.hessian[1, 1]


def test_values_broadcast_over_positions_and_parameters():
    landscape = Expression("k*x**2/2", ("x",), {"k": 1.0})
    positions = np.linspace(-1, 1, 6).reshape(1, 2, 3)
    assert landscape.energy_at(positions, k=np.full((2, 3), 4.0)).shape == (2, 3)
    assert np.array_equal(landscape.gradient_at(positions, k=4.0), 4.0 * positions)
    assert landscape.hessian_at(positions).shape == (1, 1, 2, 3)


def test_quadratic_has_the_given_hessian_and_minimum():
    h = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]])
    landscape = quadratic(h, minimum=[0.1, 0.0, -2.0])
    assert np.allclose(landscape.hessian_at(np.zeros(3)), h)
    assert np.allclose(landscape.gradient_at([0.1, 0.0, -2.0]), 0.0)
    with pytest.raises(ValueError, match="not symmetric"):
        quadratic([[1.0, 0.2], [0.0, 1.0]])


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__",
        "x.real",
        "(lambda: x)()",
        "(lambda y: y)(x)",
        "[x for _ in (1,)]",
        "x if x else 1",
        "x[0]",
        "exec('1')",
        "eval('1')",
        "sin.__call__(x)",
        "sin(x, x)",
        "sin(x=x)",
        "f'{x}'",
        "(y := x)",
        "x; x",
        "True",
        "'x'",
        "1j*x",
        "x @ x",
        "x // 2",
        "x % 2",
        "9**9**9**9",
        "1/0",
        "sqrt(-1)",
        "x > 0",
        "",
        "(" * 500 + "x" + ")" * 500,
        "x" + "+x" * 4000,
        "x" + "+x" * 6000,
        "-" * 5000 + "x",
        "exp(" * 40 + "x" + ")" * 40,
        "x**" * 40 + "x",
        "((((9**64)**64)**64)**64)**64",
        "1e400*x",
        "9" * 400 + "*x",
        "9" * 5000,
        "\0x",
        "x\n+ x",
        "__builtins__",
        "globals()",
        "getattr(x, 'real')",
        "type(x)()",
        "x.__class__.__mro__[1].__subclasses__()",
        "(lambda: __import__('os').system('true'))()",
        "{x}",
        "(x, x)",
        "*x",
        "await x",
        "...",
    ],
)
def test_a_formula_runs_no_code(text, monkeypatch):
    """Nor does it answer in more than one short line."""

    def forbidden(*_, **__):
        raise AssertionError("the formula was evaluated")

    monkeypatch.setattr("os.system", forbidden)
    with pytest.raises(FormulaError) as caught:
        Expression(text, ("x",))
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["x; import os", "__import__('os')", "(lambda: x)()", "x.real", "x[0]"])
def test_noise_conditions_and_recorded_formulas_run_no_code(text):
    landscape = Expression("x**2/2", ("x",))
    for bad in (
        lambda: PositionDependentNoise((text,)).amplitude(landscape.coordinates),
        lambda: IsotropicNoise(text).amplitude(landscape.coordinates),
        lambda: FullNoise([[1.0]], scale=text).amplitude(landscape.coordinates),
        lambda: parse_condition(text, ["x"]),
        lambda: quantities(Record(formulas={"q": text}), landscape, []),
        lambda: quantities(Record(first_passage=f"x > {text}"), landscape, []),
    ):
        with pytest.raises(FormulaError):
            bad()


@pytest.mark.parametrize("text", ["x" + "+x" * 400, "(" * 190 + "x" + ")" * 190, "exp(-" * 8 + "x" + ")" * 8])
def test_long_formulas_of_arithmetic_are_read(text):
    assert np.isfinite(Expression(text, ("x",)).hessian_at([0.3])).all()


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("alhpa*x", "did you mean 'alpha'"),
        ("x^2", r"powers as \*\*"),
        ("abs(x)", "not differentiable; use a smooth form"),
        ("max(x, 0)", "not differentiable; use a smooth form"),
        ("floor(x)", "not differentiable"),
        ("sign(x)", "not differentiable"),
        ("x**65", "beyond 64; write it with exp"),
        ("coss(x)", "did you mean 'cos'"),
    ],
)
def test_errors_say_how_to_mend(text, mend):
    with pytest.raises(FormulaError, match=mend):
        Expression(text, ("x",), {"alpha": 1.0})


def test_names_that_shadow_or_repeat_are_refused():
    for variables, parameters in ((("sin",), {}), (("x", "x"), {}), (("x",), {"x": 1.0}), (("2x",), {}), (("_x",), {})):
        with pytest.raises(FormulaError):
            Expression("1.0", variables, parameters)
    with pytest.raises(FormulaError, match="1 to 16 variables"):
        Expression("0*x0", tuple(f"x{i}" for i in range(17)))


def test_conditions():
    assert str(parse_condition("0 < x < 1 or not x > -2", ["x"])) in {
        "(x <= -2) | ((x > 0) & (x < 1))",
        "(x <= -2) | ((0 < x) & (x < 1))",
    }
    for text in ("x", "x + 1", "x == 1", "x and x > 0"):
        with pytest.raises(FormulaError):
            parse_condition(text, ["x"])
