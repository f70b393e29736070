"""Heavy-ball SGD on a quadratic, mode by mode: exact powers and sums of 2 x 2 matrices.

In a mode with a = eta k, and u = eta m the last step taken backwards (w <- w - u), one step is

    (w, u) <- A (w, u) + eta xi (-1, 1),    A = [[1 - a, -mu], [a, mu]],    Cov(xi) = c/B,

which is m <- mu m + gradient, w <- w - eta m. Arrays of 2 x 2 blocks carry the block indices first: (2, 2, ...modes).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.theory.modes import Array

# Up to this many steps the noise is summed step by step, which is exact where the difference of stationary and
# propagated covariance would cancel; beyond it the difference is cheaper and loses at most 1e-16/(n eta k).
_SUMMED_STEPS = 128
_DOUBLINGS = 200
_VANISHED = 1e-20  # of a sum of positive terms: beyond double precision


def companion(a: Array, momentum: float) -> Array:
    """A for every mode, (2, 2, d), from a = learning rate x eigenvalue, (d,)."""
    mu = np.full_like(a, momentum)
    return np.array([[1.0 - a, -mu], [a, mu]])


def power(a: Array, momentum: float, steps: int) -> Array:
    """A^steps for every mode, (2, 2, d)."""
    return transition(a, momentum, np.array([steps]))[:, :, 0]


def transition(a: Array, momentum: float, steps: NDArray[np.int64]) -> Array:
    """A^n for every n of `steps`, (2, 2, n, d), by repeated squaring."""
    result = np.zeros((2, 2, steps.size, a.size))
    result[0, 0] = result[1, 1] = 1.0
    square = companion(a, momentum)
    for bit in range(int(steps.max(initial=0)).bit_length()):
        if bit:
            square = _product(square, square)
        chosen = steps >> bit & 1 == 1
        result[:, :, chosen] = _product(result[:, :, chosen], square[:, :, None])
    return result


def accumulated_variance(a: Array, momentum: float, steps: NDArray[np.int64]) -> Array:
    """Sum over l < n of A^l b b^T (A^l)^T with b = (-1, 1), for every n of `steps`: (2, 2, n, d).

    Times eta^2 c_ii/B this is the covariance of (w, u) after n steps from a point. By doubling, so that only
    non-negative variances are added and nothing cancels: P_(m+n) = P_m + A^m P_n (A^m)^T.
    """
    kick = np.ones((2, 2, a.size))
    kick[0, 1] = kick[1, 0] = -1.0
    return accumulated(companion(a, momentum), kick, steps)


def accumulated(matrix: Array, first: Array, counts: NDArray[np.int64]) -> Array:
    """Sum over l < n of M^l P (M^l)^T for every n of `counts`, (2, 2, n, d), from M and P, (2, 2, d) each."""
    result = np.zeros((2, 2, counts.size, first.shape[-1]))
    square, doubled = matrix, first
    for bit in range(int(counts.max(initial=0)).bit_length()):
        if bit:
            doubled = doubled + congruence(square, doubled, square)
            square = _product(square, square)
        chosen = counts >> bit & 1 == 1
        spread = square[:, :, None]
        result[:, :, chosen] = doubled[:, :, None] + congruence(spread, result[:, :, chosen], spread)
    return result


def summed_up(left: Array, right: Array, first: Array) -> Array:
    """Sum over all l of M_i^l P_ij (M_j^l)^T, (2, 2, m, d), `left` M_i (2, 2, m) and `right` M_j (2, 2, d) contracting.

    It solves S = M S M^T + P, by doubling, so that slow modes are reached without the small difference 1 - M.
    """
    total = first
    for _ in range(_DOUBLINGS):
        total = total + congruence(left[:, :, :, None], total, right[:, :, None, :])
        left, right = _product(left, left), _product(right, right)
        if np.abs(left).max() * np.abs(right).max() < _VANISHED:
            break
    return total


def stationary_blocks(a: Array, momentum: float, position: Array) -> Array:
    """Stationary covariance of (w, u), (2, 2, d, d), from that of the position, (d, d).

    Cov(w_i, u_j) = -S_ij (a_i - mu a_j)/(1 - mu^2) and Cov(u_i, u_j) = S_ij (a_i + a_j)/(1 + mu), which follow from
    multiplying w' = (1 + mu - a) w - mu w_before - eta xi by w and taking means.
    """
    mixed = -position * (a[:, None] - momentum * a) / (1.0 - momentum**2)
    return np.array([[position, mixed], [mixed.T, position * (a[:, None] + a) / (1.0 + momentum)]])


def step_blocks(a: Array, momentum: float, per_step: Array, stationary: Array, steps: int) -> Array:
    """Covariance of (w, u) after `steps` steps from a point, (2, 2, d, d).

    `per_step` (d, d) is eta^2 c/B, `stationary` the result of `stationary_blocks`.
    """
    if steps <= _SUMMED_STEPS:
        response = np.empty((2, steps, a.size))
        kick = np.array([-np.ones_like(a), np.ones_like(a)])
        matrix = companion(a, momentum)
        for row in range(steps):
            response[:, row] = kick
            kick = np.array(
                [matrix[0, 0] * kick[0] + matrix[0, 1] * kick[1], matrix[1, 0] * kick[0] + matrix[1, 1] * kick[1]]
            )
        sums = [[response[i].T @ response[j] for j in range(2)] for i in range(2)]
        return np.array(sums) * per_step
    forward = power(a, momentum, steps)
    return stationary - congruence(forward[:, :, :, None], stationary, forward[:, :, None, :])


def _product(left: Array, right: Array) -> Array:
    """Matrix products of 2 x 2 blocks."""
    (a, b), (c, d) = left
    (e, f), (g, h) = right
    return np.array([[a * e + b * g, a * f + b * h], [c * e + d * g, c * f + d * h]])


def congruence(left: Array, middle: Array, right: Array) -> Array:
    """left middle right^T for 2 x 2 blocks."""
    (e, f), (g, h) = right
    return _product(_product(left, middle), np.array([[e, g], [f, h]]))
