"""Formula landscapes: derivatives, and that a formula can run no code."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record, observed
from langevin_sgd.landscapes.condition import parse_condition
from langevin_sgd.landscapes.expression import Expression, quadratic
from langevin_sgd.landscapes.formula import FormulaError
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
        "(-1)**x",
        "(-2.5)**(x + 1)",
        "0**x",
        "sqrt(-1)**2*x",
        "log(0)*x",
        "tan(pi/2)*x",
        "x/(x - x)",
        "exp(1000)*x",
        "exp(exp(exp(100)))*x",
        "sinh(800)*x",
        "x**exp(exp(100))",
        "x**(2**40)",
        "1e308*10*x",
        "1e-300**-64*x",
        "*".join(["9**64"] * 900) + "*x",
        "(((x**64)**64)**64)**64",
        "*".join(["x"] * 100),
        "*".join(f"(x + {i})" for i in range(800)),
        "*".join(f"sin({i}*x + 1)" for i in range(300)),
        "x²",
        "x − 1",
        "𝟐*x",
        "f'{x!r}'",
        "x.a" + ".a" * 3000,
        "not x",
        "None",
        "x if x > 0 else -x",
        "lambda: x",
        "yield x",
        "x = 1",
        "x == 1",
        "x is x",
        "x in x",
        "x and x",
        "~x",
        "x << 2",
        "0x",
        "sin",
        "sin()",
        "sin(*x)",
        "sin(**x)",
        "x()",
        "(x)(x)",
        "x" * 200,
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
        lambda: observed(Record(formulas={"q": text}), landscape, []),
        lambda: observed(Record(first_passage=f"x > {text}"), landscape, []),
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
        ("4*(x < 0)", "'x < 0' is a condition, not a number; use a smooth step"),
        ("1 + (0 < x < 1)", "'0 < x < 1' is a condition, not a number"),
        ("-(x < 0)", "'x < 0' is a condition, not a number"),
        ("+(x < 0)", "'x < 0' is a condition, not a number"),
        ("(x < 0)**2", "'x < 0' is a condition, not a number"),
        ("exp(x < 0)", "'x < 0' is a condition, not a number"),
        ("(x < 0) < 1", "'x < 0' is a condition, not a number"),
        ("(x < 0) & (x > -1)", "conditions are joined by `and`, `or`"),
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


@pytest.mark.parametrize(
    ("variables", "parameters", "match"),
    [
        (("sin",), {}, "name of a function"),
        (("pi",), {}, "name of a function or constant"),
        (("x", "x"), {}, "given twice"),
        (("x",), {"x": 1.0}, "given twice"),
        (("2x",), {}, "no name"),
        (("_x",), {}, "no name"),
        (("x y",), {}, "no name"),
        (("",), {}, "no name"),
        ((1,), {}, "no name"),
        (("lambda",), {}, "word of Python's own; write 'lambda_'"),
        (("ﬁ",), {}, "reads as 'fi'"),
        ((), {}, "1 to 16 variables"),
        (tuple(f"x{i}" for i in range(17)), {}, "1 to 16 variables"),
        (("x",), {"k": "abc"}, "'k' must be real numbers"),
        (("x",), {"k": [1.0, 2.0]}, "'k' must be one real number"),
        (("x",), {"k": 1j}, "'k' must be real"),
        (("x",), ["k"], "given as {name: value}"),
    ],
)
def test_names_and_values_that_do_not_do_are_refused(variables, parameters, match):
    with pytest.raises(FormulaError, match=match) as caught:
        Expression("1.0", variables, parameters)
    assert "\n" not in str(caught.value)


def test_names_of_other_libraries_are_plain_names():
    """Also those of the generated code: a parameter y0 or z0 is not the state, nor _c0 a coefficient."""
    names = [
        "I",
        "E",
        "S",
        "N",
        "O",
        "gamma",
        "beta",
        "arctan",
        "numpy",
        "np",
        "fma",
        "y0",
        "z0",
        "s0",
        "c0",
        "t0",
        "θ",
    ]
    values = {name: 1.0 + i / 7 for i, name in enumerate(names)}
    landscape = Expression("x**2*(" + " + ".join(names) + ")/2 + arctan*atan(x)", "x", values)
    total, at = sum(values.values()), 0.3
    assert landscape.gradient_at([at])[0] == pytest.approx(total * at + values["arctan"] / (1 + at**2), rel=1e-14)
    kwargs = dict(time_step=0.001, steps=1, start=[at], device="cpu")
    for backend in ("fused", "batched", "reference"):
        for own in ({}, {"z0": np.array([values["z0"]]), "y0": np.array([values["y0"]])}):
            run = integrate(landscape, IsotropicNoise(0.0), backend=backend, parameters=own, **kwargs)
            expected = at - 0.001 * landscape.gradient_at([at])[0]
            assert run.state.vectors["position"][0, 0] == pytest.approx(expected, rel=1e-13)


def test_comments_and_line_breaks_within_parentheses_are_harmless():
    assert Expression("(x\n + 1) # a comment", "x").energy == Expression("x + 1", "x").energy


def test_a_long_product_of_powers_of_sums_is_not_multiplied_out():
    """(x0 + ... + x15)^30 has 3e11 monomials; a sum of parameters to that power as many again."""
    names = [f"x{i}" for i in range(16)]
    total = "(" + " + ".join(names) + ")**30"
    assert not Expression(total, names).is_quadratic
    run = integrate(Expression(total, names), IsotropicNoise(0.0), time_step=1e-3, steps=1, start=[1 / 16] * 16)
    assert run.state.vectors["position"] == pytest.approx(np.full((16, 1), 1 / 16 - 0.03))
    parameters = dict.fromkeys([f"a{i}" for i in range(12)], 1 / 12)
    bowl = Expression("(" + " + ".join(parameters) + ")**30*x**2/2", "x", parameters)
    run = integrate(bowl, IsotropicNoise(0.0), time_step=0.1, steps=1, start=[1.0], backend="batched", device="cpu")
    assert run.state.vectors["position"] == pytest.approx(0.9)


def test_conditions():
    assert str(parse_condition("0 < x < 1 or not x > -2", ["x"])) in {
        "(x <= -2) | ((x > 0) & (x < 1))",
        "(x <= -2) | ((0 < x) & (x < 1))",
    }
    for text in ("x", "x + 1", "x == 1", "x and x > 0"):
        with pytest.raises(FormulaError):
            parse_condition(text, ["x"])
