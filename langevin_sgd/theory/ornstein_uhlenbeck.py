"""SGD near a minimum as an Ornstein-Uhlenbeck process: stationary laws and transients, in the Hessian's eigenbasis.

Energy E = w^T H w / 2, minibatch gradient H w + xi with Cov(xi) = C/B, heavy ball m <- mu m + gradient,
w <- w - eta m. With k the eigenvalues of H, (d,), and c = V^T C V, (d, d), every Lyapunov equation is elementwise.
C is the covariance of one per-sample gradient, B the batch size, eta the learning rate; positions are dimensionless,
times are in steps. Noise-free modes have variance zero. All functions raise ValueError when a noisy mode has no
stationary state, and name it.

Sources: Mandt, Hoffman, Blei, JMLR 18 (2017) for the continuum; Liu, Ziyin, Ueda, ICML 2021, for discrete time and
momentum; Kuehn and Rosenow 2023 for epoch sampling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array
from langevin_sgd.theory import heavy_ball
from langevin_sgd.theory.epoch_sampling import epoch_covariance, epoch_transient_covariance
from langevin_sgd.theory.modes import (
    Array,
    Dynamics,
    checked_dynamics,
    checked_momentum,
    checked_steps,
    log_multipliers,
    noisy_modes,
    relaxing_noise,
    stability_limit,
)
from langevin_sgd.theory.quadratic_form import (
    effective_degrees_of_freedom,
    energy_weights,
    weighted_chi_squared_cdf,
)

__all__ = [
    "Dynamics",
    "autocorrelation",
    "autocorrelation_time",
    "continuum_covariance",
    "damping",
    "discrete_covariance",
    "effective_degrees_of_freedom",
    "energy_weights",
    "epoch_covariance",
    "epoch_transient_covariance",
    "isotropic_covariance",
    "noise_scale",
    "noisy_modes",
    "relaxation_steps",
    "stability_limit",
    "temperature",
    "transient_covariance",
    "transient_mean",
    "weighted_chi_squared_cdf",
]


def noise_scale(c: ArrayLike) -> float:
    """sigma = sqrt(tr C / d), the standard deviation of one per-sample gradient along an average direction."""
    c = real_array(c, "the noise c", UserError)
    return float(np.sqrt(np.trace(c) / len(c)))


def temperature(learning_rate: float, batch_size: float, noise_scale: float) -> float:
    """T = eta sigma^2 / B; the thermal energy (the physicist's k_B T) is T/2."""
    return learning_rate * noise_scale**2 / batch_size


def continuum_covariance(
    k: ArrayLike, c: ArrayLike, learning_rate: float, batch_size: float, momentum: float = 0.0
) -> Array:
    """Stationary covariance (d, d) of dw = -H w dt + sqrt(eta/B) C^(1/2) dW: S_ij = (eta/B) c_ij/(k_i + k_j).

    Momentum raises the rate to eta/(1 - mu) and so the covariance by 1/(1 - mu).
    """
    rates, noise = relaxing_noise(k, c, learning_rate, momentum, "continuum")
    return learning_rate / (1.0 - checked_momentum(momentum)) / batch_size * noise / (rates[:, None] + rates)


def discrete_covariance(
    k: ArrayLike, c: ArrayLike, learning_rate: float, batch_size: float, momentum: float = 0.0
) -> Array:
    """Stationary covariance (d, d) of SGD itself (Liu, Ziyin, Ueda 2021), with a = eta k:

    S_ij = (eta^2 c_ij/B) / [(1 - mu)(a_i + a_j) - (1 + mu^2)/(1 - mu^2) a_i a_j + mu/(1 - mu^2) (a_i^2 + a_j^2)],

    which for mu = 0 solves S = (I - eta H) S (I - eta H) + (eta^2/B) C.
    """
    rates, noise = relaxing_noise(k, c, learning_rate, momentum, "discrete")
    return learning_rate**2 / batch_size * noise / damping(learning_rate * rates, momentum)


def damping(a: ArrayLike, momentum: float) -> Array:
    """The bracket of `discrete_covariance`, (d, d), of a = eta k (d,): the noise of a step over the covariance."""
    a = real_array(a, "the rates a", UserError)
    mu = momentum
    row, column = a[:, None], a
    found = (1.0 - mu) * (row + column)
    found -= ((1.0 + mu**2) * row * column - mu * (row**2 + column**2)) / (1.0 - mu**2)
    return found


def isotropic_covariance(
    k: ArrayLike, c: ArrayLike, learning_rate: float, batch_size: float, momentum: float = 0.0
) -> Array:
    """The Boltzmann law exp(-2E/T) with T = eta sigma^2/B, sigma^2 = tr C/d: S = (T/2) H^-1 / (1 - mu), (d, d).

    The isotropic noise reaches every mode, so a mode without curvature has infinite variance here. A negative
    curvature in a noisy mode raises ValueError.
    """
    k = real_array(k, "the eigenvalues k", UserError)
    relaxing_noise(k, c, learning_rate, momentum, "continuum")
    thermal_energy = temperature(learning_rate, batch_size, noise_scale(c)) / 2.0
    with np.errstate(divide="ignore"):
        return np.diag(thermal_energy / (1.0 - momentum) / np.maximum(k, 0.0))


def transient_mean(
    k: ArrayLike,
    displacement: ArrayLike,
    learning_rate: float,
    steps: ArrayLike,
    momentum: float = 0.0,
    dynamics: Dynamics = "discrete",
) -> Array:
    """Mean position (n, d) after `steps` (n,) from `displacement` (d,), starting with m = 0.

    Discrete: (I - eta H)^n w0, or the position block of A^n (w0, 0) with momentum.
    Continuum: exp(-eta H n/(1 - mu)) w0.
    """
    k = real_array(k, "the eigenvalues k", UserError)
    start = real_array(displacement, "the displacement", UserError)
    number = checked_steps(steps)
    if checked_dynamics(dynamics) == "discrete" and checked_momentum(momentum) > 0.0:
        inertial: Array = heavy_ball.transition(learning_rate * k, momentum, number)[0, 0] * start
        return inertial
    sign, logarithm = log_multipliers(k, learning_rate, momentum, dynamics)
    mean: Array = np.exp(number[:, None] * logarithm) * sign ** (number[:, None] % 2) * start
    return mean


def transient_covariance(
    k: ArrayLike,
    c: ArrayLike,
    learning_rate: float,
    batch_size: float,
    steps: ArrayLike,
    momentum: float = 0.0,
    dynamics: Dynamics = "discrete",
) -> Array:
    """Variance of every mode (n, d) after `steps` (n,) from a point with m = 0: the diagonal of the covariance.

    Momentum 0 and continuum: S_ii (1 - multiplier^(2n)). Discrete with momentum: the exact sum over n steps.
    """
    number = checked_steps(steps)
    rates, noise = relaxing_noise(k, c, learning_rate, momentum, dynamics)
    variance = np.diagonal(noise)
    if dynamics == "discrete" and momentum > 0.0:
        sums = heavy_ball.accumulated_variance(learning_rate * rates, momentum, number)[0, 0]
        inertial: Array = learning_rate**2 / batch_size * variance * sums
        return inertial
    law = continuum_covariance if dynamics == "continuum" else discrete_covariance
    stationary = np.diagonal(law(k, c, learning_rate, batch_size, momentum))
    _, logarithm = log_multipliers(rates, learning_rate, momentum, dynamics)
    reached: Array = -np.expm1(2 * number[:, None] * logarithm)
    return stationary * reached


def autocorrelation(
    k: ArrayLike, learning_rate: float, lags: ArrayLike, momentum: float = 0.0, dynamics: Dynamics = "discrete"
) -> Array:
    """Stationary autocorrelation of each mode's position at `lags` (n,) steps: (n, d), 1 at lag 0.

    Discrete: (1 - eta k)^n; with momentum the recursion R_(n+1) = (1 + mu - a) R_n - mu R_(n-1) with a = eta k and
    R_1 = 1 - a/(1 + mu). Continuum: exp(-eta k n/(1 - mu)).
    """
    k = real_array(k, "the eigenvalues k", UserError)
    number = checked_steps(lags)
    if checked_dynamics(dynamics) == "discrete" and checked_momentum(momentum) > 0.0:
        a = learning_rate * k
        forward = heavy_ball.transition(a, momentum, number)
        # the stationary covariance of (w, u) is S (1, -a/(1 + mu)) in its first row
        correlation: Array = forward[0, 0] - forward[0, 1] * a / (1.0 + momentum)
        return correlation
    return transient_mean(k, np.ones_like(k), learning_rate, number, momentum, dynamics)


def autocorrelation_time(
    k: ArrayLike, learning_rate: float, momentum: float = 0.0, dynamics: Dynamics = "discrete"
) -> Array:
    """Steps in which the autocorrelation of a mode's position decays by e, (d,): -1/log|slowest root|.

    The roots of x^2 - (1 + mu - a) x + mu with a = eta k; infinite where a mode does not decay (k <= 0, or a at the
    stability limit 2 (1 + mu) and above). Continuum: (1 - mu)/(eta k).
    """
    k = real_array(k, "the eigenvalues k", UserError)
    if checked_dynamics(dynamics) == "continuum":
        logarithm = -learning_rate * k / (1.0 - checked_momentum(momentum))
    else:
        logarithm = _slowest_logarithm(learning_rate * k, checked_momentum(momentum))
    with np.errstate(divide="ignore"):
        return np.where(logarithm < 0.0, -1.0 / np.minimum(logarithm, 0.0), np.inf)


def relaxation_steps(
    k: ArrayLike, c: ArrayLike, learning_rate: float, momentum: float = 0.0, dynamics: Dynamics = "discrete"
) -> float:
    """The largest `autocorrelation_time` of the modes that noise reaches, in steps: about 1/(eta k) of the flattest."""
    k = real_array(k, "the eigenvalues k", UserError)
    times = autocorrelation_time(k, learning_rate, momentum, dynamics)
    return float(np.max(times[noisy_modes(k, c)], initial=0.0))


def _slowest_logarithm(a: NDArray[np.float64], momentum: float) -> Array:
    """log of the largest modulus among the roots of x^2 - (1 + mu - a) x + mu; exact for small a."""
    root = np.sqrt(momentum)
    discriminant = ((1.0 - root) ** 2 - a) * ((1.0 + root) ** 2 - a)
    total = 1.0 + momentum - a
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = (np.abs(total) + np.sqrt(np.maximum(discriminant, 0.0))) / 2.0
        other = np.where(largest > 0.0, momentum / largest, 0.0)
        # (1 - x)(1 - y) = a, and (1 + x)(1 + y) = 2 (1 + mu) - a for the negative root: no cancellation near 1
        distance = np.where(total >= 0.0, a, 2.0 * (1.0 + momentum) - a) / (1.0 - other)
        real = np.log1p(-distance)
        return np.where(discriminant > 0.0, real, np.log(momentum) / 2.0 if momentum else -np.inf)
