"""What is said of an observable once, by the kind that owns it: dimensions, meaning, unit; and tables of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True)
class Variable:
    """Declared dimensions and meaning of one observable; `replica` stands for whatever an ensemble consists of."""

    dims: tuple[str, ...]
    long_name: str
    units: str = "1"


@dataclass(frozen=True)
class Coordinate(Variable):
    """The same of what labels the entries along a dimension."""


Declarations = Mapping[str, Variable]
"""Observables by name."""


def declare(**variables: Variable) -> dict[str, Variable]:
    """A table of observables; keywords, unlike the keys of a literal, cannot be repeated: Python refuses it."""
    return variables


def with_errors(name: str, dims: tuple[str, ...], long_name: str) -> dict[str, Variable]:
    """Quantity q with `q_stderr`, its standard error over replicas, and `q_predicted`, what the process's law says."""
    return {
        name: Variable(dims, long_name),
        f"{name}_stderr": Variable(dims, f"standard error of the {long_name}, over replicas"),
        f"{name}_predicted": Variable(dims, f"{long_name}, predicted by the process's own law"),
    }


def joined(*parts: Mapping[str, _T]) -> dict[str, _T]:
    """One mapping of several. Raises `ValueError` for a name that two of them have: nothing is overwritten."""
    whole: dict[str, _T] = {}
    for part in parts:
        twice = sorted(whole.keys() & part.keys())
        if twice:
            raise ValueError(f"{', '.join(twice)}: emitted twice; every name of a group must have one source")
        whole |= part
    return whole


def merged(*tables: Declarations) -> dict[str, Variable]:
    """One table of several, which may say the same of a name. Raises `ValueError` where two say different things."""
    whole: dict[str, Variable] = {}
    for table in tables:
        for name, variable in table.items():
            if whole.setdefault(name, variable) != variable:
                raise ValueError(
                    f"{name}: declared twice and differently, as {_told(whole[name])} and as {_told(variable)}; "
                    "rename one"
                )
    return whole


def _told(variable: Variable) -> str:
    word = "coordinate" if isinstance(variable, Coordinate) else "variable"
    return f'{word} ({", ".join(variable.dims)}) [{variable.units}] "{variable.long_name}"'
