"""Arranging an update rule so that few operations remain per lane and step.

Whatever depends on parameters alone becomes a coefficient, computed once per launch in float64; what remains of a
polynomial is written in nested (Horner) form, and an increment is kept apart from the value that it is added to, so
that a small step is not lost in a coefficient close to one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langevin_sgd.landscapes.formula_size import most_monomials
from langevin_sgd.landscapes.symbols import sympy

_MOST_MONOMIALS = 80
# Beyond this bound, parameters counted, nothing is multiplied out, not even to see what cancels.
_MOST_TRIED = 2000


class Folded:
    """Expressions in the parameters alone, each with a symbol _c0, _c1, ... of its own."""

    def __init__(self) -> None:
        self.expressions: list[sympy.Expr] = []
        self._index: dict[sympy.Expr, int] = {}

    def symbol(self, expression: sympy.Expr) -> sympy.Expr:
        """The symbol that stands for the expression; numbers stay numbers."""
        if expression.is_number:
            return expression
        small = most_monomials(expression, expression.free_symbols) <= _MOST_TRIED
        key = sympy.together(sympy.expand(expression)) if small else expression
        for sign in (1, -1):
            if sign * key in self._index:
                return sign * lane_symbol(f"c{self._index[sign * key]}")
        self._index[key] = len(self.expressions)
        self.expressions.append(expression)
        return lane_symbol(f"c{self._index[key]}")


def lane_symbol(name: str) -> sympy.Symbol:
    """A symbol of the lane, with an underscore in front: no name that a user may give begins with one."""
    return sympy.Symbol(f"_{name}", real=True)


def arranged(
    expression: sympy.Expr, moving: set[sympy.Symbol], coefficients: Folded, base: sympy.Symbol | None = None
) -> sympy.Expr:
    """The expression with parameters folded into coefficients; `moving` symbols change along the run.

    `base` is the symbol that the expression increments, where it has one: the result then is base + increment.
    """
    present = sorted(expression.free_symbols & moving, key=lambda s: s.name)
    if not present:
        return coefficients.symbol(expression)
    if expression.is_polynomial(*present) and most_monomials(expression, expression.free_symbols) <= _MOST_TRIED:
        polynomial = sympy.Poly(expression, *present, domain="EX")
        if len(polynomial.terms()) <= _MOST_MONOMIALS:
            return _polynomial(polynomial, present, coefficients, base)
    return _structural(expression, moving, coefficients)


def arranged_condition(condition: sympy.Basic, moving: set[sympy.Symbol], coefficients: Folded) -> sympy.Basic:
    """The condition with both sides of every comparison arranged."""
    if condition in (sympy.true, sympy.false):
        return condition
    if isinstance(condition, sympy.core.relational.Relational):
        return condition.func(*(arranged(side, moving, coefficients) for side in condition.args), evaluate=False)
    return condition.func(*(arranged_condition(part, moving, coefficients) for part in condition.args))


def _polynomial(
    polynomial: Any, symbols: list[sympy.Symbol], coefficients: Folded, base: sympy.Symbol | None
) -> sympy.Expr:
    terms = {powers: sympy.sympify(factor) for powers, factor in polynomial.terms() if factor != 0}
    lead: sympy.Expr = sympy.Integer(0)
    if base in symbols:
        linear = tuple(int(s == base) for s in symbols)
        rest = sympy.expand(terms.get(linear, sympy.Integer(0)))
        if 1 in sympy.Add.make_args(rest):
            lead = base
            terms[linear] = rest - 1
            if terms[linear] == 0:
                del terms[linear]
    named = {powers: coefficients.symbol(factor) for powers, factor in terms.items()}
    nested = _nested(named, symbols)
    return _sum([lead, *sympy.Add.make_args(nested)])


def _nested(terms: dict[tuple[int, ...], sympy.Expr], symbols: list[sympy.Symbol]) -> sympy.Expr:
    """Multivariate Horner form: divide by the symbol that most monomials share, again and again."""
    if not terms:
        return sympy.Integer(0)
    counts = [sum(powers[i] > 0 for powers in terms) for i in range(len(symbols))]
    most = max(range(len(symbols)), key=lambda i: counts[i], default=0)
    if not symbols or counts[most] == 0:
        return sympy.Add(*terms.values())
    if counts[most] == 1:
        return _sum(
            _product(factor, *(s**p for s, p in zip(symbols, powers, strict=True) if p))
            for powers, factor in terms.items()
        )
    lowest = min(powers[most] for powers in terms if powers[most] > 0)
    inner = {
        (*powers[:most], powers[most] - lowest, *powers[most + 1 :]): factor
        for powers, factor in terms.items()
        if powers[most] > 0
    }
    outer = {powers: factor for powers, factor in terms.items() if powers[most] == 0}
    head = _product(_nested(inner, symbols), symbols[most] ** lowest)
    return _sum([head, _nested(outer, symbols)])


def _structural(expression: sympy.Expr, moving: set[sympy.Symbol], coefficients: Folded) -> sympy.Expr:
    """The expression as it stands, with its parameter-only parts folded."""
    if not expression.free_symbols & moving:
        return coefficients.symbol(expression)
    if not expression.args:
        return expression
    if isinstance(expression, sympy.Piecewise):
        pieces = [
            (arranged(value, moving, coefficients), arranged_condition(where, moving, coefficients))
            for value, where in expression.args
        ]
        return sympy.Piecewise(*pieces, evaluate=False)
    if isinstance(expression, sympy.Add | sympy.Mul):
        still = [a for a in expression.args if not a.free_symbols & moving]
        running = [_structural(a, moving, coefficients) for a in expression.args if a.free_symbols & moving]
        folded = [coefficients.symbol(expression.func(*still))] if still else []
        return _sum([*folded, *running]) if isinstance(expression, sympy.Add) else _product(*folded, *running)
    return expression.func(*(_structural(a, moving, coefficients) for a in expression.args))


def _sum(parts: Iterable[sympy.Expr]) -> sympy.Expr:
    kept = [part for part in parts if part != 0]
    if not kept:
        return sympy.Integer(0)
    return kept[0] if len(kept) == 1 else sympy.Add(*kept, evaluate=False)


def _product(*factors: sympy.Expr) -> sympy.Expr:
    kept = [factor for factor in factors if factor != 1]
    if not kept:
        return sympy.Integer(1)
    return kept[0] if len(kept) == 1 else sympy.Mul(*kept, evaluate=False)
