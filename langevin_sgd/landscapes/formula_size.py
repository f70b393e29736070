"""How large a formula becomes when it is differentiated or expanded, estimated before it is tried."""

from __future__ import annotations

import math
from collections.abc import Collection

from langevin_sgd.landscapes.symbols import sympy


def slope_size(expression: sympy.Expr, coordinate: sympy.Symbol) -> int:
    """Bound on the number of operations of the derivative as a tree; the product rule makes n^2 of n factors."""
    sizes: dict[sympy.Basic, tuple[int, int]] = {}

    def both(e: sympy.Basic) -> tuple[int, int]:
        """The size of e and that of its derivative, 0 where that vanishes."""
        if e not in sizes:
            sizes[e] = counted(e)
        return sizes[e]

    def counted(e: sympy.Basic) -> tuple[int, int]:
        if not e.args:
            return 1, int(e == coordinate)
        parts = [both(part) for part in e.args]
        size = sum(own for own, _ in parts) + 1
        if isinstance(e, sympy.Add):
            return size, sum(slope for _, slope in parts)
        return size, sum(size + slope for _, slope in parts if slope)

    return both(expression)[1]


def most_monomials(expression: sympy.Expr, symbols: Collection[sympy.Symbol]) -> float:
    """Bound on the number of monomials of a polynomial in `symbols` when it is multiplied out."""
    terms, degree = _terms_and_degree(expression, frozenset(symbols))
    return min(terms, _combinations(degree + len(symbols), len(symbols)))


def _terms_and_degree(e: sympy.Expr, symbols: frozenset[sympy.Symbol]) -> tuple[float, float]:
    if not e.free_symbols & symbols:
        return 1.0, 0.0
    if isinstance(e, sympy.Add | sympy.Mul):
        parts = [_terms_and_degree(part, symbols) for part in e.args]
        if isinstance(e, sympy.Add):
            return sum(terms for terms, _ in parts), max(degree for _, degree in parts)
        return math.prod(terms for terms, _ in parts), sum(degree for _, degree in parts)
    if isinstance(e, sympy.Pow) and e.exp.is_Integer and e.exp > 0:
        terms, degree = _terms_and_degree(e.base, symbols)
        power = float(e.exp)
        return _combinations(terms + power - 1.0, power), degree * power
    return 1.0, 1.0


def _combinations(n: float, k: float) -> float:
    """n over k, infinite where a float ends."""
    logarithm = math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0) if math.isfinite(n) else math.inf
    return math.inf if logarithm > 600.0 else round(math.exp(logarithm), 6)
