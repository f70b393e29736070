"""Lanczos iteration for many symmetric matrices at once, each known by its products with vectors.

From a unit vector q_1 the matrix H is seen as a tridiagonal one in the space of q_1, H q_1, ..., H^(m-1) q_1: its
eigenvalues (Ritz values) approach the outer ones of H first, and with the squares of the first entries of its
eigenvectors as weights they are the nodes of the Gauss quadrature of q_1's spectral measure (Golub and Welsch 1969).
Every new vector is made orthogonal to all before twice, so that no eigenvalue is found again.
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
        found = self._products(self._basis[:, m])
        self._diagonal[m] = np.einsum("rd,rd->r", self._basis[:, m], found)
        before = self._basis[:, : m + 1]
        for _ in range(2):
            along = np.matmul(before, found[:, :, None])
            found = found - np.matmul(before.transpose(0, 2, 1), along)[:, :, 0]
        beside = np.linalg.norm(found, axis=1)
        self._largest = np.maximum(self._largest, np.maximum(np.abs(self._diagonal[m]), beside))
        going = beside > _ENDED * self._largest
        self._length[~going] = np.minimum(self._length[~going], m + 1)
        self._beside[m] = np.where(going, beside, 0.0)
        self._basis[:, m + 1] = np.where(going, found.T / np.where(going, beside, 1.0), 0.0).T
        self.made += 1

    def pairs(self, row: int, leading: int) -> RitzPairs:
        """What is known of one row's matrix after the steps so far."""
        m = min(self.made, int(self._length[row]))
        values, vectors = scipy.linalg.eigh_tridiagonal(self._diagonal[:m, row], self._beside[: m - 1, row])
        values, vectors = values[::-1], vectors[:, ::-1]
        k = min(leading, m)
        residuals = np.abs(self._beside[m - 1, row] * vectors[-1, :k])
        return RitzPairs(values, vectors[0] ** 2, residuals, vectors[:, :k].T @ self._basis[row, :m])


def leading_pairs(
    products: Products, start: Array, leading: int, *, most: int, tolerance: float, every: int = 10
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
            pairs = iteration.pairs(row, leading)
            size = np.abs(pairs.values[: len(pairs.residuals)])
            if last or (pairs.residuals <= tolerance * np.maximum(size, _VANISHES * size.max())).all():
                found[row] = pairs
    return [found[row] for row in range(len(start))]
