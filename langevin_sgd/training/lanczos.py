"""Lanczos iteration for many symmetric matrices at once, each known by its products with vectors.

From a unit vector q_1 the matrix H is seen as a tridiagonal one in the space of q_1, H q_1, ..., H^(m-1) q_1: its
eigenvalues (Ritz values) approach the outer ones of H first, and with the squares of the first entries of its
eigenvectors as weights they are the nodes of the Gauss quadrature of q_1's spectral measure (Golub and Welsch 1969).
Every new vector is made orthogonal to the two before it and then to all, the latter again where little is left of it
(Daniel, Gragg, Kaufman and Stewart 1976), so that no eigenvalue is found again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]
Products = Callable[[Array], Array]
"""Of vectors (row, d) the products (row, d) with the matrix of each row."""

_ENDED = 1e-12  # of the largest entry so far: what is left of a new vector is rounding
_LITTLE = 0.5  # of a vector's length: what is left of it is made orthogonal again
_VANISHES = 1e-6  # of the largest eigenvalue


@dataclass(frozen=True)
class RitzPairs:
    """Of one matrix: Ritz values (m,), largest first, the share of the start in each (m,), sum 1, and for the leading
    ones the length of H y - theta y (k,) and the vectors y (k, d).
    """

    values: Array
    weights: Array
    residuals: Array
    vectors: Array


class Lanczos:
    """The iteration from `start` (row, d), which is normalised; `step` makes one product more for every row.

    Row r follows the same bits whatever the others are.
    """

    def __init__(self, products: Products, start: Array, most: int) -> None:
        rows, d = start.shape
        self._products = products
        self.most = min(most, d)
        self._basis: Array = np.empty((rows, self.most + 1, d))
        self._basis[:, 0] = start / np.linalg.norm(start, axis=1, keepdims=True)
        self._diagonal: Array = np.zeros((self.most, rows))
        self._beside: Array = np.zeros((self.most, rows))
        self._largest: Array = np.zeros(rows)
        self._length: NDArray[np.int64] = np.full(rows, self.most)
        self.made = 0

    def step(self) -> None:
        """One step of all rows; one whose space is closed under its matrix has no more."""
        m = self.made
        found = np.array(self._products(self._basis[:, m]))
        self._diagonal[m] = np.einsum("rd,rd->r", self._basis[:, m], found)
        beside = np.array([self._outside(row, of_row) for row, of_row in enumerate(found)])
        self._largest = np.maximum(self._largest, np.maximum(np.abs(self._diagonal[m]), beside))
        going = beside > _ENDED * self._largest
        self._length[~going] = np.minimum(self._length[~going], m + 1)
        self._beside[m] = np.where(going, beside, 0.0)
        self._basis[:, m + 1] = found * np.where(going, 1.0 / np.where(going, beside, 1.0), 0.0)[:, None]
        self.made += 1

    def _outside(self, row: int, found: Array) -> float:
        """Take from a row's product what is along its basis so far, row by row: that stays in a core's cache. What is
        left has this length.
        """
        m = self.made
        before = self._basis[row, : m + 1]
        found -= self._diagonal[m, row] * before[m]
        if m > 0:
            found -= self._beside[m - 1, row] * before[m - 1]
        length, left = np.inf, float(np.linalg.norm(found))
        while left < _LITTLE * length:
            found -= before.T @ (before @ found)
            length, left = left, float(np.linalg.norm(found))
        return left

    def pairs(self, row: int, leading: int) -> RitzPairs:
        """What is known of one row's matrix after the steps so far."""
        values, vectors, residuals = self._ritz(row, leading)
        k = len(residuals)
        return RitzPairs(values, vectors[0] ** 2, residuals, vectors[:, :k].T @ self._basis[row, : len(values)])

    def is_within(self, tolerance: float, row: int, leading: int) -> bool:
        """Whether the residuals of one row's leading values are at most so much of each."""
        values, _, residuals = self._ritz(row, leading)
        size = np.abs(values[: len(residuals)])
        return bool((residuals <= tolerance * np.maximum(size, _VANISHES * size.max())).all())

    def _ritz(self, row: int, leading: int) -> tuple[Array, Array, Array]:
        """Ritz values (m,), largest first, their vectors in the basis, columns (m, m), and residuals of the leading."""
        m = min(self.made, int(self._length[row]))
        values, vectors = scipy.linalg.eigh_tridiagonal(self._diagonal[:m, row], self._beside[: m - 1, row])
        residuals = np.abs(self._beside[m - 1, row] * vectors[-1, ::-1][: min(leading, m)])
        return values[::-1], vectors[:, ::-1], residuals


def leading_pairs(
    products: Products, start: Array, leading: int, *, most: int, tolerance: float, every: int = 4
) -> list[RitzPairs]:
    """Of each row's matrix the `leading` largest eigenvalues: until the residuals, which bound their errors, are
    `tolerance` of each, or after `most` steps. How far a row goes depends on it alone.
    """
    iteration = Lanczos(products, start, most)
    found: dict[int, RitzPairs] = {}
    while len(found) < len(start):
        iteration.step()
        last = iteration.made == iteration.most
        if not (last or (iteration.made >= 2 * leading and iteration.made % every == 0)):
            continue
        for row in set(range(len(start))) - found.keys():
            if last or iteration.is_within(tolerance, row, leading):
                found[row] = iteration.pairs(row, leading)
    return [found[row] for row in range(len(start))]
