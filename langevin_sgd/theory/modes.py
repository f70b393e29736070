"""Normal modes of a quadratic energy: which of them the noise reaches, and how fast they relax.

Everything is in the eigenbasis V of the Hessian H = V diag(k) V^T, where the noise covariance of one per-sample
gradient is c = V^T C V. H and C need not commute, so c need not be diagonal.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import native_array, real_array

Array = NDArray[np.float64]
Dynamics = Literal["discrete", "continuum"]

# A multiplier below exp(-10^4) is zero in double precision; the bound keeps 0 * log(0) out of the powers.
_SMALLEST_LOGARITHM = -1e4


NOISE_FREE = 1e-10
"""A mode counts as noise-free if its noise is below this fraction of the largest: rounding of the training in float32
then moves it more than its noise does."""


def noisy_modes(k: ArrayLike, c: ArrayLike, relative: float = NOISE_FREE) -> NDArray[np.bool_]:
    """Which modes the gradient noise reaches, (d,) bool: c_ii > `relative` times the largest c_jj.

    Because c is positive semidefinite, a mode with c_ii = 0 has c_ij = 0 for all j: it moves deterministically.
    """
    k, c = _shapes(k, c)
    variances = np.diagonal(c)
    mask: NDArray[np.bool_] = variances > relative * np.max(variances, initial=0.0)
    return mask


def stability_limit(momentum: float = 0.0) -> float:
    """The bound on learning rate x eigenvalue below which heavy-ball SGD on a quadratic is stable: 2 (1 + momentum)."""
    return 2.0 * (1.0 + checked_momentum(momentum))


def relaxing_noise(
    k: ArrayLike, c: ArrayLike, learning_rate: float, momentum: float = 0.0, dynamics: Dynamics = "discrete"
) -> tuple[Array, Array]:
    """`k` (d,) with 1/eta in the noise-free modes and `c` (d, d) with 0 there: every division by rates is defined.

    Raises ValueError when a noisy mode has no stationary state: its eigenvalue is not positive, or (discrete dynamics)
    its learning rate x eigenvalue is not below 2 (1 + momentum).
    """
    k, c = _shapes(k, c)
    if not learning_rate > 0.0:
        raise ValueError(f"learning_rate must be positive, not {learning_rate}")
    noisy = noisy_modes(k, c)
    fault = unstable_mode(k, noisy, learning_rate, momentum, dynamics)
    if fault is not None:
        raise ValueError(fault[1])
    return np.where(noisy, k, 1.0 / learning_rate), np.where(noisy[:, None] & noisy, c, 0.0)


def unstable_mode(
    k: Array, noisy: NDArray[np.bool_], learning_rate: float, momentum: float, dynamics: Dynamics
) -> tuple[int, str] | None:
    """The first noisy mode without a stationary state and a sentence that says why, or None."""
    limit = stability_limit(momentum)
    for mode in np.flatnonzero(noisy & ~(k > 0.0)):
        return int(mode), (
            f"mode {mode} feels the gradient noise but its Hessian eigenvalue is {k[mode]:.4g}, and only positive "
            "curvature has a stationary state; start from a converged minimum or add weight decay"
        )
    if checked_dynamics(dynamics) == "discrete":
        for mode in np.flatnonzero(noisy & ~(learning_rate * k < limit)):
            return int(mode), (
                f"mode {mode} has learning rate x Hessian eigenvalue = {learning_rate * k[mode]:.4g}, and stability "
                f"needs less than 2 (1 + momentum) = {limit:.4g}; choose a smaller learning rate"
            )
    return None


def log_multipliers(
    k: ArrayLike, learning_rate: float, momentum: float = 0.0, dynamics: Dynamics = "discrete"
) -> tuple[Array, Array]:
    """Sign and logarithm of the factor by which a first-order mode shrinks in a step, each (d,).

    Discrete (momentum 0): 1 - eta k. Continuum: exp(-eta k / (1 - momentum)). Logarithms keep 1 - multiplier^n exact
    for slow modes, where eta k is far below the rounding of 1.
    """
    k = real_array(k, "the eigenvalues k", UserError)
    if checked_dynamics(dynamics) == "continuum":
        return np.ones_like(k), -learning_rate * k / (1.0 - checked_momentum(momentum))
    if momentum != 0.0:
        raise ValueError("with momentum a discrete mode has two multipliers; see langevin_sgd.theory.heavy_ball")
    a = learning_rate * k
    with np.errstate(divide="ignore"):
        logarithm = np.log1p(np.where(a < 1.0, -a, a - 2.0))
    return np.where(a <= 1.0, 1.0, -1.0), np.maximum(logarithm, _SMALLEST_LOGARITHM)


def checked_momentum(momentum: float) -> float:
    """`momentum` itself; raises ValueError unless it lies in [0, 1)."""
    if not 0.0 <= momentum < 1.0:
        raise ValueError(f"momentum must lie in [0, 1), not {momentum}")
    return momentum


def checked_dynamics(dynamics: Dynamics) -> Dynamics:
    """`dynamics` itself; raises ValueError unless it is "discrete" or "continuum"."""
    if dynamics not in ("discrete", "continuum"):
        raise ValueError(f"dynamics must be 'discrete' or 'continuum', not {dynamics!r}")
    return dynamics


def checked_steps(steps: ArrayLike) -> NDArray[np.int64]:
    """`steps` as a one-dimensional int64 array; raises ValueError if any is negative or not an integer."""
    given = np.atleast_1d(native_array(steps, "steps", UserError))
    if given.ndim != 1 or (given.size and (given.dtype.kind not in "iu" or given.min() < 0)):
        raise ValueError("steps must be a list of integers, none negative")
    return given.astype(np.int64)


def _shapes(k: ArrayLike, c: ArrayLike) -> tuple[Array, Array]:
    k = real_array(k, "the eigenvalues k", UserError)
    c = real_array(c, "the noise c", UserError)
    if k.ndim != 1 or c.shape != (k.size, k.size):
        raise ValueError(f"eigenvalues (d,) and noise covariance (d, d) do not fit: shapes {k.shape} and {c.shape}")
    return k, c
