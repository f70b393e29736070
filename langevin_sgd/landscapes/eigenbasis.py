"""The eigenbasis of a symmetric matrix in an order and with signs that are always the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.one_thread import one_blas_thread

Array = NDArray[np.float64]

# Entries of a vector that differ in size by less than this count as equally large: rounding must not choose the sign.
_TIE = 1e-6


@one_blas_thread()
def eigenbasis(matrix: ArrayLike) -> tuple[Array, Array]:
    """Eigenvalues (d,), largest first, and eigenvectors (d, d) as columns, with `canonical_signs`."""
    ascending, vectors = np.linalg.eigh(np.asarray(matrix, dtype=np.float64))
    return ascending[::-1].copy(), canonical_signs(vectors[:, ::-1])


def canonical_signs(vectors: Array) -> Array:
    """The columns of `vectors` (d, n), each with its largest entry positive, the first of those that are as large."""
    if not vectors.size:
        return vectors
    size = np.abs(vectors)
    largest = (size >= (1.0 - _TIE) * size.max(axis=0)).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return np.ascontiguousarray(vectors * signs)
