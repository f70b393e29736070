"""Arranged update rules have the value that they had, with what depends on parameters alone folded away."""

from __future__ import annotations

import random

import pytest
import sympy

from langevin_sgd.integrators.polynomials import Folded, arranged, arranged_condition, lane_symbol

X, Y, A, B, H = sympy.symbols("x y a b h", real=True)
RULES = {
    "a polynomial": (A * (X**2 - 1) ** 2 + B * X * Y - Y**3 / 7, None),
    "an increment": (X - H * (4 * A * X * (X**2 - 1) + B), X),
    "a decay": (X * (1 - H * A) + H * B * Y, X),
    "no polynomial": (A * B * sympy.sin(A * X + B) + sympy.exp(-(Y**2)) * (A + B), None),
    "cases": (sympy.Piecewise((A * X, X > B / A), (A * B * Y, True)), None),
    "parameters alone": (A**2 + B, None),
}


def filled(expression: sympy.Basic, coefficients: Folded, numbers: dict[sympy.Symbol, float]) -> float:
    own = {lane_symbol(f"c{i}"): float(e.subs(numbers)) for i, e in enumerate(coefficients.expressions)}
    return float(expression.subs({**own, **numbers}))


@pytest.mark.parametrize("case", RULES)
def test_values_stay_and_parameters_go(case: str) -> None:
    expression, base = RULES[case]
    coefficients = Folded()
    found = arranged(expression, {X, Y}, coefficients, base)
    assert not found.free_symbols & {A, B, H}
    drawn = random.Random(1)
    for _ in range(20):
        numbers = {symbol: drawn.uniform(0.2, 2.0) for symbol in (X, Y, A, B, H)}
        assert filled(found, coefficients, numbers) == pytest.approx(float(expression.subs(numbers)), rel=1e-12)


def test_an_increment_is_kept_apart_from_the_value_that_it_is_added_to() -> None:
    """x (1 - 1e-20 a) is x + _c0 x with _c0 = -1e-20 a: in a coefficient 1 - 1e-20 a the step would be lost."""
    coefficients = Folded()
    found = arranged(X * (1 - sympy.Float(1e-20) * A), {X}, coefficients, X)
    assert X in sympy.Add.make_args(found)
    (step,) = coefficients.expressions
    assert abs(float(step.subs({A: 1.0}))) == pytest.approx(1e-20)
    planted = Folded()
    arranged(X * (1 - H * A), {X}, planted)  # without a base
    assert [float(e.subs({H: 1e-20, A: 1.0})) for e in planted.expressions] == [1.0]


def test_what_is_the_same_up_to_its_sign_is_one_coefficient() -> None:
    coefficients = Folded()
    first = coefficients.symbol(A * (B - H))
    assert coefficients.symbol(A * B - A * H) == first
    product = coefficients.symbol(A * B * H)
    assert coefficients.symbol(-H * A * B) == -product
    assert coefficients.symbol(sympy.Rational(3, 7)) == sympy.Rational(3, 7)
    assert len(coefficients.expressions) == 2


def test_powers_are_nested() -> None:
    """x^3 + a x^2 + b x as x (x (x + a) + b): no power is left beyond the lowest."""
    found = arranged(X**3 + A * X**2 + B * X, {X}, Folded())
    assert sympy.degree(sympy.expand(found), X) == 3
    assert all(power.exp == 1 for power in found.atoms(sympy.Pow))


def test_both_sides_of_a_condition_are_arranged() -> None:
    coefficients = Folded()
    found = arranged_condition(sympy.And(A * B * X > H, Y < A), {X, Y}, coefficients)
    assert found.free_symbols - {X, Y} == {lane_symbol(f"c{i}") for i in range(3)}
    for x, y, held in ((2.0, 0.0, True), (0.1, 0.0, False), (2.0, 9.0, False)):
        own = {lane_symbol(f"c{i}"): e.subs({A: 1, B: 1, H: 1}) for i, e in enumerate(coefficients.expressions)}
        assert bool(found.subs({**own, X: x, Y: y})) is held
    assert arranged_condition(sympy.true, {X}, coefficients) is sympy.true
