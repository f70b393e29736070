"""Laws of a walker in a random potential with structure function E[(V(x)-V(y))^2] = A |x-y|^alpha, 0 < alpha < 2.

dw = -V'(w) dt + sqrt(2 theta) dW, theta the `thermal_energy`. Barriers over a distance r are sqrt(A) r^(alpha/2), to
cross one takes ln t = barrier/theta, so positions grow as `length_scale` = ((theta ln t)^2/A)^(1/alpha) and
<x^2> as (ln t)^(4/alpha) (Sinai 1982 for alpha = 1; Bouchaud, Comtet, Georges, Le Doussal, Annals of Physics 201, 285
(1990)). Only for alpha = 1 on the line is more known: x = length_scale xi, where xi has the Kesten-Golosov density
(Kesten, Physica A 138, 299 (1986); Golosov, Russian Math. Surveys 41, 199 (1986))

    p(xi) = (2/pi) sum_k (-1)^k/(2k+1) exp(-(2k+1)^2 pi^2 |xi|/8) = 1/2 - sum_k (-1)^k erfc((2k+1)/sqrt(2|xi|)),

the second series being the image of the first under Poisson summation; each is used where it converges faster. The
leading correction at finite times is a shift, ln t + c: time has a unit, `natural_time` = theta^3/A^2 for alpha = 1,
and what is left depends on how the potential ends at small distances. All laws here take the shift c.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

MEAN_ABSOLUTE = 5.0 / 6.0
MEAN_SQUARE = 61.0 / 45.0

# Both series need no more than four terms for full precision on their side of this |xi|.
_CROSSOVER = 0.7
_ORDER = np.arange(4.0)
_ODD = 2.0 * _ORDER + 1.0
_SIGN = (-1.0) ** _ORDER
_DECAY = (math.pi * _ODD) ** 2 / 8.0
_NEWTON_STEPS = 8


def exponent(alpha: float) -> float:
    """p = 4/alpha of <x^2> ~ (ln t)^p. Raises `UserError` unless 0 < alpha < 2."""
    if math.isnan(alpha) or alpha <= 0:
        raise UserError(f"alpha: {alpha:g} must lie between 0 and 2; at 0 or below, barriers do not grow with distance")
    if alpha >= 2:
        raise UserError(
            f"alpha: {alpha:g} must lie below 2; at 2 the structure function A r^2 is that of a constant random "
            "force, so motion is ballistic, there are no barriers, and (ln t)^2 is no prediction"
        )
    return 4.0 / alpha


def length_scale(
    ln_time: ArrayLike, *, alpha: float, amplitude: float, thermal_energy: float, shift: float = 0.0
) -> Array:
    """((theta (ln t + c))^2/A)^(1/alpha), the distance whose barriers are crossed in time t, shape of `ln_time`.

    Raises `UserError` unless 0 < alpha < 2, A > 0, theta > 0 and ln t + c > 0.
    """
    power = exponent(alpha) / 2.0
    logarithm = _logarithm(ln_time, amplitude, thermal_energy, shift)
    scale: Array = (thermal_energy * logarithm / math.sqrt(amplitude)) ** power
    return scale


def natural_time(*, amplitude: float, thermal_energy: float) -> float:
    """theta^3/A^2 for alpha = 1: diffusion over theta^2/A, the distance over which the potential varies by theta."""
    _logarithm(1.0, amplitude, thermal_energy, 0.0)
    return thermal_energy**3 / amplitude**2


def mean_squared_displacement(
    ln_time: ArrayLike, *, amplitude: float, thermal_energy: float, shift: float = 0.0
) -> Array:
    """<x^2> = (61/45) (theta (ln t + c))^4/A^2 for alpha = 1 on the line, shape of `ln_time`.

    Raises `UserError` as `length_scale` does.
    """
    scale = length_scale(ln_time, alpha=1.0, amplitude=amplitude, thermal_energy=thermal_energy, shift=shift)
    return MEAN_SQUARE * scale**2


def aging_probability(ratio: ArrayLike) -> Array:
    """lim P(|x(t^h) - x(t)|/(ln t)^2 < delta) = h^-2 [5/3 - (2/3) exp(-(h-1))], alpha = 1, `ratio` h >= 1.

    Le Doussal, Monthus, Fisher, Phys. Rev. E 59, 4795 (1999); ln t -> infinity first, then delta -> 0. In that order
    delta may be as large as 0.4: a move to another valley crosses two slopes of theta ln t, and only 0.003 of all
    walkers have moved by less than that (0.0005 by less than 0.3, 0.009 than 0.5; h = 1.25, fewer beyond; by
    flooding). At finite times wells of equal depth take away about 0.5/ln t (delta = 0.4, h = 1.25; 2.8/ln t at 0.1),
    and h is better taken as `shifted_ratio`. Raises `UserError` if h < 1.
    """
    h = real_array(ratio, "the ratio", UserError)
    if not np.all(h >= 1.0):
        raise UserError(f"aging: the ratio of logarithms {np.min(h):g} must be at least 1; the later time comes second")
    probability: Array = (5.0 - 2.0 * np.exp(1.0 - h)) / (3.0 * h**2)
    return probability


def shifted_ratio(ratio: ArrayLike, ln_waiting_time: ArrayLike, shift: float) -> Array:
    """(h ln t_w + c)/(ln t_w + c): the ratio of the logarithms that scaling at finite times goes by."""
    waiting = real_array(ln_waiting_time, "the ln waiting time", UserError)
    if not np.all(waiting + shift > 0.0):
        raise UserError(f"aging: ln t_w + shift must be positive, not {np.min(waiting) + shift:g}; take a later t_w")
    shifted: Array = (real_array(ratio, "the ratio", UserError) * waiting + shift) / (waiting + shift)
    return shifted


def density(xi: ArrayLike) -> Array:
    """Kesten-Golosov density p(xi), even, integral 1; relative accuracy 1e-14 or better for every xi."""
    return 0.5 * _by_series(xi, near=_density_near, far=lambda x: _far(x, 4.0 / (math.pi * _ODD)))


def survival(xi: ArrayLike) -> Array:
    """P(|xi'| > |xi|), to relative accuracy also in the tail (32/pi^3) exp(-pi^2 |xi|/8)."""
    return _by_series(xi, near=lambda x: 1.0 - _within_near(x), far=lambda x: _far(x, 32.0 / (math.pi * _ODD) ** 3))


def cdf(xi: ArrayLike) -> Array:
    """P(xi' <= xi), to relative accuracy in the left tail."""
    x = real_array(xi, "the xi", UserError)
    tail = 0.5 * survival(x)
    return np.where(x > 0.0, 1.0 - tail, tail)


def quantile(probability: ArrayLike) -> Array:
    """xi at which `cdf` is `probability` in (0, 1), by Newton's method on the logarithm of the tail; exact to 1e-12.

    Raises `ValueError` outside (0, 1).
    """
    u = real_array(probability, "the probability", UserError)
    if not np.all((u > 0.0) & (u < 1.0)):
        raise ValueError("probabilities must lie strictly between 0 and 1")
    wanted = 2.0 * np.minimum(u, 1.0 - u)
    # -ln P(|xi| > x) is convex with slope from 1 to pi^2/8: this start is below the root, and the steps contract
    x = -np.log(wanted) * 8.0 / math.pi**2
    for _ in range(_NEWTON_STEPS):
        tail = survival(x)
        step = tail / (2.0 * density(x)) * np.log(tail / wanted)
        x = np.maximum(x + step, 0.0)
        if np.all(np.abs(step) <= 1e-14 * (1.0 + x)):
            break
    found: Array = np.where(u < 0.5, -x, x)
    return found


def absolute_moment(order: float) -> float:
    """E|xi|^s = (4/pi) Gamma(s+1) (8/pi^2)^(s+1) beta(2s+3) for real s > -1, beta Dirichlet's function.

    5/6, 61/45, 277/84 for s = 1, 2, 3: in general s! 2^(s+1) |E_(2s+2)|/(2s+2)! with Euler's numbers, from the
    expansion of the Laplace transform.
    """
    if not order > -1.0:
        raise ValueError(f"order {order} of a moment must exceed -1")
    argument = 2.0 * order + 3.0
    dirichlet = float(scipy.special.zeta(argument, 0.25) - scipy.special.zeta(argument, 0.75)) * 4.0**-argument
    return float(4.0 / math.pi * math.gamma(order + 1.0) * (8.0 / math.pi**2) ** (order + 1.0) * dirichlet)


def laplace_transform(rate: ArrayLike) -> Array:
    """E exp(-q |xi|) = (1 - 1/cosh sqrt(2q))/q for q >= 0, without loss of precision at small q."""
    q = real_array(rate, "the rate", UserError)
    if not np.all(q >= 0.0):
        raise ValueError("the rate of a Laplace transform must not be negative")
    # 1 - 1/cosh z = 2 sinh(z/2)^2/cosh z, written with decaying exponentials; z^2 = 2 q
    z = np.sqrt(2.0 * np.where(q > 0.0, q, 1.0))
    value = 2.0 * (-np.expm1(-z)) ** 2 / (1.0 + np.exp(-2.0 * z)) / z**2
    transform: Array = np.where(q > 0.0, value, 1.0)
    return transform


def _logarithm(ln_time: ArrayLike, amplitude: float, thermal_energy: float, shift: float) -> Array:
    if not (amplitude > 0.0 and math.isfinite(amplitude)):
        raise UserError(f"amplitude: {amplitude:g} of the structure function must be positive and finite")
    if not (thermal_energy > 0.0 and math.isfinite(thermal_energy)):
        raise UserError(f"thermal_energy: {thermal_energy:g} must be positive and finite (it is T/2)")
    logarithm: Array = real_array(ln_time, "the ln time", UserError) + shift
    if not np.all(logarithm > 0.0):
        raise UserError(f"ln t + shift must be positive, not {np.min(logarithm):g}; the law begins at later times")
    return logarithm


def _by_series(xi: ArrayLike, *, near: Callable[[Array], Array], far: Callable[[Array], Array]) -> Array:
    x = np.abs(real_array(xi, "the xi", UserError))
    flat = x.reshape(-1)
    close = flat < _CROSSOVER
    out = np.empty(flat.shape)
    out[close], out[~close] = near(flat[close]), far(flat[~close])
    return out.reshape(x.shape)


def _far(x: Array, weights: Array) -> Array:
    total: Array = np.exp(-np.multiply.outer(x, _DECAY)) @ (_SIGN * weights)
    return total


def _density_near(x: Array) -> Array:
    """Density of |xi|, 1 - 2 sum (-1)^k erfc((2k+1)/sqrt(2x)): term by term the inverse of the Laplace transform."""
    argument = np.divide.outer(1.0, np.sqrt(2.0 * np.where(x > 0.0, x, 1.0)))[..., None] * _ODD
    total: Array = np.where(x > 0.0, 1.0 - 2.0 * scipy.special.erfc(argument) @ _SIGN, 1.0)
    return total


def _within_near(x: Array) -> Array:
    """P(|xi| <= x), the integral of `_density_near`: each erfc integrates to (x+a^2) erfc - a sqrt(2x/pi) exp."""
    safe = np.where(x > 0.0, x, 1.0)[..., None]
    argument = _ODD / np.sqrt(2.0 * safe)
    each = (safe + _ODD**2) * scipy.special.erfc(argument) - _ODD * np.sqrt(2.0 * safe / math.pi) * np.exp(
        -(argument**2)
    )
    total: Array = np.where(x > 0.0, x - 2.0 * each @ _SIGN, 0.0)
    return total
