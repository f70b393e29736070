"""Elimination of the states of a Markov chain without subtraction: every result keeps its relative accuracy.

Taking the states B out of a chain leaves one on the others, A, that moves as the old one seen only while in A:

    P_AA + P_AB Z P_BA,    Z = (1 - P_BB)^-1,

with 1 - P_ii always taken as the sum of what leaves i (Grassmann, Taksar, Heyman, Oper. Res. 33, 1107 (1985)); here
by blocks, so that almost all work is products of matrices. A second eigenvalue of 1 - 1e-12 costs no digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.errors import UserError

Array = NDArray[np.float64]

_BLOCK = 64


class Elimination:
    """All states but the first taken out of `matrix` (n, n), whose rows sum to one; O(n^3), dense.

    Raises `UserError` if some state can never reach the first one.
    """

    def __init__(self, matrix: Array) -> None:
        self._p = np.array(matrix, dtype=np.float64)
        starts = range(1, len(self._p), _BLOCK)
        self._blocks = [slice(start, min(start + _BLOCK, len(self._p))) for start in starts]
        self._visits: list[Array] = []
        for block in reversed(self._blocks):
            self._take_out(block)
        self._visits.reverse()

    def stationary(self) -> Array:
        """The vector pi = pi P, sum one, (n,)."""
        weight = np.zeros(len(self._p))
        weight[0] = 1.0
        for block, visits in zip(self._blocks, self._visits, strict=True):
            weight[block] = (weight[: block.start] @ self._p[: block.start, block]) @ visits
            weight /= weight.max()
        law: Array = weight / weight.sum()
        return law

    def solve(self, source: Array) -> Array:
        """x with x_0 = 0 and (1 - P) x = `source` in all other states, (n,): for source 1 the mean time to reach 0."""
        x = np.array(source, dtype=np.float64)
        x[0] = 0.0
        for block, visits in zip(reversed(self._blocks), reversed(self._visits), strict=True):
            x[block] = visits @ x[block]
            x[: block.start] += self._p[: block.start, block] @ x[block]
        x[0] = 0.0
        for block, visits in zip(self._blocks, self._visits, strict=True):
            x[block] += visits @ (self._p[block, : block.start] @ x[: block.start])
        return x

    def _take_out(self, block: slice) -> None:
        outward = self._p[block, : block.start]
        with np.errstate(divide="ignore", invalid="ignore"):
            visits = _visits(self._p[block, block], outward.sum(axis=1))
        if not np.all(np.isfinite(visits)):
            raise UserError("the chain falls into parts that do not reach each other; take more noise or another range")
        self._visits.append(visits)
        self._p[: block.start, : block.start] += self._p[: block.start, block] @ (visits @ outward)


def _visits(within: Array, leaving: Array) -> Array:
    """(1 - P)^-1 of a block, `within` P and `leaving` what its rows lack to one, by Gauss and Jordan."""
    p, exits, visits = within.copy(), leaving.copy(), np.eye(len(within))
    np.fill_diagonal(p, 0.0)
    for k in range(len(p)):
        scale = 1.0 / (p[k].sum() + exits[k])
        p[k] *= scale
        visits[k] *= scale
        exits[k] *= scale
        share = p[:, k].copy()
        p[:, k] = 0.0
        p += np.multiply.outer(share, p[k])
        exits += share * exits[k]
        visits += np.multiply.outer(share, visits[k])
        np.fill_diagonal(p, 0.0)
    return visits
