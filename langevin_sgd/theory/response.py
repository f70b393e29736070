"""Response to a constant field and displacements between two times of a linear process, mode by mode.

A step of a linear rule is x <- A x + q (xi - h) on the state x = (w, slots) of a mode (`Companion`), with the noise
xi of variance c/B and a field h, by which the energy is E - h w. Whatever the noise, a field that is switched on at
step 0 moves the mean of w by chi_n h in n steps,

    chi_n = -e_w^T sum_(l < n) A^l q,        without momentum (1 - (1 - eta k)^n)/k,

and the variance of the increment of w between two times, n steps apart, is with P the covariance of x at the earlier

    [(A^n - 1) P (A^n - 1)^T + (c/B) sum_(l < n) A^l q q^T (A^l)^T]_ww.

In equilibrium without momentum it is 2 S (1 - (1 - eta k)^n), so that the effective thermal energy, half of it over
chi_n, is S k = eta c/(2B (1 - eta k/2)) at every n: one temperature at all times, but one in each mode. From a minimum
P is the covariance after t steps, and the increments depend on the earlier time t: the process ages.

All sums are by doubling, and A^n - 1 is a sum times A - 1, so that no digits are lost. Times are in steps.

Sources: Cugliandolo, Kurchan and Peliti 1997 for effective temperatures; the rest follows from the step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.theory.companion import Companion, accumulated, powers
from langevin_sgd.theory.modes import Array


def heavy_ball(learning_rate: float, momentum: float) -> Companion:
    """The step m <- momentum m + g, w <- w - learning_rate m on x = (w, m), or on w alone without momentum."""
    if momentum == 0.0:
        return Companion(np.eye(1), np.array([-learning_rate]), np.array([-learning_rate]), 0.0)
    kick = np.array([-learning_rate, 1.0])
    return Companion(np.array([[1.0, -learning_rate * momentum], [0.0, momentum]]), kick, kick, 0.0)


def response(step: Companion, k: Array, delays: NDArray[np.int64]) -> Array:
    """chi_n (n, d) of modes with eigenvalues `k` (d,) after so many steps in a constant field; eta n where k = 0."""
    moved: Array = -(_summed(step.matrices(k), delays) @ step.kick)[:, :, 0]
    return moved


def accumulated_variance(step: Companion, k: Array, delays: NDArray[np.int64]) -> Array:
    """Variance (n, d) that so many steps add to each mode, over c/B: that of a process that begins at a point."""
    found: Array = accumulated(step.matrices(k), np.outer(step.kick, step.kick), delays)[:, :, 0, 0]
    return found


def stationary_states(step: Companion, k: Array) -> Array:
    """Stationary covariance of the state of each mode over c/B, (d, n, n); the modes must be stable, and k > 0."""
    matrices = step.matrices(k)
    size = matrices.shape[-1]
    squares = np.einsum("dab,dce->dacbe", matrices, matrices).reshape(-1, size**2, size**2)
    source = np.outer(step.kick, step.kick).reshape(size**2, 1)
    return np.linalg.solve(np.eye(size**2) - squares, np.broadcast_to(source, (len(k), *source.shape))).reshape(
        len(k), size, size
    )


def states_from_minimum(step: Companion, k: Array, steps: NDArray[np.int64]) -> Array:
    """Covariance of the state of each mode over c/B after so many steps from the minimum, (m, d, n, n)."""
    matrices, later = step.matrices(k), np.maximum(steps - 1, 0)
    begun = powers(matrices, later) @ step.first
    found = begun[..., :, None] * begun[..., None, :]
    found += accumulated(matrices, np.outer(step.kick, step.kick), later)
    found[steps == 0] = 0.0
    return found


def increment_variance(step: Companion, k: Array, states: Array, delays: NDArray[np.int64]) -> Array:
    """Variance of w(t + n) - w(t) over c/B, (..., n, d), from the covariance `states` (..., d, n, n) at time t."""
    matrices = step.matrices(k)
    # A^n - 1 = (sum of A^l)(A - 1), which loses no digits where A^n is close to 1
    forgotten = (_summed(matrices, delays) @ (matrices - np.eye(matrices.shape[-1])))[:, :, 0, :]
    carried: Array = np.einsum("mda,...dab,mdb->...md", forgotten, states, forgotten)
    return carried + accumulated_variance(step, k, delays)


def _summed(matrices: Array, counts: NDArray[np.int64]) -> Array:
    """Sum over l < n of M^l for every n of `counts` and every mode, (m, d, n, n), by doubling."""
    size = matrices.shape[-1]
    result = np.zeros((counts.size, len(matrices), size, size))
    square, doubled = matrices, np.tile(np.eye(size), (len(matrices), 1, 1))
    for bit in range(int(counts.max(initial=0)).bit_length()):
        if bit:
            doubled = doubled + square @ doubled
            square = square @ square
        chosen = counts >> bit & 1 == 1
        result[chosen] = doubled + square @ result[chosen]
    return result
