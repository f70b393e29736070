"""The Gaussian law of any number of SGD steps at once on a quadratic energy.

In the eigenbasis of the Hessian (eigenvalues k, noise c = V^T C V), n steps take

    discrete:           w <- (1 - eta k)^n w + noise,            Cov_ij = S_ij (1 - [(1 - eta k_i)(1 - eta k_j)]^n)
    discrete, momentum: (w, u) <- A^n (w, u) + noise             (langevin_sgd.theory.heavy_ball)
    continuum:          w <- exp(-eta k n/(1 - mu)) w + noise    (Uhlenbeck and Ornstein 1930)

with S the stationary covariance. The state is held as blocks (1 or 2, ..., d): w, or w and u.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.theory import heavy_ball
from langevin_sgd.theory.modes import Array, Dynamics, log_multipliers, noisy_modes, unstable_mode
from langevin_sgd.theory.ornstein_uhlenbeck import continuum_covariance, discrete_covariance

# A direction whose variance, relative to that of the coordinates it consists of, is below this has no noise of its own.
_RANK_TOLERANCE = 1e-13


@dataclass(frozen=True)
class Jump:
    """Some number of steps: `drift` (blocks, blocks, d) and the noise's `factor` (n, n), n = blocks * noisy modes.

    Standard normals (., n) times `factor` have the covariance of the noise, block after block.
    """

    drift: Array
    factor: Array


@dataclass(frozen=True)
class Jumps:
    """SGD on a quadratic: eigenvalues of all modes (d,), noise and stationary covariance of the noisy ones (r, r)."""

    k: Array
    noisy: NDArray[np.bool_]
    noise_per_step: Array
    stationary: Array
    learning_rate: float
    momentum: float
    dynamics: Dynamics

    @classmethod
    def of(
        cls, k: Array, c: Array, learning_rate: float, batch_size: float, momentum: float, dynamics: Dynamics
    ) -> Jumps:
        """From the noise covariance c (d, d) of one per-sample gradient; `Diverged` if there is no stationary state."""
        noisy = noisy_modes(k, c)
        fault = unstable_mode(k, noisy, learning_rate, momentum, dynamics)
        if fault is not None:
            mode, reason = fault
            eta_lambda_max = learning_rate * float(k.max()) if k[mode] > 0.0 else None
            raise Diverged(0, eta_lambda_max, momentum=momentum, detail=reason)
        law = discrete_covariance if dynamics == "discrete" else continuum_covariance
        selected = np.ix_(noisy, noisy)
        return cls(
            k=k,
            noisy=noisy,
            noise_per_step=learning_rate**2 / batch_size * c[selected],
            stationary=law(k, c, learning_rate, batch_size, momentum)[selected],
            learning_rate=learning_rate,
            momentum=momentum,
            dynamics=dynamics,
        )

    @property
    def blocks(self) -> int:
        """2 if the velocity u is part of the state, else 1."""
        return 2 if self.dynamics == "discrete" and self.momentum > 0.0 else 1

    def stationary_factor(self) -> Array:
        """The factor, as in `Jump`, of the stationary covariance."""
        if self.blocks == 1:
            return _factor(self.stationary)
        return _factor(_flattened(self._stationary_blocks()))

    def jump(self, steps: int) -> Jump:
        """Drift and noise of `steps` steps."""
        if self.blocks == 1:
            return jumps([self], np.array([0]), np.array([steps]))[0]
        rate, mu = self.learning_rate, self.momentum
        a = rate * self.k[self.noisy]
        covariance = heavy_ball.step_blocks(a, mu, self.noise_per_step, self._stationary_blocks(), steps)
        return Jump(heavy_ball.power(rate * self.k, mu, steps), _factor(_flattened(covariance)))

    @cached_property
    def multipliers(self) -> tuple[Array, Array]:
        """Sign and logarithm of the factor by which every mode shrinks in a step, of one block."""
        return log_multipliers(self.k, self.learning_rate, self.momentum, self.dynamics)

    def _stationary_blocks(self) -> Array:
        a = self.learning_rate * self.k[self.noisy]
        return heavy_ball.stationary_blocks(a, self.momentum, self.stationary)


def jumps(processes: Sequence[Jumps], which: NDArray[np.int64], steps: NDArray[np.int64]) -> list[Jump]:
    """The jumps of `steps` (n,) steps of the processes numbered `which` (n,), worked out together.

    The processes have as many blocks and the same noisy modes. Each jump is the same bits in whatever company.
    """
    first = processes[0]
    if first.blocks == 2:
        return [processes[number].jump(int(count)) for number, count in zip(which, steps, strict=True)]
    signs, logarithms = (np.stack(each)[which] for each in zip(*(own.multipliers for own in processes), strict=True))
    drift = np.exp(steps[:, None] * logarithms) * signs ** (steps[:, None] % 2)
    sign, logarithm = signs[:, first.noisy], logarithms[:, first.noisy]
    number = steps[:, None, None]
    exponent = number * (logarithm[:, :, None] + logarithm[:, None, :])
    # expm1 where 1 - multiplier^steps would cancel; with opposite signs and odd steps it is 1 + |multiplier|^steps
    opposite = (sign[:, :, None] * sign[:, None, :] < 0.0) & (number % 2 == 1)
    reached = np.where(opposite, 1.0 + np.exp(exponent), -np.expm1(exponent))
    factors = _factor(np.stack([own.stationary for own in processes])[which] * reached)
    return [Jump(drift[index, None, None], factor) for index, factor in enumerate(factors)]


def _factor(covariance: Array) -> Array:
    return np.ascontiguousarray(np.swapaxes(covariance_root(covariance), -1, -2))


def _flattened(blocks: Array) -> Array:
    """(2, 2, r, r) as one (2r, 2r) matrix."""
    size = blocks.shape[-1]
    return blocks.transpose(0, 2, 1, 3).reshape(2 * size, 2 * size)


def covariance_root(covariance: Array) -> Array:
    """L with L L^T = covariance (..., d, d): the symmetric root of the correlations, scaled.

    Modes of very different variance are all resolved. Unlike a pivoted Cholesky factor it chooses no order and no
    eigenvectors, so draws change by as little as the covariance does: where the covariance is known to 1e-16, by less
    than 1e-6 standard deviations, also for correlated, degenerate and noise-free directions. For constant isotropic or
    diagonal noise it is diagonal.
    """
    scale = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0.0)
    values, vectors = np.linalg.eigh(covariance * inverse[..., :, None] * inverse[..., None, :])
    kept = np.where(values > _RANK_TOLERANCE, values, 0.0)
    root: Array = (vectors * np.sqrt(kept)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return scale[..., :, None] * root
