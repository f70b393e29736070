"""Law of the energy at equilibrium: a quadratic form of Gaussians, that is a weighted sum of chi-squared variables.

For E = w^T H w / 2 with w Gaussian of covariance S, E = sum_j weight_j z_j^2, z_j independent standard normals, with
weights eig(H^(1/2) S H^(1/2))/2. Only for isotropic noise in the continuum are they all equal to T/4.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array
from langevin_sgd.theory.modes import Array

# Nodes on the contour and its half length in the variable t of _distribution; the error is below 1e-9 (tested).
_NODES = 48
_LENGTH = 5.0
# More energies than this are interpolated (error below 1e-6, tested) between this many.
_GRID = 256
# Probabilities below exp(-_NEGLIGIBLE) are returned as 0, above 1 minus it as 1.
_NEGLIGIBLE = 40.0
_POINTS_AT_A_TIME = 16
# In units of the largest weight; an energy is below it with probability < 1e-30 even with one degree of freedom.
_TINY = 1e-60


def energy_weights(k: ArrayLike, covariance: ArrayLike) -> Array:
    """Weights of the energy's chi-squared law, (d,), largest first: eigenvalues of H^(1/2) S H^(1/2) / 2.

    `k` (d,) are the Hessian's eigenvalues and `covariance` (d, d) is S in its eigenbasis. Modes with k <= 0 (which are
    noise-free, or have no stationary state) store no energy. Their sum is the mean energy, tr(HS)/2.
    """
    k = real_array(k, "the eigenvalues k", UserError)
    stiff = k > 0.0
    root = np.sqrt(k[stiff])
    matrix = real_array(covariance, "the covariance", UserError)[np.ix_(stiff, stiff)] * root[:, None] * root / 2.0
    weights = np.zeros(k.size)
    weights[: root.size] = np.maximum(np.linalg.eigvalsh(matrix)[::-1], 0.0)
    return weights


def effective_degrees_of_freedom(weights: ArrayLike) -> float:
    """(sum of weights)^2 / sum of squared weights: 2 mean^2/variance, which is d when all d weights are equal."""
    weights = real_array(weights, "the weights", UserError)
    return float(weights.sum() ** 2 / np.sum(weights**2))


def weighted_chi_squared_cdf(weights: ArrayLike, energies: ArrayLike) -> Array:
    """P(sum_j weight_j z_j^2 <= energy) for `energies` of any shape; absolute error below 1e-6.

    The characteristic function is inverted (Imhof, Biometrika 48, 419 (1961)), not along the real axis but along a
    parabola through the saddle point (Rice, SIAM J. Sci. Stat. Comput. 1, 438 (1980)), where the integrand neither
    oscillates nor has a heavy tail.
    Raises ValueError for a negative weight, if no weight is positive, and for an energy that is not a number.
    """
    given = real_array(weights, "the weights", UserError).ravel()
    if not np.all(given >= 0.0) or not np.any(given > 0.0) or not np.all(np.isfinite(given)):
        raise ValueError("the weights of an energy law must be finite, non-negative and not all zero")
    scale = given.max()
    x = real_array(energies, "the energies", UserError) / scale
    if np.any(np.isnan(x)):
        raise ValueError("an energy is not a number")
    positive = given[given > 1e-15 * scale] / scale
    # exponential bounds on both tails, Laurent and Massart (2000), Lemma 1
    mean, root = positive.sum(), np.sqrt(np.sum(positive**2) * _NEGLIGIBLE)
    lowest, highest = mean - 2.0 * root, mean + 2.0 * root + 2.0 * _NEGLIGIBLE
    result: Array = np.where(x >= highest, 1.0, 0.0)
    inside = (x > max(lowest, _TINY)) & (x < highest)
    wanted, where = np.unique(x[inside], return_inverse=True)
    if wanted.size > _GRID:
        logarithms = np.log(wanted)
        nodes = np.linspace(logarithms[0], logarithms[-1], _GRID)
        probability, density = _distribution(positive, np.exp(nodes))
        smooth = scipy.interpolate.CubicHermiteSpline(nodes, probability, density * np.exp(nodes))
        result[inside] = smooth(logarithms)[where]
    elif wanted.size:
        result[inside] = _distribution(positive, wanted)[0][where]
    return np.clip(result, 0.0, 1.0)


def mixture_cdf(weights: ArrayLike, energies: ArrayLike) -> Array:
    """P(E <= energy) for an equal mixture of chi-squared laws with `weights` (component, mode).

    Samples at all phases of an epoch are such a mixture. Its variance is larger than that of the law with the mean
    weights. Raises ValueError as `weighted_chi_squared_cdf` does.
    """
    components = np.atleast_2d(real_array(weights, "the weights", UserError))
    laws = np.stack([weighted_chi_squared_cdf(component, energies) for component in components])
    mean: Array = laws.mean(axis=0)
    return mean


def _distribution(weights: Array, energies: Array) -> tuple[Array, Array]:
    """Cumulative probability and density at `energies` (n,) > 0, each (n,).

    P = (1/2 pi i) int exp(s x) L(s)/s ds with L(s) = prod (1 + 2 w_j s)^(-1/2), to the right of the pole at 0; to its
    left the integral is P - 1. The path s(y) = saddle + i y - bend y^2 turns towards the branch cut on the negative
    axis, where exp(s x) decays; with y = sinh(t) the trapezoidal rule converges exponentially.
    """
    doubled = 2.0 * weights
    saddle = _saddle_points(weights, energies)
    probability, density = np.empty_like(energies), np.empty_like(energies)
    spacing = _LENGTH / _NODES
    t = (np.arange(_NODES) + 0.5) * spacing
    for start in range(0, energies.size, _POINTS_AT_A_TIME):
        piece = slice(start, start + _POINTS_AT_A_TIME)
        x, s0 = energies[piece, None], saddle[piece, None]
        ratio = doubled / (1.0 + doubled * s0)
        curvature = 0.5 * np.sum(ratio**2, axis=1, keepdims=True) + 1.0 / s0**2
        bend = np.sum(ratio**3, axis=1, keepdims=True) / (6.0 * curvature)
        y = np.sinh(t) / np.sqrt(curvature)
        s = s0 + 1j * y - bend * y**2
        path = (1.0 + 2j * bend * y) * np.cosh(t) / np.sqrt(curvature) * spacing / np.pi
        factors = 1.0 + doubled * s[:, :, None]
        # log|.| and the angle separately: numpy's complex logarithm is several times slower
        modulus = np.log(factors.real**2 + factors.imag**2).sum(axis=2)
        angle = np.arctan2(factors.imag, factors.real).sum(axis=2)
        transform = np.exp(s * x - 0.25 * modulus - 0.5j * angle) * path
        density[piece] = transform.real.sum(axis=1)
        probability[piece] = (transform / s).real.sum(axis=1) + (s0[:, 0] < 0.0)
    return probability, density


def _saddle_points(weights: Array, energies: Array) -> Array:
    """Where exp(s x) L(s)/|s| is least on the real axis: right of 0 below the mean energy, left of 0 above it.

    The integral does not depend on where exactly the path crosses the axis, so three digits are plenty.
    """
    doubled = 2.0 * weights
    right = energies < weights.sum()
    low = np.where(right, 1.0 / energies, -1.0 / doubled.max())
    high = np.where(right, (weights.size / 2 + 1.0) / energies, 0.0)
    s = np.where(right, low, 0.5 * low)
    for _ in range(200):
        ratio = doubled / (1.0 + doubled * s[:, None])
        slope = energies - 0.5 * ratio.sum(axis=1) - 1.0 / s
        low, high = np.where(slope < 0.0, s, low), np.where(slope < 0.0, high, s)
        newton = s - slope / (0.5 * np.sum(ratio**2, axis=1) + 1.0 / s**2)
        following = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        close = np.abs(following - s) <= 1e-3 * np.abs(s)
        s = following
        if np.all(close):
            return s
    raise ArithmeticError("the saddle points of the energy law were not found")
