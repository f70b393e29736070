"""Whether a network's loss is least squares, and the curvature of every sample where it is.

Outputs that are linear in the weights and a loss that is quadratic in the outputs make every sample's Hessian a
constant, H_n = r_n^T r_n. Then SGD is a linear map with random coefficients, and its second moments have an exact law
that takes the rows r_n of all samples (`theory.least_squares`). Linear regression by `mse` is of this kind, whatever
module computes it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.training.full_batch import FullBatch

Array = NDArray[np.float64]

MOST_WEIGHTS = 48  # the law takes matrices over pairs of them
MOST_NUMBERS = 1 << 22  # of all rows, in float64
_AGREED = 1e-9  # of the Hessian


def curvature_roots(full: FullBatch, w: Array, hessian: Array) -> Array:
    """The rows r_n (n, o, d) of all samples; none, (0, 0, d), where the loss is not least squares or too large for it.

    `hessian` (d, d) is that of the energy at the minimum `w` (d,). The loss counts as least squares if the Hessian is
    the same along random directions at a point far away, and the mean of r_n^T r_n at `w`.
    """
    nothing = np.empty((0, 0, full.dimension))
    if full.dimension > MOST_WEIGHTS or full.samples * full.dimension > MOST_NUMBERS or not _constant(full, w, hessian):
        return nothing
    roots = full.curvature_roots(w).cpu().numpy()
    if roots.size > MOST_NUMBERS:
        return nothing
    mean = np.einsum("nop,noq->pq", roots, roots) / len(roots) + full.weight_decay * np.eye(full.dimension)
    return roots if np.allclose(mean, hessian, rtol=0.0, atol=_AGREED * np.abs(hessian).max()) else nothing


def _constant(full: FullBatch, w: Array, hessian: Array) -> bool:
    drawn = np.random.default_rng(0).normal(size=(3, full.dimension))
    there = full.hessian_products(w + (1.0 + np.abs(w).max()) * drawn[0], drawn[1:])
    return bool(np.allclose(there, drawn[1:] @ hessian, rtol=0.0, atol=_AGREED * np.abs(hessian).max()))
