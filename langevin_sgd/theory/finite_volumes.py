"""The Fokker-Planck operator on a grid as rates of jumps between cells: positive, conservative, second order.

dw = f dt + sqrt(2 D) dW (Ito), D positive definite and a function of w. In units of the cells, D(x) = sum_k l_k e_k
e_k^T with whole-number offsets e_k and l_k >= 0 (Selling's reduction of a form in two variables: three offsets; in one
there is one). From x the walker jumps to x + e at the rate

    l_e(x)/int_0^1 exp(-W(t)) dt,    W(t) = int_x^(x + t e) (D^-1 f) . dw,

the flux that is exact along the offset. With W linear it is the exponential fitting of Scharfetter and Gummel,
l_e(x) B(-W(1)), B(z) = z/(exp(z) - 1); the curvature of W is what makes the resistance of a barrier right. Rates go by
the D of where the jump begins, as Ito noise does: sum of rate x e = f and of rate x e e^T = 2D, to second order. Where
D^-1 f is a gradient and D constant, exp(int D^-1 f) is stationary exactly. Jumps out of the grid are left out: no flux
through its ends.

Sources: Scharfetter and Gummel, IEEE Trans. Electron Devices 16, 64 (1969); Selling's reduction for positive schemes
with any anisotropy, Fehrenbach and Mirebeau, J. Math. Imaging Vis. 49, 123 (2014).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Field = Callable[[Array], ArrayLike]
Diffusion = float | ArrayLike | Field

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_MOST_REDUCTIONS = 200
_STEEPEST = 50.0  # exponent beyond which the cells do not resolve the force in any case


def centres(edges: tuple[Array, ...]) -> Array:
    """Midpoints of the cells, (d, n), the last axis running fastest."""
    axes = [(edge[:-1] + edge[1:]) / 2.0 for edge in edges]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])


def spacings(edges: tuple[Array, ...]) -> Array:
    """Width of the cells along every axis; raises `UserError` unless d is 1 or 2 and the cells are uniform."""
    if len(edges) not in (1, 2):
        raise UserError(f"the Fokker-Planck solver works in one and two dimensions, not {len(edges)}")
    for edge in edges:
        width = np.diff(edge)
        if len(edge) < 4 or not np.allclose(width, width.mean(), rtol=1e-9) or width[0] <= 0.0:
            raise UserError("the Fokker-Planck solver needs three or more cells an axis, all of one width")
    return np.array([(edge[-1] - edge[0]) / (len(edge) - 1) for edge in edges])


def discretise(drift: Field, diffusion: Diffusion, edges: tuple[Array, ...]) -> scipy.sparse.csr_array:
    """Matrix of rates (n, n), row where the jump begins, column where it ends; the rows sum to zero.

    Its transpose moves probabilities, dp/dt = L p, the matrix itself the mean of a function of where walkers will be.
    Cells in corners of the grid that wide jumps do not connect to the rest have no rates at all.
    """
    width = spacings(edges)
    points = centres(edges)
    shape = np.array([len(edge) - 1 for edge in edges])
    tensor = diffusion_tensor(diffusion, points)
    offsets, weights = decompose(tensor / width[:, None, None] / width[None, :, None])
    place = np.stack(np.unravel_index(np.arange(points.shape[1]), shape))
    begins, ends, rates = [], [], []
    for offset, weight in zip(offsets, weights, strict=True):
        for sign in (1, -1):
            reached = place + sign * offset
            start = np.flatnonzero(np.all((reached >= 0) & (reached < shape[:, None]), axis=0) & (weight > 0.0))
            step = sign * offset[:, start] * width[:, None]
            begins.append(start)
            ends.append(np.ravel_multi_index(tuple(reached[:, start]), tuple(shape)))
            rates.append(weight[start] * _passage(*_work(drift, diffusion, points[:, start], step)))
    return _generator(np.concatenate(begins), np.concatenate(ends), np.concatenate(rates), points.shape[1])


def factorise(matrix: Any) -> scipy.sparse.linalg.SuperLU:
    """Sparse LU without pivoting, which is stable and keeps signs: diagonals dominate and the rest is not positive."""
    return scipy.sparse.linalg.splu(
        scipy.sparse.csc_array(matrix),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def diffusion_tensor(diffusion: Diffusion, points: Array) -> Array:
    """D at `points` (d, n) as (d, d, n), from a number, a matrix (d, d), or a function giving (n,) or (d, d, n)."""
    dimension, number = points.shape
    value = real_array(diffusion(points) if callable(diffusion) else diffusion, "the diffusion", UserError)
    if value.shape in ((), (number,), (1, number)):
        isotropic = np.broadcast_to(value.reshape(-1), number)
        return np.eye(dimension)[..., None] * isotropic
    if value.shape == (dimension, dimension):
        value = value[..., None]
    if value.shape[:2] != (dimension, dimension) or value.ndim != 3:
        raise UserError(
            f"the diffusion has shape {value.shape}; give ({number},) or ({dimension}, {dimension}, {number})"
        )
    return np.broadcast_to(value, (dimension, dimension, number))


def decompose(tensor: Array) -> tuple[Integers, Array]:
    """Offsets (k, d, n) and weights (k, n) >= 0 with D = sum_k weight offset offset^T, `tensor` (d, d, n)."""
    dimension, _, number = tensor.shape
    _check_positive(tensor)
    if dimension == 1:
        return np.ones((1, 1, number), dtype=np.int64), tensor[0].copy()
    return _selling(tensor)


def _selling(tensor: Array) -> tuple[Integers, Array]:
    """Reduce superbases v0 + v1 + v2 = 0 until no two of them form an acute angle in the metric D."""
    number = tensor.shape[2]
    base = np.zeros((3, 2, number), dtype=np.int64)
    base[0, 0], base[1, 1] = 1, 1
    base[2] = -base[0] - base[1]
    pairs = tuple(itertools.combinations(range(3), 2))
    scale = tensor[0, 0] + tensor[1, 1]
    for _ in range(_MOST_REDUCTIONS):
        acute = False
        for i, j in pairs:
            k = 3 - i - j
            change = np.flatnonzero(_form(tensor, base[i], base[j]) > 1e-14 * scale)
            if len(change):
                acute = True
                first, second = base[i][:, change], base[j][:, change]
                base[i][:, change], base[k][:, change] = -first, first - second
        if not acute:
            break
    else:
        raise UserError("the diffusion is too anisotropic for this grid; take finer cells along its weak direction")
    offsets = np.stack([_rotated(base[3 - i - j]) for i, j in pairs])
    weights = np.stack([np.maximum(-_form(tensor, base[i], base[j]), 0.0) for i, j in pairs])
    return offsets, np.where(weights > 1e-14 * scale, weights, 0.0)


def _form(tensor: Array, u: Integers, v: Integers) -> Array:
    form: Array = u[0] * (tensor[0, 0] * v[0] + tensor[0, 1] * v[1]) + u[1] * (
        tensor[1, 0] * v[0] + tensor[1, 1] * v[1]
    )
    return form


def _rotated(vector: Integers) -> Integers:
    return np.stack([-vector[1], vector[0]])


def _check_positive(tensor: Array) -> None:
    determinant = tensor[0, 0]
    if tensor.shape[0] == 2:
        determinant = tensor[0, 0] * tensor[1, 1] - tensor[0, 1] * tensor[1, 0]
    if not (np.all(tensor[0, 0] > 0.0) and np.all(determinant > 0.0)):
        raise UserError(
            "the diffusion is not positive definite everywhere on the grid; add a small isotropic floor to the noise"
        )


def _work(drift: Field, diffusion: Diffusion, start: Array, step: Array) -> tuple[Array, Array]:
    """z = W(1) and b = 4 W(1/2) - 2 W(1) of W(t) = int (D^-1 f) . dw from `start` to start + t step."""
    pulls = []
    for node in _NODES:
        point = start + step * (node + 1.0) / 2.0
        force = _force(drift, point)
        pulls.append(np.sum(_solved(diffusion_tensor(diffusion, point), force) * step, axis=0))
    work = np.tensordot(_WEIGHTS / 2.0, pulls, axes=1)
    if not np.all(np.isfinite(work)):
        raise UserError("the drift or the diffusion is not finite somewhere on the grid; take a smaller box")
    return work, math.sqrt(15.0) / 6.0 * (pulls[0] - pulls[2])


def _force(drift: Field, point: Array) -> Array:
    force = real_array(drift(point), "the drift", UserError)
    if force.size != point.size:
        raise UserError(f"the drift has shape {force.shape} at points of shape {point.shape}; give that shape")
    return force.reshape(point.shape)


def _passage(work: Array, bend: Array) -> Array:
    """1/int_0^1 exp(-W(t)) dt for W = z t + b t (1 - t), to first order in b within the exponent.

    That is B(-z) exp(b m(z)), with m = coth(z/2)/z - 2/z^2 the mean of t (1 - t) under exp(-z t).
    """
    small = np.abs(work) < 1e-2
    safe = np.where(small, 1.0, work)
    mean = np.where(small, 1.0 / 6.0 - work**2 / 360.0, 1.0 / (safe * np.tanh(safe / 2.0)) - 2.0 / safe**2)
    passage: Array = _bernoulli(-work) * np.exp(np.clip(bend * mean, -_STEEPEST, _STEEPEST))
    return passage


def _solved(tensor: Array, force: Array) -> Array:
    if len(force) == 1:
        straight: Array = force / tensor[0]
        return straight
    determinant = tensor[0, 0] * tensor[1, 1] - tensor[0, 1] * tensor[1, 0]
    first = tensor[1, 1] * force[0] - tensor[0, 1] * force[1]
    second = tensor[0, 0] * force[1] - tensor[1, 0] * force[0]
    solution: Array = np.stack([first, second]) / determinant
    return solution


def _bernoulli(z: Array) -> Array:
    """B(z) = z/(exp(z) - 1), without cancellation at 0 and without overflow."""
    small = np.abs(z) < 1e-8
    safe = np.where(small, 1.0, np.clip(z, None, 700.0))
    return np.where(small, 1.0 - z / 2.0, safe / np.expm1(safe))


def _generator(begins: Integers, ends: Integers, rates: Array, number: int) -> scipy.sparse.csr_array:
    matrix = scipy.sparse.coo_array((rates, (begins, ends)), shape=(number, number)).tocsr()
    parts, part = scipy.sparse.csgraph.connected_components(matrix, directed=True, connection="strong")
    if parts > 1:
        main = scipy.sparse.diags_array((part == np.bincount(part).argmax()).astype(np.float64))
        matrix = main @ matrix @ main
    leaving = np.asarray(matrix.sum(axis=1)).ravel()
    return scipy.sparse.csr_array(matrix - scipy.sparse.diags_array(leaving))
