"""Numbers that a caller gave, as an array: the one place where they are converted, and what is no number is refused."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError

_SHOWN = 60
_NATIVE = {"b": np.int64, "i": np.int64, "u": np.int64, "f": np.float64, "O": np.float64}
_MOST = np.iinfo(np.int64).max


def native_array(values: Any, what: str, error: type[UserError]) -> NDArray[Any]:
    """`values` in this machine's float32, float64 or int64, whatever their byte order and precision were.

    Floating-point numbers of 32 bits or fewer become float32, others float64, and integers int64. Raises `error` for
    text, complex or ragged numbers, for masked entries, and for numbers that are too large. Infinities and NaN pass.
    """
    if _masked(values):
        raise error(f"{what} has masked entries; fill them (numpy.ma.filled), or leave them out (.compressed())")
    try:
        given = np.asarray(values)
        kind: str = given.dtype.kind
        small = kind == "f" and given.dtype.itemsize <= 4
        with np.errstate(over="ignore"):
            native = given.astype(np.float32 if small else _NATIVE[kind], copy=False)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last for a torch tensor with a gradient
        raise error(f"{what} must be real numbers in equal rows, not {_shown(values)}") from None
    except KeyError:
        mend = "; give the .real part if that is what is meant" if given.dtype.kind == "c" else ""
        raise error(f"{what} must be real numbers, not {given.dtype}{mend}") from None
    if kind == "u" and given.size and given.max() > _MOST:
        raise error(f"{what} must fit into int64; the largest is {given.max()}")
    if kind == "f" and given.dtype.itemsize > 8 and np.any(np.isfinite(given) & ~np.isfinite(native)):
        raise error(f"{what} must fit into float64; give them in other units")
    return native


def real_array(values: Any, what: str, error: type[UserError]) -> NDArray[np.float64]:
    """`values` as float64; raises `error` as `native_array` does."""
    return native_array(values, what, error).astype(np.float64, copy=False)


def whole_array(values: Any, what: str, error: type[UserError]) -> NDArray[np.int64]:
    """`values` as int64; raises `error` as `native_array` does, and for fractions, infinities and NaN."""
    native = native_array(values, what, error)
    if native.dtype.kind == "f" and not (np.all(native == np.rint(native)) and np.all(np.abs(native) < 2.0**63)):
        raise error(f"{what} must be whole numbers, not {_shown(values)}")
    return native.astype(np.int64, copy=False)


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


def _masked(values: Any) -> bool:
    """Whether an entry is masked, in an array or in rows of them: `numpy.asarray` takes what lies below the mask."""
    if isinstance(values, np.ma.MaskedArray):
        return bool(np.ma.getmaskarray(values).any())
    return isinstance(values, list | tuple) and any(map(_masked, values))


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
