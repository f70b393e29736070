"""Numbers that a caller gave, as an array: the one place where what is no number is refused."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError

_SHOWN = 60


def real_array(values: Any, what: str, error: type[UserError]) -> NDArray[np.float64]:
    """`values` as float64; raises `error` for text, complex or ragged numbers. Infinities and NaN pass."""
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "biufO":
            raise TypeError
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise error(f"{what} must be real numbers in equal rows, not {_shown(values)}") from None


def real_number(value: Any, what: str, error: type[UserError]) -> float:
    """`value` as a float; raises `error` for what is not one real number. Infinities and NaN pass."""
    array = real_array(value, what, error)
    if array.ndim or value is None:
        raise error(f"{what} must be one real number, not {_shown(value)}")
    return float(array)


def whole_number(value: Any, what: str, error: type[UserError]) -> int:
    """`value` as an int; raises `error` for a fraction or what is no number."""
    try:
        return operator.index(value)
    except TypeError:
        raise error(f"{what} must be a whole number, not {_shown(value)}") from None


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
