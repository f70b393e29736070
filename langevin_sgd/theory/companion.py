"""Linear update rules on a quadratic, mode by mode: stability, stationary covariance and transients from the step.

The state of a mode is x = (w, slots), (n,), what the rule keeps beside the weight. With the gradient g = k w + xi, of
which a weight decay is a part of k but not of what the rule is given, a step is

    x <- P x + q (g - decay w) = A(k) x + q xi,    A(k) = P + (k - decay) q e_w^T,    Cov(xi_i, xi_j) = c_ij/B,

for every pair of modes of a Hessian diag(k) with the noise c of one per-sample gradient in its eigenbasis. The blocks
of the stationary covariance solve S_ij = A_i S_ij A_j^T + q q^T c_ij/B, n^2 linear equations a pair, whether H and C
commute or not. Heavy-ball SGD is a special case, whose closed forms are in `ornstein_uhlenbeck`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.theory.modes import Array, noisy_modes

_MOST_ENTRIES = 1 << 23  # of the linear systems that are solved at a time
_CURVATURES = 4096
_DECADES = 7.0  # around the inverse of the effective rate, in which stability is looked for
_BISECTIONS = 60
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Companion:
    """P (n, n), q (n,) and decay of a linear rule; `first` (n,) is q of its first step, which may be another."""

    carry: Array
    kick: Array
    first: Array
    decay: float

    def is_heavy_ball(self, eta: float, mu: float) -> bool:
        """Whether it is the step of heavy-ball SGD, state (w, m), which has closed forms."""
        carry, kick = np.array([[1.0 - eta * self.decay]]), np.array([-eta])
        if mu > 0:
            carry, kick = np.array([[1.0 - eta * self.decay, -eta * mu], [self.decay, mu]]), np.array([-eta, 1.0])
        pairs = ((self.carry, carry), (self.kick, kick), (self.first, kick))
        return all(a.shape == b.shape and np.allclose(a, b, rtol=_ROUNDING, atol=_ROUNDING * eta) for a, b in pairs)

    def matrices(self, k: Array) -> Array:
        """A(k) of every mode, (d, n, n)."""
        found = np.tile(self.carry, (k.size, 1, 1))
        found[:, :, 0] += (k[:, None] - self.decay) * self.kick
        return found

    def effective_rate(self) -> float:
        """Steps that a constant gradient of size 1 makes in the long run: eta/(1 - mu) of the heavy ball."""
        inner = self.carry[1:, 1:]
        kept = np.linalg.solve(np.eye(len(inner)) - inner, self.kick[1:])
        return float(-(self.kick[0] + self.carry[0, 1:] @ kept))

    def radius(self, k: Array) -> Array:
        """Spectral radius of A(k) of every mode, (d,)."""
        found: Array = np.abs(np.linalg.eigvals(self.matrices(np.asarray(k, dtype=np.float64)))).max(axis=1)
        return found

    def stability_limit(self) -> float:
        """The curvature up to which a mode is stable: where the spectral radius of A(k) reaches 1; inf if nowhere."""
        scale = 1.0 / self.effective_rate()
        tried = scale * np.logspace(-_DECADES, _DECADES, _CURVATURES)
        beyond = np.flatnonzero(~(self.radius(tried) < 1.0))
        if not beyond.size:
            return np.inf
        if beyond[0] == 0:
            return 0.0
        low, high = tried[beyond[0] - 1], tried[beyond[0]]
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.radius(np.array([middle]))[0] < 1.0 else (low, middle)
        return float(0.5 * (low + high))

    def unstable_mode(self, k: Array, noisy: NDArray[np.bool_]) -> tuple[int, str] | None:
        """The first noisy mode without a stationary state and a sentence that says why, or None."""
        for mode in np.flatnonzero(noisy & ~(k > 0.0)):
            return int(mode), (
                f"mode {mode} feels the gradient noise but its Hessian eigenvalue is {k[mode]:.4g}, and only positive "
                "curvature has a stationary state; start from a converged minimum or add weight decay"
            )
        for mode in np.flatnonzero(noisy & ~(self.radius(k) < 1.0)):
            return int(mode), (
                f"mode {mode} has Hessian eigenvalue = {k[mode]:.4g}, and stability of the update rule needs less than "
                f"{self.stability_limit():.4g}; choose a smaller learning rate"
            )
        return None

    def relaxing(self, k: Array, c: Array) -> tuple[Array, Array]:
        """A(k) (d, n, n), that of some stable mode where there is no noise, and c (d, d) with 0 there.

        Raises `ValueError` when a noisy mode has no stationary state.
        """
        noisy = noisy_modes(k, c)
        fault = self.unstable_mode(k, noisy)
        if fault is not None:
            raise ValueError(fault[1])
        some = float(k[noisy].max(initial=self.decay))
        return self.matrices(np.where(noisy, k, some)), np.where(noisy[:, None] & noisy, c, 0.0)

    def covariance(self, k: Array, c: Array, batch_size: float) -> Array:
        """Stationary covariance of the weights (d, d) with minibatches drawn with replacement.

        Raises `ValueError` when a noisy mode has no stationary state.
        """
        matrices, noise = self.relaxing(k, c)
        source = np.outer(self.kick, self.kick)
        found = np.empty(noise.shape)
        for own in _rows(matrices):
            shape = (len(matrices[own]), len(matrices), *source.shape)
            found[own] = solved(matrices[own], matrices, np.broadcast_to(source, shape))[..., 0, 0]
        return found * noise / batch_size

    def transient_variance(self, k: Array, c: Array, batch_size: float, steps: NDArray[np.int64]) -> Array:
        """Variance of every mode's weight (m, d) after `steps` (m,) from the minimum, with nothing in the slots."""
        matrices, noise = self.relaxing(k, c)
        later = np.maximum(steps - 1, 0)
        begun = np.einsum("mdab,b->mda", powers(matrices, later), self.first)[..., 0] ** 2
        added = accumulated(matrices, np.outer(self.kick, self.kick), later)[..., 0, 0]
        found: Array = np.where(steps[:, None] > 0, begun + added, 0.0) * np.diagonal(noise) / batch_size
        return found

    def autocorrelation_time(self, k: Array) -> Array:
        """Steps in which a mode forgets by e, (d,): -1/log of the spectral radius, infinite where it does not."""
        with np.errstate(divide="ignore"):
            logarithm = np.log(self.radius(k))
            return np.where((logarithm < 0.0) & (k > 0.0), -1.0 / np.minimum(logarithm, 0.0), np.inf)


def solved(left: Array, right: Array, source: Array) -> Array:
    """S_ij = M_i S_ij M_j^T + P_ij for pairs of `left` (m, n, n) and `right` (d, n, n); P and S are (m, d, n, n)."""
    size = left.shape[-1]
    pairs = np.einsum("iab,jcd->ijacbd", left, right).reshape(len(left), len(right), size**2, size**2)
    flat = source.reshape(len(left), len(right), size**2, 1)
    found: Array = np.linalg.solve(np.eye(size**2) - pairs, flat).reshape(len(left), len(right), size, size)
    return found


def powers(matrices: Array, counts: NDArray[np.int64]) -> Array:
    """M^n for every n of `counts` and every mode, (m, d, n, n), by repeated squaring."""
    result = np.tile(np.eye(matrices.shape[-1]), (counts.size, len(matrices), 1, 1))
    square = matrices
    for bit in range(int(counts.max(initial=0)).bit_length()):
        square = square @ square if bit else square
        chosen = counts >> bit & 1 == 1
        result[chosen] = result[chosen] @ square
    return result


def accumulated(matrices: Array, first: Array, counts: NDArray[np.int64]) -> Array:
    """Sum over l < n of M^l P (M^l)^T for every n of `counts` and every mode, (m, d, n, n), with nothing subtracted."""
    size = matrices.shape[-1]
    result = np.zeros((counts.size, len(matrices), size, size))
    square, doubled = matrices, np.broadcast_to(first, matrices.shape)
    for bit in range(int(counts.max(initial=0)).bit_length()):
        if bit:
            doubled = doubled + square @ doubled @ square.swapaxes(1, 2)
            square = square @ square
        chosen = counts >> bit & 1 == 1
        result[chosen] = doubled + square @ result[chosen] @ square.swapaxes(1, 2)
    return result


def _rows(matrices: Array) -> list[slice]:
    """Modes in parts whose pairs with all modes are solved at a time."""
    return rows(len(matrices), matrices.shape[-1])


def rows(modes: int, size: int) -> list[slice]:
    """So many modes in parts whose pairs with all modes are few enough to be solved at a time."""
    each = max(1, _MOST_ENTRIES // (modes * size**4))
    return [slice(begin, min(begin + each, modes)) for begin in range(0, modes, each)]
