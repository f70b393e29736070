"""Least squares by SGD: exact second moments on finite data with replacement, and on fresh Gaussian inputs.

Every sample costs L_n = |r_n w - t_n|^2/2, linear in the weights w (d,) with rows r_n (o, d), so its Hessian H_n =
r_n^T r_n does not depend on w but differs from sample to sample: the noise of a minibatch at displacement x from the
minimum is (H_B - A) x + g_B, A the mean of H_n, and so stronger where x is larger. With C the covariance of one
gradient at the minimum and H = A + weight decay, the covariance S of plain SGD with replacement obeys

    S <- (I - eta H) S (I - eta H) + (eta^2/B) (C + F S),   F S = mean over n of (H_n - A) S (H_n - A),

a linear equation, exact for the second moments of the discrete process whatever its distribution (Ziyin, Liu, Mori and
Ueda, Strength of minibatch noise in SGD, 2022, for fresh Gaussian inputs; with the empirical moments of the training
set here). The map is self-adjoint in the eigenbasis of H, and maps covariances to covariances: second moments are
bounded exactly if its largest eigenvalue is below 1, which asks for more than a stable mean, eta lambda < 2. The law
with noise frozen at the minimum leaves F out. With momentum see `least_squares_momentum`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array
from langevin_sgd.theory.markov_chain import Chain, minibatch_chain
from langevin_sgd.theory.modes import NOISE_FREE, Array, checked_steps
from langevin_sgd.theory.ornstein_uhlenbeck import damping

_REACH = 12.0  # standard deviations, to the ends of the chain: tails are those of a power law


@dataclass(frozen=True)
class SecondMoments:
    """The covariance (d, d) of SGD from the minimum, in the eigenbasis of H, at any step and in the end.

    `decay` are the eigenvalues, smallest first, of S -> D S - (eta^2/B) F S on the symmetric matrices of the `moving`
    modes, D S the elementwise product with `ornstein_uhlenbeck.damping`; without momentum they are 1 - the eigenvalues
    of the map S -> (I - eta H) S (I - eta H) + (eta^2/B) F S. See `second_moments`.
    """

    decay: Array
    _vectors: Array
    _source: Array
    moving: NDArray[np.bool_]

    @property
    def bounded(self) -> bool:
        """Whether there is a stationary covariance."""
        return float(self.decay[0]) > 0.0

    def growth(self) -> float:
        """The factor by which second moments change in a step in the end; below 1 if they are bounded."""
        return 1.0 - float(self.decay[0])

    def covariance(self) -> Array:
        """S (d, d) of the stationary state. Raises `ValueError` where second moments grow without bound."""
        if not self.bounded:
            raise ValueError(
                "the variance has no stationary value: the differences between the samples' own curvatures make it "
                f"grow by a factor {self.growth():.4g} a step; choose a smaller learning rate or a larger batch_size"
            )
        return self._matrix(self._vectors @ (self._source / self.decay))

    def transient_variance(self, steps: ArrayLike) -> Array:
        """Variance of every mode (n, d) after `steps` (n,) from the minimum: the diagonal of the sum of n powers."""
        number = checked_steps(steps)[:, None]
        slow = np.minimum(self.decay, 0.5)
        reached = np.where(
            self.decay < 0.5, -np.expm1(number * np.log1p(-slow)), 1.0 - (1.0 - self.decay) ** number.astype(float)
        )
        sums = np.where(self.decay == 0.0, number, reached / np.where(self.decay == 0.0, 1.0, self.decay))
        row, column = np.triu_indices(int(self.moving.sum()))
        found = np.zeros((len(number), self.moving.size))
        found[:, self.moving] = (sums * self._source) @ self._vectors[row == column].T
        return found

    def _matrix(self, pairs: Array) -> Array:
        size = int(self.moving.sum())
        row, column = np.triu_indices(size)
        found = np.zeros((size, size))
        found[row, column] = found[column, row] = pairs / _weights(row, column)
        whole = np.zeros((self.moving.size, self.moving.size))
        whole[np.ix_(self.moving, self.moving)] = found
        return whole


def second_moments(
    k: ArrayLike, c: ArrayLike, roots: ArrayLike, learning_rate: float, batch_size: float
) -> SecondMoments:
    """The exact second moments of SGD with replacement on a training set, for least squares.

    `k` (d,) are the eigenvalues of H, weight decay included, `c` (d, d) is the covariance of one gradient at the
    minimum and `roots` (n, o, d) the rows r_n of the samples, both in the eigenbasis of H. Works with matrices over
    pairs of modes, d^4/4 numbers. Raises `ValueError` for shapes that do not fit.
    """
    k = real_array(k, "the eigenvalues k", UserError)
    c = real_array(c, "the noise c", UserError)
    r = real_array(roots, "the roots", UserError)
    if k.ndim != 1 or c.shape != (k.size, k.size) or r.ndim != 3 or r.shape[2] != k.size:
        raise ValueError(f"k {k.shape}, c {c.shape} and roots {r.shape} do not fit: (d,), (d, d), (n, o, d) are needed")
    moving = k > NOISE_FREE * np.max(k, initial=0.0)
    kept, source = balance(k[moving], c[np.ix_(moving, moving)], r[:, :, moving], learning_rate, batch_size, 0.0)
    decay, vectors = np.linalg.eigh(kept)
    return SecondMoments(decay, vectors, vectors.T @ source, moving)


def balance(
    k: Array, c: Array, roots: Array, learning_rate: float, batch_size: float, momentum: float
) -> tuple[Array, Array]:
    """D - (eta^2/B) F (pair, pair) and (eta^2/B) C (pair,) in the orthonormal basis of pairs of modes."""
    row, column = np.triu_indices(k.size)
    weights = _weights(row, column)
    strength = learning_rate**2 / batch_size
    moments = curvature_moments(roots)
    # (F S)_ij = sum_kl <K_ik K_jl> S_kl, S_kl = S_lk
    both = moments[row[:, None], row, column[:, None], column] + moments[row[:, None], column, column[:, None], row]
    kept = np.diag(damping(learning_rate * k, momentum)[row, column])
    kept -= 0.5 * strength * weights[:, None] * both * weights
    return 0.5 * (kept + kept.T), strength * weights * c[row, column]


def curvature_moments(roots: Array) -> Array:
    """<K_ij K_kl> of the deviations K = H_n - A of the samples' curvatures from their mean, (d, d, d, d)."""
    curvatures = np.einsum("nop,noq->npq", roots, roots)
    samples, size, _ = curvatures.shape
    rest = (curvatures - curvatures.mean(0)).reshape(samples, -1)
    found: Array = (rest.T @ rest / samples).reshape(size, size, size, size)
    return found


def _weights(row: NDArray[np.int64], column: NDArray[np.int64]) -> Array:
    """What makes the entries of the upper triangle coordinates in an orthonormal basis of symmetric matrices."""
    return np.where(row == column, 1.0, np.sqrt(2.0))


def fresh_gaussian_variance(a: ArrayLike, label_noise: float, learning_rate: float, batch_size: float) -> Array:
    """Stationary variances (d,) of least squares on fresh inputs x ~ N(0, A), targets with noise of variance s^2.

    `a` (d,) are the eigenvalues of A, in whose eigenbasis S is diagonal, and s is `label_noise`. The covariance of the
    minibatch gradient is (A S A + Tr[A S] A + s^2 A)/B (Ziyin, Liu, Mori and Ueda 2022), which gives

        S_i = (T + s^2) q_i,  q_i = (eta/B) / (2 - eta a_i (1 + 1/B)),  T = Tr[A S] = s^2 G/(1 - G),  G = sum_i a_i q_i.

    In one dimension, B = 1: S = eta s^2/(2 - 3 eta a). Raises `ValueError` where second moments are unbounded: G >= 1,
    or eta a_i (1 + 1/B) >= 2.
    """
    a = real_array(a, "the eigenvalues a", UserError)
    room = 2.0 - learning_rate * a * (1.0 + 1.0 / batch_size)
    q = learning_rate / batch_size / np.where(room > 0.0, room, np.nan)
    share = float(a @ q)
    if not share < 1.0:
        raise ValueError(
            f"the variance has no stationary value at learning rate {learning_rate:g} and batch size {batch_size:g}; "
            "choose a smaller learning rate or a larger batch_size"
        )
    variance: Array = label_noise**2 / (1.0 - share) * q
    return variance


def regression_chain(
    inputs: ArrayLike, targets: ArrayLike, learning_rate: float, batch_size: int, *, points: int = 801
) -> Chain:
    """SGD for one weight with replacement, t = w x, as a Markov chain: its law itself, not its moments alone.

    `inputs` and `targets` (n,); the grid is of displacements from the minimum, w -> w - eta mean of x_n (x_n w + e_n)
    with the residuals e_n there, to 12 standard deviations by `second_moments`. `theory.markov_chain.stationary` gives
    the probabilities of its points. Raises `ValueError` where the variance is unbounded or there is none.
    """
    x, t = real_array(inputs, "the inputs", UserError), real_array(targets, "the targets", UserError)
    if x.ndim != 1 or x.shape != t.shape or not x.any():
        raise ValueError(f"inputs {x.shape} and targets {t.shape} must be (n,) each, and not all inputs 0")
    curvature = float(np.mean(x**2))
    residuals = x * (np.mean(x * t) / curvature) - t
    noise = float(np.var(x * residuals))
    if not noise > 0.0:
        raise ValueError("no gradient differs from the others at the minimum, so that nothing moves the weight")
    moments = second_moments([curvature], [[noise]], x[:, None, None], learning_rate, batch_size)
    reach = _REACH * float(np.sqrt(moments.covariance()[0, 0]))
    at = np.linspace(-reach, reach, 3)  # the gradients are linear in between
    return minibatch_chain(at, x * (at[:, None] * x + residuals), learning_rate, batch_size, points=points)
