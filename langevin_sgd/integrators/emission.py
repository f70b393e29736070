"""Straight-line source text from expressions: one operation a line, every value computed once.

On the fused backends a product that is added becomes an explicit fused multiply-add. No other liberty is left to a
compiler, so every lane has the same bits wherever it runs in a block, whatever the vector width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from langevin_sgd.landscapes.formula import FUNCTIONS, FormulaError
from langevin_sgd.landscapes.symbols import sympy

_FUNCTIONS = {**{name: name for name in FUNCTIONS}, "Abs": "absolute", "sign": "sign"}
_RELATIONS = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass
class Emitter:
    """Turns expressions into lines of source; `names` maps symbols to the variables that hold them.

    `fused`: use fma(a, b, c). `number` wraps a literal, so that its type is the lane's. `prefix` starts the names of
    temporaries. `look_up` is the call that finds the slope of a table at a place.
    """

    names: dict[sympy.Basic, str]
    fused: bool = True
    prefix: str = "t"
    choice: str = "{1} if {0} else {2}"
    look_up: str = "look_up({0})"
    constants: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    operations: int = 0
    _known: dict[sympy.Basic, str] = field(default_factory=dict)

    def bind(self, names: Mapping[sympy.Basic, str]) -> None:
        """Give symbols new variables, and forget every value that was computed from the old ones."""
        self.names.update(names)
        self._known.clear()

    def value(self, expression: sympy.Basic) -> str:
        """The name of a variable that holds the expression, computing it first if need be."""
        if expression in self.names:
            return self.names[expression]
        if expression not in self._known:
            self._known[expression] = self._computed(expression)
        return self._known[expression]

    def looked_up(self, place: sympy.Expr) -> str:
        """The name of a variable that holds the slope at that place of the table."""
        return self._line(self.look_up.format(self.value(place)))

    def _computed(self, e: sympy.Basic) -> str:
        if isinstance(e, sympy.Expr) and e.is_number:
            return self._number(e)
        if isinstance(e, sympy.Add):
            return self._sum(list(e.args))
        if isinstance(e, sympy.Mul):
            return self._quotient(list(e.args))
        if isinstance(e, sympy.Pow):
            return self._power(e.base, e.exp)
        if isinstance(e, sympy.Piecewise):
            return self._pieces(e)
        if isinstance(e, sympy.logic.boolalg.Boolean):
            return self._condition(e)
        if e.func.__name__ in _FUNCTIONS:
            return self._line(f"{_FUNCTIONS[e.func.__name__]}({self.value(e.args[0])})")
        raise FormulaError(f"no kernel can be generated for {e.func.__name__} in {e}; rewrite the formula without it")

    def _line(self, text: str) -> str:
        name = f"{self.prefix}{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        self.operations += 1
        return name

    def _number(self, e: sympy.Expr) -> str:
        try:
            value = float(e)
        except TypeError:
            raise FormulaError(f"the equation holds {e}, which is no real number; check the formulas' roots") from None
        text = repr(value)
        if text not in self.constants:
            self.constants[text] = f"K{len(self.constants)}"
        return self.constants[text]

    def _sum(self, parts: list[sympy.Expr]) -> str:
        # plain symbols first: they are what the products are added to
        parts = sorted(parts, key=lambda p: (not p.is_Symbol, p.is_number, sympy.default_sort_key(p)))
        single = [p for p in parts if not _is_product(p)]
        products = [p for p in parts if _is_product(p)]
        total = ""
        for part in single:
            total = self._line(f"{total} + {self.value(part)}") if total else self.value(part)
        for product in products:
            sign, factors = _signed_factors(product)
            if not total:
                total = self.value(product)
            elif self.fused and len(factors) > 1 and not any(_is_reciprocal(f) for f in factors):
                first, *others = (self.value(factor) for factor in sorted(factors, key=_simple_last))
                second = others[0]
                for other in others[1:]:
                    second = self._line(f"{second} * {other}")
                minus = "-" if sign < 0 else ""
                total = self._line(f"fma({minus}{first}, {second}, {total})")
            elif sign < 0:
                total = self._line(f"{total} - {self.value(-product if len(factors) == 1 else _joined(factors))}")
            else:
                total = self._line(f"{total} + {self.value(product)}")
        return total

    def _quotient(self, args: list[sympy.Expr]) -> str:
        sign, factors = _signed_factors(sympy.Mul(*args, evaluate=False))
        over = [f for f in factors if not _is_reciprocal(f)]
        under = [sympy.Pow(f.base, -f.exp) for f in factors if _is_reciprocal(f)]
        result = ""
        for factor in sorted(over, key=sympy.default_sort_key):
            result = self._line(f"{result} * {self.value(factor)}") if result else self.value(factor)
        if under:
            below = self.value(_joined(under))
            result = self._line(f"{result or self._number(sympy.Integer(1))} / {below}")
        return self._line(f"-{result}") if sign < 0 else result

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> str:
        if exponent.is_Integer and int(exponent) > 0:
            n = int(exponent)
            if n % 2:
                return self._line(f"{self.value(base ** (n - 1))} * {self.value(base)}") if n > 1 else self.value(base)
            half = self.value(base ** (n // 2))
            return self._line(f"{half} * {half}")
        if exponent == sympy.Rational(1, 2):
            return self._line(f"sqrt({self.value(base)})")
        if exponent.is_number and exponent < 0:
            below = self.value(sympy.Pow(base, -exponent))
            return self._line(f"{self._number(sympy.Integer(1))} / {below}")
        if exponent.is_Rational and exponent.q == 2:
            return self._line(f"{self.value(base ** (exponent.p // 2))} * {self.value(sympy.sqrt(base))}")
        if base == sympy.E:
            return self._line(f"exp({self.value(exponent)})")
        # the logarithm of a number is one: torch's functions take tensors alone
        logarithm = self._number(sympy.log(base)) if base.is_number else self._line(f"log({self.value(base)})")
        return self._line(f"exp({self.value(exponent)} * {logarithm})")

    def _pieces(self, e: sympy.Piecewise) -> str:
        """The first piece whose condition holds, from the last piece backwards."""
        chosen = self.value(e.args[-1].args[0])
        for value, where in reversed([pair.args for pair in e.args[:-1]]):
            chosen = self._line(self.choice.format(self.value(where), self.value(value), chosen))
        return chosen

    def _condition(self, e: sympy.Basic) -> str:
        if e in (sympy.true, sympy.false):
            raise FormulaError(f"the condition is always {bool(e)}; it must depend on the position")
        if isinstance(e, sympy.And | sympy.Or):
            sign = " & " if isinstance(e, sympy.And) else " | "
            return self._line(sign.join(self.value(a) for a in sorted(e.args, key=sympy.default_sort_key)))
        return self._line(f"{self.value(e.args[0])} {_RELATIONS[e.rel_op]} {self.value(e.args[1])}")


def _is_product(e: sympy.Expr) -> bool:
    return isinstance(e, sympy.Mul) or (isinstance(e, sympy.Pow) and e.exp.is_Integer and int(e.exp) > 1)


def _is_reciprocal(e: sympy.Expr) -> bool:
    return isinstance(e, sympy.Pow) and bool(e.exp.is_number) and bool(e.exp < 0)


def _simple_last(e: sympy.Expr) -> tuple[bool, tuple[object, ...]]:
    return bool(e.is_Symbol), sympy.default_sort_key(e)


def _joined(factors: list[sympy.Expr]) -> sympy.Expr:
    return factors[0] if len(factors) == 1 else sympy.Mul(*factors, evaluate=False)


def _signed_factors(product: sympy.Expr) -> tuple[int, list[sympy.Expr]]:
    """The sign and the factors; an even power counts as two factors, so that it can be fused."""
    sign, factors = 1, []
    pending = list(sympy.Mul.make_args(product)) if isinstance(product, sympy.Mul) else [product]
    while pending:
        factor = pending.pop(0)
        if isinstance(factor, sympy.Mul):
            pending = [*factor.args, *pending]
        elif factor == -1:
            sign = -sign
        elif factor.is_number and factor.is_negative:
            sign = -sign
            if factor != -1:
                factors.append(-factor)
        else:
            factors.append(factor)
    if (
        len(factors) == 1
        and isinstance(factors[0], sympy.Pow)
        and factors[0].exp.is_Integer
        and int(factors[0].exp) > 1
    ):
        power = factors[0]
        half = int(power.exp) // 2
        factors = [power.base**half, power.base ** (int(power.exp) - half)]
    return sign, factors or [sympy.Integer(1)]
