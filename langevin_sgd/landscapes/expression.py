"""Landscapes given by a formula: E(x) over named variables and parameters, differentiated symbolically."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.landscapes import known
from langevin_sgd.landscapes.by_value import ByValue
from langevin_sgd.landscapes.formula import FormulaError, check_names, parse, symbol
from langevin_sgd.landscapes.formula_size import most_monomials, slope_size
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.landscapes.quadratic import HessianError
from langevin_sgd.landscapes.symbols import sympy
from langevin_sgd.real_array import real_array, real_number

MAX_DIMENSION = 16
# A kernel of this many operations takes about half a minute to compile.
_MOST_OPERATIONS = 5000
_MOST_MONOMIALS = 300

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Expression(Landscape, ByValue):
    """Energy E(x_1, ..., x_d) as a formula, d <= 16.

    `formula`: the text, in the `variables` (the coordinates, in order) and the names of `parameters` (name: value, or
    None for a parameter that every use must give). `force`: d formulas added to -grad E, so that the drift need be no
    gradient; none: the drift is -grad E. Raises `FormulaError` for an unknown symbol, a function that is not
    smooth, a derivative that is too long, or anything that is no arithmetic. Values where the formula is no number, as
    log(x) below 0, are NaN or infinite.

        Expression("a*(x**2 - 1)**2 + b*x", variables=("x",), parameters={"a": 1.0, "b": 0.1})
    """

    symbolic: ClassVar[bool] = True
    whole_formula: ClassVar[bool] = True
    formula: str
    variables: tuple[str, ...]
    parameters: Mapping[str, float | None] = field(default_factory=dict)
    force: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", listed(self.variables))
        object.__setattr__(self, "force", listed(self.force))
        object.__setattr__(self, "parameters", checked_parameters(self.parameters, FormulaError))
        if not 1 <= len(self.variables) <= MAX_DIMENSION:
            raise FormulaError(
                f"a formula takes 1 to {MAX_DIMENSION} variables, not {len(self.variables)}; "
                "give a larger landscape as a torch callable"
            )
        check_names([*self.variables, *self.parameters], "the symbol")
        if self.force and len(self.force) != len(self.variables):
            raise FormulaError(f"the force has {len(self.force)} formulas; give one for each of {len(self.variables)}")
        size = _slopes_size(self.formula, self.variables, tuple(self.parameters))  # the line that wrote it is at fault
        if size > _MOST_OPERATIONS:
            raise FormulaError(
                f"the formula's derivatives take {size} operations, {_MOST_OPERATIONS} at most; write it with fewer "
                "factors, or give the landscape as a torch callable"
            )

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""
        return len(self.variables)

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        """The d coordinates as symbols."""
        return tuple(symbol(name) for name in self.variables)

    @cached_property
    def energy(self) -> sympy.Expr:
        """E, symbolic."""
        return parse(self.formula, [*self.variables, *self.parameters])

    @property
    def formulas(self) -> Mapping[str, sympy.Expr]:
        """The energy."""
        return {"energy": self.energy}

    @cached_property
    def gradient(self) -> tuple[sympy.Expr, ...]:
        """dE/dx_i, symbolic, d entries."""
        return tuple(sympy.diff(self.energy, x) for x in self.coordinates)

    @cached_property
    def drift(self) -> tuple[sympy.Expr, ...]:
        """-dE/dx_i plus the force, symbolic, d entries."""
        names = [*self.variables, *self.parameters]
        force = [parse(text, names) for text in self.force] or [sympy.Integer(0)] * self.dimension
        return tuple(extra - slope for slope, extra in zip(self.gradient, force, strict=True))

    @cached_property
    def hessian(self) -> sympy.ImmutableDenseMatrix:
        """d^2E/dx_i dx_j, symbolic (d, d); of sqrt(x**2), which is |x|, that on either side of the kink."""
        second = sympy.ImmutableDenseMatrix(
            [[sympy.diff(slope, x) for x in self.coordinates] for slope in self.gradient]
        )
        return second.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))

    @cached_property
    def is_quadratic(self) -> bool:
        """Whether the Hessian is the same everywhere, as far as multiplying out shows it; never with a force."""
        if self.force:
            return False
        given = [self.formula, self.variables, list(self.parameters)]
        return bool(known.answer("is quadratic", given, self._is_quadratic))

    def _is_quadratic(self) -> bool:
        here = set(self.coordinates)
        if not all(slope.is_polynomial(*here) for slope in self.gradient):
            return False
        small = all(most_monomials(slope, slope.free_symbols) <= _MOST_MONOMIALS for slope in self.gradient)
        slopes = [sympy.expand(slope) for slope in self.gradient] if small else self.gradient
        return not any(sympy.diff(slope, x).free_symbols & here for slope in slopes for x in here)

    def curvature_bound(self, values: Mapping[str, ArrayLike]) -> Array | None:
        """Largest eigenvalue of the Hessian of a quadratic formula, a number or (n,) like the parameters in it."""
        if not self.is_quadratic:
            return None
        names = sorted(x.name for x in self.hessian.free_symbols - set(self.coordinates))
        whole = np.broadcast_arrays(*(values[name] for name in names)) if names else [np.zeros(1)]
        columns = np.stack([np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in whole])
        # a scan has the same numbers for all trajectories of a point, which stand together
        first = np.append(True, (columns[:, 1:] != columns[:, :-1]).any(axis=0))
        points, of_each = columns[:, first], np.cumsum(first) - 1
        own: dict[str, ArrayLike] = dict(zip(names, points, strict=False))
        unused: dict[str, ArrayLike] = {name: 0.0 for name in self.parameters if name not in own}
        matrices = self.hessian_at(np.zeros((self.dimension, points.shape[1])), **own, **unused)
        largest = np.linalg.eigvalsh(np.moveaxis(matrices, -1, 0))[:, -1]
        return np.asarray(largest[of_each], dtype=np.float64)

    @cached_property
    def laplacian(self) -> sympy.Expr:
        """Sum of d^2E/dx_i^2, symbolic."""
        return sympy.Add(*(self.hessian[i, i] for i in range(self.dimension)))

    def energy_at(self, position: ArrayLike, **parameters: ArrayLike) -> Array:
        """E at `position` (d, ...) -> (...)."""
        return self._evaluate("energy", self.energy, position, parameters)

    def gradient_at(self, position: ArrayLike, **parameters: ArrayLike) -> Array:
        """Gradient at `position` (d, ...) -> (d, ...)."""
        return self._evaluate("gradient", list(self.gradient), position, parameters)

    def drift_at(self, position: ArrayLike, **parameters: ArrayLike) -> Array:
        """Drift at `position` (d, ...) -> (d, ...)."""
        return self._evaluate("drift", list(self.drift), position, parameters)

    def hessian_at(self, position: ArrayLike, **parameters: ArrayLike) -> Array:
        """Hessian at `position` (d, ...) -> (d, d, ...)."""
        return self._evaluate("hessian", self.hessian.tolist(), position, parameters)

    def _evaluate(self, name: str, expression: Any, position: ArrayLike, parameters: Mapping[str, ArrayLike]) -> Array:
        at = real_array(position, "the position", FormulaError)
        if at.shape[:1] != (self.dimension,):
            raise FormulaError(
                f"position has shape {at.shape}; the first axis must have the {self.dimension} coordinates"
            )
        functions: dict[str, Any] = self.__dict__.setdefault("_compiled", {})
        if name not in functions:
            arguments = [*self.coordinates, *(symbol(parameter) for parameter in self.parameters)]
            functions[name] = sympy.lambdify(arguments, expression, "numpy", cse=True, dummify=True)
        unknown = set(parameters) - set(self.parameters)
        if unknown:
            raise FormulaError(f"unknown parameter {min(unknown)!r}; this landscape has {', '.join(self.parameters)}")
        merged = {**self.parameters, **parameters}
        missing = [key for key, value in merged.items() if value is None]
        if missing:
            raise FormulaError(f"the parameter {missing[0]!r} has no value; give {missing[0]}=...")
        with np.errstate(all="ignore"):  # beyond the domain of the formula the answer is NaN, for the caller to look at
            values = functions[name](*at, *(np.asarray(value) for value in merged.values()))
        return _stacked(values, at.shape[1:])


@lru_cache(maxsize=1024)
def _slopes_size(formula: str, variables: tuple[str, ...], parameters: tuple[str, ...]) -> int:
    """Bound on the number of operations of the derivatives of a formula; raises `FormulaError` as `parse` does."""

    def find() -> int:
        energy = parse(formula, [*variables, *parameters])
        return sum(slope_size(energy, symbol(name)) for name in variables)

    return int(known.answer("size of the slopes", [formula, variables, parameters], find))


def checked_parameters(given: Any, error: type[UserError]) -> dict[str, float | None]:
    """`given` as {name: number or None}; raises `error` for anything else."""
    if not isinstance(given, Mapping):
        raise error(f"parameters are given as {{name: value}}, not as {type(given).__name__}")
    return {
        name: None if value is None else real_number(value, f"the parameter {name!r}", error)
        for name, value in given.items()
    }


def listed(texts: Any) -> tuple[Any, ...]:
    """A tuple; one text alone is a list of one, not of its letters."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _stacked(values: Any, shape: tuple[int, ...]) -> Array:
    if isinstance(values, list | tuple):
        return np.stack([_stacked(value, shape) for value in values])
    return np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), shape))


def quadratic(hessian: ArrayLike, minimum: Sequence[float] | None = None) -> Expression:
    """E = (x - x0)^T H (x - x0)/2 as an `Expression` in variables w1, ..., wd, H symmetric (d, d) or its diagonal (d,).

    The entries of H are the parameters h1_1, h1_2, ..., so each may be scanned. Raises `HessianError` when H is not
    symmetric.
    """
    matrix = real_array(hessian, "the entries of a Hessian", HessianError)
    matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise HessianError(f"the Hessian has shape {matrix.shape}; it must be (d, d) or a diagonal (d,)")
    if not np.isfinite(matrix).all():
        raise HessianError("the Hessian has entries that are not finite; give numbers")
    if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0.0):
        raise HessianError("the Hessian is not symmetric; give (H + H^T)/2")
    d = len(matrix)
    centre = np.zeros(d) if minimum is None else real_array(minimum, "the coordinates of a minimum", HessianError)
    if centre.shape != (d,):
        raise HessianError(f"the minimum has shape {centre.shape}; it must be ({d},)")
    names = [f"w{i + 1}" for i in range(d)]
    shifted = [f"({name} - ({float(x)!r}))" if x else name for name, x in zip(names, centre, strict=True)]
    parameters: dict[str, float | None] = {}
    terms = []
    for i in range(d):
        for j in range(i, d):
            if i == j or matrix[i, j] != 0:
                parameters[f"h{i + 1}_{j + 1}"] = float(matrix[i, j])
                factor = "0.5*" if i == j else ""
                terms.append(f"{factor}h{i + 1}_{j + 1}*{shifted[i]}*{shifted[j]}")
    return Expression(" + ".join(terms), tuple(names), parameters)
