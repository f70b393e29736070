"""What is compiled once calls what was generated for a formula, and nothing whose arguments have other types."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cfunc, njit
from numba.core.errors import TypingError

from langevin_sgd.integrators.by_address import at, call, observe


@cfunc(observe("float32"))
def doubled(y, s, seen, u):
    seen[0] = 2.0 * y[0] + u[1]


@njit
def observed(function, y, u, seen, place):
    call(function, (at(y, place), at(y, 0), at(seen, 1), at(u, 0)))


def test_a_function_is_called_with_addresses_of_entries():
    y, u, seen = np.arange(4, dtype=np.float32), np.float32([0.0, 0.5]), np.zeros(3)
    observed(doubled.address, y, u, seen, 3)
    assert seen.tolist() == [0.0, 6.5, 0.0]


def test_other_types_do_not_compile():
    with pytest.raises(TypingError, match=r"no function called by its address takes float64\*, float64\*, float64\*"):
        observed(doubled.address, np.zeros(1), np.zeros(2, np.float32), np.zeros(2), 0)
    with pytest.raises(TypingError, match="a contiguous array of one dimension"):
        observed(doubled.address, np.zeros((2, 2)), np.zeros(2, np.float32), np.zeros(2), 0)
