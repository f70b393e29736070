"""What every random potential with structure function E[(V(x) - V(y))^2] = A |x - y|^alpha has to satisfy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import native_array, real_number, whole_number

TOLERANCE = 0.03
"""Deviation from A r^alpha at the ends of the range in which a structure function counts as that power law."""

_LARGEST = 1e100  # powers of what is larger, or smaller than its inverse, are no doubles


class DisorderError(UserError, ValueError):
    """A random potential that does not exist, or that has no barriers."""


def check_power_law(alpha: float, amplitude: float) -> None:
    """Raise `DisorderError` unless 0 < alpha < 2 and the amplitude A is positive."""
    exponent = real_number(alpha, "alpha", DisorderError)
    if exponent >= 2.0:
        raise DisorderError(
            f"alpha = {alpha} has no barriers: a structure function A r^2 is that of a random constant force, under "
            "which the walk is ballistic; take 0 < alpha < 2"
        )
    if not exponent > 0.0:
        raise DisorderError(
            f"alpha = {alpha} has no barriers that grow with distance, so no logarithmic law; take 0 < alpha < 2"
        )
    check_positive(amplitude, "amplitude")


def check_positive(value: float, name: str) -> None:
    """Raise `DisorderError` unless `value` is a positive, finite number."""
    number = real_number(value, f"the {name}", DisorderError)
    if not (math.isfinite(number) and number > 0.0):
        raise DisorderError(f"the {name} must be a positive number, not {value}")
    if not 1.0 / _LARGEST <= number <= _LARGEST:
        raise DisorderError(
            f"the {name} must lie between {1 / _LARGEST:g} and {_LARGEST:g}, not {value}; choose other units"
        )


def check_count(value: int, name: str, least: int) -> None:
    """Raise `DisorderError` unless `value` is a whole number of at least `least`."""
    if whole_number(value, name, DisorderError) < least:
        raise DisorderError(f"{name} must be at least {least}, not {value}")


def checked_disorders(seed: int, disorders: ArrayLike) -> NDArray[np.int64]:
    """The numbers of disorders, (n,). Raises `DisorderError` outside [0, 2^32), and for seeds outside [0, 2^64)."""
    if not 0 <= whole_number(seed, "the seed", DisorderError) < 1 << 64:
        raise DisorderError(f"the seed must lie between 0 and 2^64 - 1, not {seed}")
    numbers = native_array(disorders, "disorders", DisorderError)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or numbers.size == 0:
        raise DisorderError(f"disorders must be a list of whole numbers, at least one, not {disorders!r:.60}")
    if numbers.min() < 0 or int(numbers.max()) >= 1 << 32:
        raise DisorderError(f"disorders lie between 0 and 2^32 - 1, not {numbers.min()} to {numbers.max()}")
    return numbers.astype(np.int64)
