"""Formulas as text, read safely: Python's own grammar, but only arithmetic, named symbols and smooth functions.

Nothing is evaluated: the text is parsed to a syntax tree and every node that is not arithmetic is refused, so a formula
from a config file can run no code.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes import known
from langevin_sgd.landscapes.symbols import sympy

FUNCTIONS = ("sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "exp", "log", "sqrt")
"""What a formula may call, by the names that sympy has for them too."""
CONSTANTS = ("pi",)

_NOT_SMOOTH = ("abs", "Abs", "sign", "min", "max", "floor", "ceil", "round", "heaviside", "Heaviside", "where")
_COMPARISONS: dict[type[ast.cmpop], str] = {ast.Lt: "Lt", ast.LtE: "Le", ast.Gt: "Gt", ast.GtE: "Ge"}
_SMOOTH = {
    "abs": "sqrt(x**2 + 0.01)",
    "sign": "tanh(x/0.1)",
    "heaviside": "(1 + tanh(x/0.1))/2",
    "min": "(a + b - sqrt((a - b)**2 + 0.01))/2",
    "max": "(a + b + sqrt((a - b)**2 + 0.01))/2",
}
_INSTEAD = {
    "atan2": "atan2(y, x) as 2*atan(y/(x + sqrt(x**2 + y**2)))",
    "asin": "asin(x) as atan(x/sqrt(1 - x**2))",
    "acos": "acos(x) as pi/2 - atan(x/sqrt(1 - x**2))",
    "arctan": "atan",
    "ln": "log",
    "pow": "pow(x, y) as x**y",
}
_LONGEST = 10_000
_LARGEST_POWER = 64
_LARGEST_NUMBER = 1e300
_LARGEST_LOG = math.log(_LARGEST_NUMBER)
_DEEPEST_CALL = 32  # functions and powers within one another: derivatives grow with the square of it and worse
_SHOWN = 80


class FormulaError(UserError, ValueError):
    """A formula that cannot be read, is not differentiable or names something unknown."""


def symbol(name: str) -> sympy.Symbol:
    """The real symbol of that name."""
    return sympy.Symbol(name, real=True)


def parse(text: str | float, names: Iterable[str]) -> sympy.Expr:
    """The formula as a sympy expression over the real symbols `names`.

    Numbers, + - * / **, parentheses, `pi` and the functions of `FUNCTIONS` are allowed; anything else raises
    `FormulaError` with the offending piece and what to write in its place.
    """
    # a run meets the same formulas at every point and every segment
    return _remembered(text, tuple(names)) if isinstance(text, str) else _parsed(text, names)


def _parsed(text: str | float, names: Iterable[str]) -> sympy.Expr:
    reader = Reader(text, names)
    read = reader.read()
    if not isinstance(read, sympy.Expr):
        raise FormulaError(f"{reader.shown} is a condition; a formula with a value is needed here")
    return read


_remembered = lru_cache(maxsize=1024)(_parsed)


def names_in(text: str | float, names: Iterable[str]) -> frozenset[str]:
    """Which of the `names` the formula holds; raises `FormulaError` as `parse` does."""
    return _names_in(str(text), tuple(names))


@lru_cache(maxsize=1024)
def _names_in(text: str, names: tuple[str, ...]) -> frozenset[str]:
    def find() -> list[str]:
        return sorted(each.name for each in parse(text, names).free_symbols)

    return frozenset(known.answer("names in a formula", [text, names], find))


def check_names(names: Iterable[str], what: str) -> None:
    """Raise `FormulaError` unless the names are distinct identifiers that shadow no function or constant."""
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise FormulaError(f"{what} {name!r} is no name; use letters, digits and _, starting with a letter")
        if keyword.iskeyword(name):
            raise FormulaError(f"{what} {name!r} is a word of Python's own; write {name + '_'!r}")
        if name != unicodedata.normalize("NFKC", name):
            raise FormulaError(f"{what} {name!r} reads as {unicodedata.normalize('NFKC', name)!r}; write it so")
        if name in FUNCTIONS or name in CONSTANTS or name in _NOT_SMOOTH:
            raise FormulaError(f"{what} {name!r} is the name of a function or constant; choose another")
        if name in seen:
            raise FormulaError(f"{what} {name!r} is given twice")
        seen.add(name)


class Reader:
    """Turns the syntax tree of one formula into a sympy expression."""

    def __init__(self, text: str | float, names: Iterable[str]) -> None:
        self.text = str(text).strip()
        self.shown = repr(self.text if len(self.text) <= _SHOWN else self.text[: _SHOWN - 3] + "...")
        self.depth = 0
        self.symbols: Mapping[str, sympy.Expr] = {name: symbol(name) for name in names}

    def read(self) -> Any:
        if len(self.text) > _LONGEST:
            raise FormulaError(f"the formula has {len(self.text)} characters; {_LONGEST} are the limit")
        try:
            tree = ast.parse(self.text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
            if isinstance(fault, RecursionError | MemoryError):
                detail = "it is too long or nested too deeply"
            else:
                detail = str(getattr(fault, "msg", fault)).splitlines()[0][:_SHOWN]
            raise FormulaError(f"cannot read the formula {self.shown}: {detail}; write it as in Python") from None
        try:
            value = self.node(tree.body)
        except RecursionError:
            raise FormulaError("the formula is nested too deeply; split it or write it more simply") from None
        if isinstance(value, sympy.Expr):
            if value.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan, sympy.I):
                raise self.not_real()
            powers = [power.exp for power in value.atoms(sympy.Pow) if power.exp.is_number]
            if powers and max(abs(float(power)) for power in powers) > _LARGEST_POWER:
                raise self.too_high("a product of powers")
        return value

    def node(self, node: ast.AST) -> Any:
        """The value of a piece of the tree; a number is checked as soon as it is made, before it can grow."""
        value = self.made(node)
        if isinstance(value, sympy.Expr) and value.is_number:
            try:
                size = abs(float(value))
            except OverflowError:
                size = math.inf
            except TypeError:  # complex, or infinite without a sign
                raise self.not_real() from None
            if math.isnan(size):
                raise self.not_real()
            if size > _LARGEST_NUMBER:
                raise FormulaError(f"a number in {self.shown} is beyond {_LARGEST_NUMBER:g}; choose other units")
        return value

    def made(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=bool() | str() | bytes() | complex() | None):
                raise self.refused(node, "only real numbers")
            case ast.Constant(value=int() | float() as number) if not abs(number) <= _LARGEST_NUMBER:
                raise FormulaError(f"a number in {self.shown} is beyond {_LARGEST_NUMBER:g}; choose other units")
            case ast.Constant(value=int(number)):
                return sympy.Integer(number)
            case ast.Constant(value=float(number)):
                exact = sympy.Rational(number)  # a half should stay a half; 0.1 has no short fraction
                return exact if exact.q <= 1024 else sympy.Float(number)
            case ast.Name(id=name):
                return self.named(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.number(self.node(operand), operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(self.node(operand), operand)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return sympy.Not(self.condition(operand))
            case ast.BoolOp(op=op, values=values):
                join = sympy.And if isinstance(op, ast.And) else sympy.Or
                return join(*(self.condition(value) for value in values))
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
                raise self.refused(node, "conditions are joined by `and`, `or`")
            case ast.BinOp(left=left, op=ast.Pow() as op, right=right):
                with self.deeper():
                    return self.binary(
                        node, op, self.number(self.node(left), left), self.number(self.node(right), right)
                    )
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(node, op, self.number(self.node(left), left), self.number(self.node(right), right))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self.comparison(node, [left, *comparators], ops)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                with self.deeper():
                    return self.function(name, self.number(self.node(argument), argument))
            case ast.Call(func=ast.Name(id=name)):
                raise self.bad_call(name)
        raise self.refused(node, "only + - * / **, numbers, names and functions")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > _DEEPEST_CALL:
            raise FormulaError(
                f"more than {_DEEPEST_CALL} functions and powers stand within one another; write the formula simpler"
            )
        yield
        self.depth -= 1

    def named(self, name: str) -> sympy.Expr:
        if name in self.symbols:
            return self.symbols[name]
        if name in CONSTANTS:
            return getattr(sympy, name)
        known = [*self.symbols, *CONSTANTS]
        near = difflib.get_close_matches(name, known, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"known names: {', '.join(known) or 'none'}"
        raise FormulaError(f"unknown symbol {name!r:.50} in {self.shown}; {mend}")

    def function(self, name: str, argument: sympy.Expr) -> sympy.Expr:
        growing = name in ("exp", "sinh", "cosh") and argument.is_number
        if growing and abs(float(argument)) > _LARGEST_LOG:
            raise FormulaError(f"{name} of {float(argument):.4g} in {self.shown} is out of range; choose other units")
        return getattr(sympy, name)(argument)

    def binary(self, node: ast.AST, op: ast.operator, left: Any, right: Any) -> sympy.Expr:
        match op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.Pow():
                if right.is_number and abs(float(right)) > _LARGEST_POWER:
                    raise self.too_high(f"the power {float(right):.6g}")
                if left.is_number and not right.is_number and float(left) <= 0.0:
                    raise FormulaError(f"{float(left):.4g} to a power that varies is no real number; see {self.shown}")
                return left**right
            case ast.BitXor():
                raise self.refused(node, "powers as **")
        raise self.refused(node, "only + - * / **")

    def comparison(self, node: ast.AST, sides: list[ast.expr], ops: list[ast.cmpop]) -> Any:
        if not all(type(op) in _COMPARISONS for op in ops):
            raise self.refused(node, "only < <= > >=")
        values = [self.number(self.node(side), side) for side in sides]
        pairs = zip(ops, values[:-1], values[1:], strict=True)
        return sympy.And(*(getattr(sympy, _COMPARISONS[type(op)])(left, right) for op, left, right in pairs))

    def number(self, value: Any, node: ast.AST) -> Any:
        if not isinstance(value, sympy.Expr):
            mend = "use a smooth step, such as (1 - tanh(k*x))/2"
            raise FormulaError(f"{self.piece(node)!r} is a condition, not a number; {mend}")
        return value

    def condition(self, node: ast.AST) -> Any:
        value = self.node(node)
        if isinstance(value, sympy.Expr):
            raise self.refused(node, "a comparison on both sides of and/or/not")
        return value

    def bad_call(self, name: str) -> FormulaError:
        if name in _INSTEAD:
            return FormulaError(f"{name} in {self.shown} is not known; write {_INSTEAD[name]}")
        if name in _NOT_SMOOTH or name in ("Min", "Max"):
            mend = _SMOOTH.get(name.lower(), f"{_SMOOTH['abs']} for abs")
            return FormulaError(f"{name} in {self.shown} is not differentiable; use a smooth form, such as {mend}")
        if name in FUNCTIONS:
            return FormulaError(f"{name} in {self.shown} takes one argument")
        near = difflib.get_close_matches(name, FUNCTIONS, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"known functions: {', '.join(FUNCTIONS)}"
        return FormulaError(f"unknown function {name!r:.50} in {self.shown}; {mend}")

    def too_high(self, what: str) -> FormulaError:
        return FormulaError(f"{what} in {self.shown} is beyond {_LARGEST_POWER}; write it with exp and log")

    def not_real(self) -> FormulaError:
        return FormulaError(f"{self.shown} is not a finite real number everywhere; look for 1/0 or sqrt(-1)")

    def refused(self, node: ast.AST, allowed: str) -> FormulaError:
        return FormulaError(f"{self.piece(node)!r} is not allowed in the formula {self.shown}; {allowed}")

    def piece(self, node: ast.AST) -> str:
        return (ast.get_source_segment(self.text, node) or ast.dump(node))[:_SHOWN]
