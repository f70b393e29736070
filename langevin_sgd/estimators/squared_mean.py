"""|mean|^2 of independent replicas without the noise of their mean, with an interval that holds at and near 0.

With m the mean of R vectors x_r and S their covariance, m ~ N(mu, Sigma/R) and D = |m|^2 - tr S/R is unbiased for
|mu|^2. It is a quadratic form: its variance is 4 mu' Sigma mu/R + 2 tr(Sigma^2)/(R (R - 1)), of which a jackknife sees
the first part alone, and that with the m that happened: near mu = 0 it gives nearly no error where m is nearly 0.

R |m|^2 is compared with a noncentral chi-squared law instead, whose unit is known as well as Sigma is. At |mu|^2 =
theta, R |m|^2 has mean tr Sigma + R theta and variance 2 tr(Sigma^2) + 4 R theta v, v = mu' Sigma mu/|mu|^2; so has a
chi^2_nu(delta) with delta = R theta/a, nu = tr Sigma/a and a = (tr(Sigma^2) + 2 R theta v)/(tr Sigma + 2 R theta)
(Satterthwaite's match, at every theta). For one coordinate, or an isotropic Sigma, the law is exact. Sigma and v are
known from R replicas only: the unit is taken for so uncertain as nu (R - 1) degrees of freedom leave tr S and R - 1
leave v, by their shares of the variance, which for one coordinate makes Student's t of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

FEWEST = 4  # replicas, below which tr(Sigma^2) has no unbiased estimate
_MOST = 256  # replicas that the moments of Sigma are taken from: enough for some percent
_HALVINGS = 26
_DOUBLINGS = 60
_FAR = 1e4  # R |m|^2 over the noise of one direction, beyond which D is Gaussian


@cache
def _normal_quadrature() -> tuple[Array, Array]:
    """Nodes and weights of the mean over a standard normal."""
    nodes, weights = scipy.special.roots_hermitenorm(15)
    return nodes, weights / weights.sum()


@dataclass(frozen=True)
class SquaredMean:
    """`value` D, its standard error, `spread` tr S, `dimension` nu = (tr Sigma)^2/tr(Sigma^2), `along` v; of one shape.

    nu counts the directions that share the spread: 1 for one coordinate, d for an isotropic spread in d. v is the
    variance of one replica along mu.
    """

    value: Array
    stderr: Array
    spread: Array
    dimension: Array
    along: Array
    replicas: int

    def at(self, chosen: NDArray[Any]) -> SquaredMean:
        """The chosen entries, by index or mask."""
        value, stderr, spread, dimension, along = (
            part[chosen] for part in (self.value, self.stderr, self.spread, self.dimension, self.along)
        )
        return SquaredMean(value, stderr, spread, dimension, along, self.replicas)

    def interval(self, confidence: float) -> tuple[Array, Array]:
        """Ends of the interval of |mu|^2, of the shape of `value`: what no tail of (1 - confidence)/2 excludes.

        The lower end is 0 where the tail beyond D is not that thin at |mu| = 0. NaN where the error is.
        """
        value, stderr, spread, dimension, along = (
            np.atleast_1d(x).astype(np.float64)
            for x in (self.value, self.stderr, self.spread, self.dimension, self.along)
        )
        low, high = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
        still = (spread == 0.0) & np.isfinite(value)
        low[still] = high[still] = value[still]  # all replicas are at one place
        tail = 0.5 - confidence / 2.0
        known = np.isfinite(stderr) & (spread > 0.0)
        law = _Law.of(value[known], spread[known], dimension[known], along[known], self.replicas)
        far = law.square * self.replicas > _FAR * law.along
        reach = float(scipy.special.stdtrit(self.replicas - 1, 1.0 - tail)) * stderr[known]
        low[known] = np.where(far, np.maximum(value[known] - reach, 0.0), law.end(tail, upper=False))
        high[known] = np.where(far, value[known] + reach, law.end(tail, upper=True))
        return low.reshape(np.shape(self.value)), high.reshape(np.shape(self.value))


@dataclass(frozen=True)
class _Law:
    """The law of R |m|^2; arrays (n,): the measured |m|^2, tr Sigma, tr(Sigma^2) and v."""

    square: Array
    trace: Array
    trace_of_square: Array
    along: Array
    replicas: int

    @classmethod
    def of(cls, value: Array, spread: Array, dimension: Array, along: Array, replicas: int) -> _Law:
        trace_of_square = spread**2 / dimension
        square = np.maximum(value + spread / replicas, 0.0)
        return cls(square, spread, trace_of_square, along, replicas)

    def below(self, theta: Array) -> Array:
        """Probability of a smaller |m|^2 at |mu|^2 = theta."""
        freedom = self.replicas - 1
        shift = 2.0 * self.replicas * theta
        variance = self.trace_of_square + shift * self.along
        unit = variance / (self.trace + shift)
        share = self.trace_of_square / variance
        own = share / np.sqrt(freedom * self.trace**2 / self.trace_of_square) + (1.0 - share) / np.sqrt(freedom)
        # the unit is estimated: so many times the true one, by the cube-root normal law of chi^2/freedom
        width = np.sqrt(2.0) / 3.0 * own[..., None]
        nodes, weights = _normal_quadrature()
        scale = np.maximum(1.0 - width**2 + width * nodes, 1e-3) ** 3
        observed, centre = (scale * (self.replicas * each / unit)[..., None] for each in (self.square, theta))
        result: Array = scipy.special.chndtr(observed, (self.trace / unit)[..., None], centre) @ weights
        return result

    def end(self, tail: float, *, upper: bool) -> Array:
        """theta at which the tail below (`upper`) or above |m|^2 is `tail`; 0 if it is no thicker there already."""

        def inside(theta: Array) -> NDArray[np.bool_]:
            # growing theta takes probability from below |m|^2: the upper end is where too little is left
            below = self.below(theta)
            return below > tail if upper else 1.0 - below < tail

        low, high = np.zeros_like(self.square), self.square + self.trace / self.replicas
        for _ in range(_DOUBLINGS):
            short = inside(high)
            if not short.any():
                break
            high = np.where(short, 2.0 * high, high)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            within = inside(middle)
            low, high = np.where(within, middle, low), np.where(within, high, middle)
        result: Array = np.where(inside(np.zeros_like(low)), 0.5 * (low + high), 0.0)
        return result


def squared_mean(vectors: ArrayLike) -> SquaredMean:
    """D of `vectors` (..., replica, coordinate); the standard error and nu are NaN for fewer than four replicas.

    tr(Sigma^2) is the estimate of Himeno and Yamada (2014), unbiased for any distribution, between what the number of
    coordinates allows; from the first 256 replicas if there are more. Leading dimensions are ensembles on their own.
    """
    x = real_array(vectors, "the vectors", UserError)
    mean = x.mean(axis=-2)
    return of_deviations(x, mean, x - mean[..., None, :])


def of_deviations(x: Array, mean: Array, deviation: Array) -> SquaredMean:
    """`squared_mean` of x (..., replica, coordinate), whose mean and deviations x - mean are there already.

    Of many coordinates all the time goes into passes over arrays of the size of x, which are made once then.
    """
    replicas = x.shape[-2]
    square = (mean[..., None, :] @ mean[..., :, None])[..., 0, 0]
    if replicas < 2:
        nothing = np.full(square.shape, np.nan)
        return SquaredMean(nothing, nothing, nothing, nothing, nothing, replicas)
    spread = np.einsum("...rd,...rd->...", deviation, deviation) / (replicas - 1)
    value = square - spread / replicas
    if replicas < FEWEST:
        nothing = np.full(square.shape, np.nan)
        return SquaredMean(value, nothing, spread, nothing, nothing, replicas)
    if replicas <= _MOST:
        moments = _moments(deviation)
    else:
        few = x[..., :_MOST, :]
        moments = _moments(few - few.mean(axis=-2)[..., None, :])
    trace_of_square = _power(spread, 2) / moments.dimension
    product = _power_of_rows(deviation, mean) / (replicas - 1)  # m' S m
    excess = _larger(product - trace_of_square / replicas, 0.0)  # of it over its noise: mu' Sigma mu
    stderr = np.sqrt(4.0 * excess / replicas + 2.0 * trace_of_square / (replicas * (replicas - 1)))
    along = _along(value, square, product, excess, trace_of_square, moments.steepness, replicas)
    return SquaredMean(value, stderr, spread, moments.dimension, along, replicas)


def _power_of_rows(deviation: Array, mean: Array) -> Array:
    """sum_r (x_r m)^2."""
    along: Array = (deviation @ mean[..., None])[..., 0]
    total: Array = (along**2).sum(axis=-1)
    return total


def _along(
    value: Array, square: Array, product: Array, excess: Array, trace_of_square: Array, steepness: Array, replicas: int
) -> Array:
    """v: by the unbiased ratio as far as D stands out of its noise, else what the noise has along its directions."""
    noisy = _larger(_ratio(product, square, otherwise=0.0), steepness * np.sqrt(trace_of_square))
    ratio = np.where(value > 0.0, _larger(_ratio(excess, value, otherwise=0.0), noisy), noisy)
    lost = np.sqrt(2.0 * trace_of_square) / replicas
    clear = _ratio(value, value + lost, otherwise=0.0, where=value > 0.0)
    return _smaller(noisy + clear * (ratio - noisy), np.sqrt(trace_of_square))


class _Moments(NamedTuple):
    """(tr Sigma)^2/tr(Sigma^2), and tr(Sigma^3)/tr(Sigma^2)^(3/2): 1 if one direction has all of the spread."""

    dimension: Array
    steepness: Array


def _moments(deviation: Array) -> _Moments:
    """From ratios of unbiased estimates, within what the number of coordinates allows; deviations from their mean."""
    n, coordinates = deviation.shape[-2:]
    lengths = np.einsum("...rd,...rd->...r", deviation, deviation)
    trace = lengths.sum(axis=-1) / (n - 1)
    moves = trace > 0.0
    few = coordinates < n
    turned = np.swapaxes(deviation, -1, -2)
    product = turned @ deviation if few else deviation @ turned
    square = (product**2).sum(axis=(-2, -1)) / (n - 1) ** 2
    fourth = (lengths**2).sum(axis=-1) / (n - 1)
    common = (n - 1) / (n * (n - 2) * (n - 3))
    squared_trace = _power(trace, 2)
    of_square = common * ((n - 1) * (n - 2) * square + squared_trace - n * fourth)
    squared = common * (2.0 * square + (n**2 - 3 * n + 1) * squared_trace - n * fourth)
    dimension = _smaller(_larger(_ratio(squared, of_square, otherwise=math.inf), 1.0), float(coordinates))
    dimension = np.where(moves, dimension, 1.0)
    if not few:  # what is left of the cube are triples of different replicas
        product[..., np.arange(n), np.arange(n)] = 0.0
    cube = np.einsum("...ij,...ji->...", product @ product, product) / (n * (n - 1) * (n - 2))
    of_square = _power(np.where(moves, squared_trace / dimension, 1.0), 1.5)
    steepness = _smaller(_larger(cube / of_square, _power(dimension, -0.5)), 1.0)
    return _Moments(dimension, np.where(moves, steepness, 1.0))


def _power(base: Array, exponent: float) -> Array:
    """base^exponent by the C library: the last bit of numpy's depends on the machine and its vector units."""
    return np.array([number**exponent for number in base.ravel().tolist()]).reshape(base.shape)


def _larger(one: Array, other: Array | float) -> Array:
    return np.where(other > one, other, one)


def _smaller(one: Array, other: Array | float) -> Array:
    return np.where(other < one, other, one)


def _ratio(over: Array, under: Array, *, otherwise: float, where: NDArray[np.bool_] | None = None) -> Array:
    """over/under where `under` (or what is said) is positive."""
    chosen = under > 0.0 if where is None else where
    result: Array = np.divide(over, under, out=np.full(np.shape(under), otherwise), where=chosen)
    return result
