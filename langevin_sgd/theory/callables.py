"""Numbers that a function of the caller's own gives at points: the one place where laws ask for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]


def evaluated(function: Callable[[Array], ArrayLike], points: Array, what: str = "the function of points") -> Array:
    """What `function` gives at `points`, (n,) or (d, ...), in doubles, in the shape in which it gives it.

    Raises `UserError` for masked, complex or other entries that are no real numbers, and unless there is one number a
    point or a coordinate of a point, or one for all. Infinities and NaN pass.
    """
    found = function(points)
    if found is None:
        raise UserError(f"{what} returns None; let it return its numbers")
    value = real_array(found, f"{what}, as returned,", UserError)
    single = points.shape[1:]
    if value.shape not in {(), (1,), points.shape, single, (1, *single), (1, *points.shape)}:
        raise UserError(
            f"{what} returns shape {value.shape} at points of shape {points.shape}; give one number a point, as "
            "numpy's own functions do"
        )
    return value
