"""What third cumulants add to the covariance of SGD beyond a Gaussian closure, to the same order in eta/B.

In the eigenbasis of H, with M = diag(mu_a), mu_a = 1 - eta k_a, covariance S, third derivatives T_abc of the energy,
noise covariance C(w) and the third cumulant kappa_abc of one per-sample gradient, the third cumulant K of w in the
stationary state solves, mode by mode,

    K_abc (1 - mu_a mu_b mu_c) = - eta sum3 (M S)_ad (M S)_be T_dec + (eta^2/B) sum3 (M S)_ad d_d C_bc
                                 - (eta^3/B^2) kappa_abc,

sum3 over which of the three indices stands alone: the drift that is not linear, the noise that depends on the
position, and the noise that is not Gaussian. By the nonlinear drift K changes the covariance,

    dS_ij (1 - mu_i mu_j) = - eta (mu_i Q_ji + mu_j Q_ij),    Q_ij = sum_ab T_iab K_abj / 2.

T falls fast from mode to mode, so a and b run over few directions and only i, j over all. Derived for this project, and
checked against exact chains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ThirdOrder:
    """Tensors (q, q, d), the first two indices over the chosen modes `chosen` (q,), the last over all.

    `energy` [a, b, i] = T_abi; `noise` [a, b, i] = derivative of C_ab along i; `noise_along` [a, b, i] = derivative of
    C_bi along a; `cumulant` [a, b, i] = kappa_abi.
    """

    chosen: NDArray[np.int64]
    energy: Array
    noise: Array
    noise_along: Array
    cumulant: Array

    def of_first(self, number: int) -> ThirdOrder:
        """The same for the first so many of the chosen modes."""
        few = slice(number)
        tensors = (self.energy, self.noise, self.noise_along, self.cumulant)
        return ThirdOrder(self.chosen[few], *(tensor[few, few] for tensor in tensors))


def third_cumulant(k: Array, s: Array, third: ThirdOrder, learning_rate: float, batch_size: float) -> Array:
    """K (q, q, d) of the stationary state, in the eigenbasis of H = diag(k) with the covariance s (d, d)."""
    mu = 1.0 - learning_rate * k
    ms = mu[:, None] * s  # (M S)_ij
    own = third.chosen
    few = ms[np.ix_(own, own)]
    # the index that stands alone is the last, or one of the first two
    drift = np.einsum("ad,be,dei->abi", few, few, third.energy, optimize=True)
    one = np.einsum("ad,dbe,je->abj", few, third.energy, ms, optimize=True)
    drift = drift + one + one.swapaxes(0, 1)
    along = np.einsum("ad,dbj->abj", few, third.noise_along, optimize=True)
    noise = along + along.swapaxes(0, 1) + np.einsum("jd,abd->abj", ms, third.noise, optimize=True)
    source = -learning_rate * drift + learning_rate**2 / batch_size * noise
    source -= learning_rate**3 / batch_size**2 * third.cumulant
    found: Array = source / (1.0 - mu[own][:, None, None] * mu[own][:, None] * mu)
    return found


def covariance_change(k: Array, s: Array, third: ThirdOrder, learning_rate: float, batch_size: float) -> Array:
    """dS (d, d) by third cumulants, in the eigenbasis of H = diag(k), |1 - eta k| < 1."""
    mu = 1.0 - learning_rate * k
    cumulant = third_cumulant(k, s, third, learning_rate, batch_size)
    q = 0.5 * np.einsum("abi,abj->ij", third.energy, cumulant, optimize=True)
    change = -learning_rate * (mu[:, None] * q.T + mu * q)
    found: Array = change / (1.0 - mu[:, None] * mu)
    return found


def energy_change(k: Array, s: Array, third: ThirdOrder, learning_rate: float, batch_size: float) -> float:
    """What third cumulants add to the mean energy, sum_i k_i dS_ii/2 + sum_abc T_abc K_abc/6, a and b being chosen."""
    change = np.diagonal(covariance_change(k, s, third, learning_rate, batch_size))
    cumulant = third_cumulant(k, s, third, learning_rate, batch_size)
    return float(k @ change / 2.0 + (third.energy * cumulant).sum() / 6.0)
