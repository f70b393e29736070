"""A Langevin equation as a scheme's update rule sees it, in symbols: what kernels are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_sgd.integrators.schemes.scheme import Scalar, Vector
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import FormulaError, symbol
from langevin_sgd.landscapes.symbols import sympy
from langevin_sgd.noise import Interpretation, Noise

if TYPE_CHECKING:
    from langevin_sgd.landscapes.tabulated import Tabulated
    from langevin_sgd.landscapes.waves import Waves


class SymbolicDynamics:
    """The Langevin equation of a formula and a noise, as expressions."""

    def __init__(self, landscape: Expression | Tabulated | Waves, noise: Noise, interpretation: Interpretation) -> None:
        self.coordinates = landscape.coordinates
        self.time_step = symbol("time_step")
        clash = set(noise.parameters) & set(landscape.variables)
        if clash:
            raise FormulaError(
                f"{min(clash)!r} is a coordinate of the landscape and a parameter of the noise; rename one"
            )
        self.amplitude = noise.amplitude(self.coordinates)
        correction = ito_correction(self.amplitude, self.coordinates)
        sign = {"ito": 0, "stratonovich": 1}[noise.interpretation] - {"ito": 0, "stratonovich": 1}[interpretation]
        self.drift_expressions = [
            slope + sign * extra for slope, extra in zip(landscape.drift, correction, strict=True)
        ]
        self.stages: list[tuple[sympy.Symbol, sympy.Expr]] = []

    @property
    def noises(self) -> int:
        """Number m of independent noises."""
        return int(self.amplitude.shape[1])

    def parameter(self, name: str) -> sympy.Symbol:
        """The symbol of that name."""
        return symbol(name)

    def root(self, value: Scalar) -> sympy.Expr:
        """Square root."""
        return sympy.sqrt(value)

    def exponential(self, value: Scalar) -> sympy.Expr:
        """Exponential."""
        return sympy.exp(value)

    def named(self, value: Vector) -> Vector:
        """New symbols, bound to the expressions in `stages`."""
        fresh = [sympy.Symbol(f"_stage{len(self.stages) + i}", real=True) for i in range(len(value))]
        self.stages.extend(zip(fresh, value, strict=True))
        return vector(fresh)

    def drift(self, position: Vector) -> Vector:
        """f at the position."""
        return vector(self._at(expression, position) for expression in self.drift_expressions)

    def noise(self, position: Vector, increment: Vector) -> Vector:
        """b(position) @ increment."""
        at = [[self._at(entry, position) for entry in row] for row in self.amplitude.tolist()]
        return vector(sympy.Add(*(b * v for b, v in zip(row, increment, strict=True))) for row in at)

    def noise_slope(self, position: Vector, weights: Vector) -> Vector:
        """b_i db_i/dw_i v_i."""
        diagonal = [self.amplitude[i, i] for i in range(len(self.coordinates))]
        slopes = [b * sympy.diff(b, x) for b, x in zip(diagonal, self.coordinates, strict=True)]
        return vector(self._at(slope, position) * v for slope, v in zip(slopes, weights, strict=True))

    def _at(self, expression: sympy.Expr, position: Vector) -> sympy.Expr:
        return expression.xreplace(dict(zip(self.coordinates, position, strict=True)))


def vector(entries: Any) -> Vector:
    """Expressions as an array, so that a rule's arithmetic works entry by entry."""
    listed = list(entries)
    out = np.empty(len(listed), dtype=object)
    out[:] = listed
    return out


def ito_correction(amplitude: sympy.Matrix, coordinates: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
    """Sum over j, k of b_kj d b_ij/dw_k / 2: the drift that turns a Stratonovich equation into an Ito one."""
    d, m = amplitude.shape
    half = sympy.Rational(1, 2)
    return [
        half
        * sympy.Add(
            *(
                amplitude[k, j] * sympy.diff(amplitude[i, j], coordinates[k])
                for j in range(m)
                for k in range(d)
                if amplitude[k, j] != 0
            )
        )
        for i in range(d)
    ]


def noise_structure(amplitude: sympy.Matrix, coordinates: Sequence[sympy.Symbol]) -> str:
    """`additive` (b constant), `diagonal` (b_i depends on its own coordinate alone) or `general`."""
    where = set(coordinates)
    if not amplitude.free_symbols & where:
        return "additive"
    d, m = amplitude.shape
    own = d == m and all(
        (amplitude[i, j] == 0) if i != j else not (amplitude[i, i].free_symbols & where) - {coordinates[i]}
        for i in range(d)
        for j in range(m)
    )
    return "diagonal" if own else "general"
