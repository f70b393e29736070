"""Conditions on a position as text: comparisons of formulas, in which abs, sign, min and max may stand too.

Kernels know comparisons of smooth formulas, and & and | of them. A comparison with a function by cases is one of these
in every case: `abs(x) > 1` is (x >= 0 and x > 1) or (x < 0 and -x > 1).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from langevin_sgd.landscapes import known
from langevin_sgd.landscapes.formula import FormulaError, Reader
from langevin_sgd.landscapes.symbols import sympy

_MOST_CASES = 64
_NUMBERS_EVERYWHERE = ("Add", "Mul", "sin", "cos", "tanh", "atan")

_Case = tuple[Any, Any]  # when it holds, and the value then


def parse_condition(text: str, names: Iterable[str]) -> sympy.logic.boolalg.Boolean:
    """The condition as a sympy boolean: comparisons (< <= > >=) of formulas, joined by `and`, `or`, `not`.

    Raises `FormulaError` as `parse` does, and for more cases than a kernel should look at.
    """
    read = _ConditionReader(text, names).read()
    if isinstance(read, sympy.Expr):
        raise FormulaError(f"{text!r} is no condition; compare two formulas, for example 'x > 0.5'")
    return sympy.to_nnf(read, simplify=False)  # no `not` left: kernels know comparisons, & and | alone


def names_in_condition(text: str, names: Iterable[str]) -> frozenset[str]:
    """Which of the `names` the condition holds; raises `FormulaError` as `parse_condition` does."""
    listed = list(names)

    def find() -> list[str]:
        return sorted(each.name for each in parse_condition(text, listed).free_symbols)

    return frozenset(known.answer("names in a condition", [text, listed], find))


class _ConditionReader(Reader):
    def __init__(self, text: str | float, names: Iterable[str]) -> None:
        super().__init__(text, names)
        self._cases: dict[sympy.Symbol, Sequence[_Case]] = {}

    def made(self, node: ast.AST) -> Any:
        match node:
            case ast.Call(func=ast.Name(id=name), args=[first, *others], keywords=[]) if name in _BY_CASES and bool(
                others
            ) == (name in ("min", "max")):
                with self.deeper():
                    values = [self.number(self.node(argument), argument) for argument in (first, *others)]
                found = values[0]
                for other in values[1:] or [None]:
                    found = self._by_cases(_BY_CASES[name](found, other))
                return found
        return super().made(node)

    def comparison(self, node: ast.AST, sides: list[ast.expr], ops: list[ast.cmpop]) -> Any:
        return self._spelt_out(super().comparison(node, sides, ops))

    def _by_cases(self, cases: Sequence[_Case]) -> sympy.Symbol:
        """A symbol that stands for the value until it is compared."""
        found = sympy.Dummy(real=True)
        self._cases[found] = cases
        return found

    def _spelt_out(self, condition: Any) -> Any:
        # the newest first: its cases may hold older ones, theirs never it
        for unknown, cases in reversed(self._cases.items()):
            if unknown not in condition.free_symbols:
                continue
            condition = sympy.Or(*(sympy.And(when, condition.subs(unknown, value)) for when, value in cases))
            if len(condition.atoms(sympy.core.relational.Relational)) > _MOST_CASES:
                raise FormulaError(f"{self.shown} has more than {_MOST_CASES} cases; write the condition simpler")
        return condition


def _of_sign(value: Any, positive: Any, negative: Any) -> Sequence[_Case]:
    return ((value >= 0, positive), (value < 0, negative))


_BY_CASES: dict[str, Callable[[Any, Any], Sequence[_Case]]] = {
    "abs": lambda a, _: _of_sign(a, a, -a),
    "sign": lambda a, _: (
        (a > 0, sympy.Integer(1)),
        (a < 0, sympy.Integer(-1)),
        ((a >= 0) & (a <= 0), sympy.Integer(0)),
    ),
    "min": lambda a, b: _of_sign(b - a, a, b),
    "max": lambda a, b: _of_sign(b - a, b, a),
}


def opposite(condition: sympy.logic.boolalg.Boolean) -> sympy.logic.boolalg.Boolean:
    """The condition that holds where this one does not, both sides being numbers."""
    return sympy.to_nnf(sympy.Not(condition), simplify=False)


def always_decided(condition: sympy.logic.boolalg.Boolean) -> bool:
    """Whether the condition is true or false at every finite position: no side of it can be 0/0 or log(-1)."""
    return all(
        _is_number_everywhere(side) for part in condition.atoms(sympy.core.relational.Relational) for side in part.args
    )


def _is_number_everywhere(e: sympy.Expr) -> bool:
    if e.is_Symbol or e.is_number:
        return True
    if isinstance(e, sympy.Pow):
        return bool(e.exp.is_Integer and e.exp > 0) and _is_number_everywhere(e.base)
    return e.func.__name__ in _NUMBERS_EVERYWHERE and all(_is_number_everywhere(part) for part in e.args)
