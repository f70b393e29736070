"""Coefficients of a kernel as a function of the parameters, in numpy's words: made once from symbols, kept as text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.landscapes.formula import FormulaError, symbol
from langevin_sgd.landscapes.symbols import sympy

_SHOWN = 80


@dataclass(frozen=True)
class Coefficients:
    """`source` is the text of a function of the `parameters` that returns a list, a number or an array each.

    `uses` are the parameters that each of them depends on, `shown` what a message calls it.
    """

    parameters: tuple[str, ...]
    source: str
    uses: tuple[tuple[str, ...], ...]
    shown: tuple[str, ...]

    def values(self, values: Mapping[str, Any]) -> list[Any]:
        """Every coefficient in float64: a number, or an array over trajectories where its parameters vary."""
        if not self.uses:
            return []
        function = _function(self.source)
        with np.errstate(all="ignore"):
            computed = function(*(np.asarray(values[name], dtype=np.float64) for name in self.parameters))
        out: list[Any] = []
        for text, value in zip(self.shown, computed, strict=True):
            array: NDArray[np.float64] = np.asarray(value, dtype=np.float64)
            if not np.isfinite(array).all():
                raise FormulaError(f"{text} is not finite for the parameters given; check their values")
            out.append(array)
        return out

    def varying(self, names: Sequence[str]) -> tuple[bool, ...]:
        """Which coefficients depend on one of the parameters named."""
        return tuple(not set(names).isdisjoint(own) for own in self.uses)


@lru_cache(maxsize=64)  # asked for every launch of a scan
def _function(source: str) -> Callable[..., Any]:
    code = compile(source, "<coefficients>", "exec")
    (body,) = (each for each in code.co_consts if inspect.iscode(each))
    namespace: dict[str, Any] = {name: getattr(np, name) for name in body.co_names if hasattr(np, name)}
    exec(code, namespace)  # text that sympy printed of expressions read node by node; none of a user's enters it
    made: Callable[..., Any] = namespace[body.co_name]
    return made


@lru_cache(maxsize=64)
def coefficients(expressions: tuple[sympy.Expr, ...], parameters: tuple[str, ...]) -> Coefficients:
    """The function of expressions in the symbols of the parameters."""
    function = sympy.lambdify([symbol(name) for name in parameters], list(expressions), "numpy", dummify=True)
    texts = [str(expression) for expression in expressions]
    return Coefficients(
        parameters=tuple(parameters),
        source=inspect.getsource(function),
        uses=tuple(tuple(sorted(each.name for each in expression.free_symbols)) for expression in expressions),
        shown=tuple(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..." for text in texts),
    )
