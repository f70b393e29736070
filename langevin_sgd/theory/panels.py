"""Composite Gauss-Legendre quadrature on the cells of a line, and integrals up to every node."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def nodes(edges: Array, order: int) -> tuple[Array, Array]:
    """Points and weights (cell, order) of Gauss-Legendre on every cell between `edges` (cell + 1,)."""
    point, weight = np.polynomial.legendre.leggauss(order)
    half = np.diff(edges)[:, None] / 2.0
    centre = (edges[:-1] + edges[1:])[:, None] / 2.0
    return centre + half * point, half * weight


def running_integral(values: Array, edges: Array) -> tuple[Array, Array]:
    """Integral from the first edge to every node (cell, order), and to every edge (cell + 1,), of `values` at nodes."""
    order = values.shape[1]
    half = np.diff(edges)[:, None] / 2.0
    _, weight = np.polynomial.legendre.leggauss(order)
    whole = (half * values) @ weight
    at_edges = np.concatenate([[0.0], np.cumsum(whole)])
    return at_edges[:-1, None] + half * (values @ _integration(order).T), at_edges


@cache
def _integration(order: int) -> Array:
    """Row i integrates the interpolating polynomial from -1 to node i, by the integrals of Legendre polynomials."""
    point, _ = np.polynomial.legendre.leggauss(order)
    legendre = np.polynomial.legendre.legvander(point, order)
    integral = np.empty((order, order))
    integral[:, 0] = point + 1.0
    for k in range(1, order):
        integral[:, k] = (legendre[:, k + 1] - legendre[:, k - 1]) / (2 * k + 1)
    return np.asarray(np.linalg.solve(legendre[:, :order].T, integral.T).T, dtype=np.float64)
