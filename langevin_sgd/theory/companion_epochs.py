"""Law of a linear update rule that shuffles the data once an epoch, in the Hessian's eigenbasis.

A step is x <- A x + q xi, see `companion`. The noises of the n = N div B batches of an epoch are exchangeable, of
covariance c/(N - 1) [(N/B) delta - 1], and independent of those of other epochs. With r_l = A^l q, the answer l steps
after a kick, and R_p = r_0 + .. + r_(p-1), what the first p batches add is

    Q_p = c_ij/(N - 1) [(N/B) sum_(l < p) r_l,i r_l,j^T - R_p,i R_p,j^T],

an n x n block for every pair of modes. At the ends of epochs S_0 = A^n S_0 (A^n)^T + Q_n, at phase p
S_p = A^p S_0 (A^p)^T + Q_p. Of the heavy ball it is `epoch_momentum`. Source: Kuehn and Rosenow (2023), for the effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.theory.companion import Companion, accumulated, powers, rows, solved
from langevin_sgd.theory.modes import Array


@dataclass(frozen=True)
class Epochs:
    """Epochs of `samples` N in batches of `batch_size` B, of the modes `matrices` A (d, n, n) and `noise` c (d, d)."""

    step: Companion
    matrices: Array
    noise: Array
    batch_size: int
    samples: int

    @classmethod
    def of(cls, step: Companion, k: Array, c: Array, batch_size: int, samples: int) -> Epochs:
        """Those of a rule on modes. Raises `ValueError` when a noisy mode has no stationary state."""
        if not 1 <= batch_size <= samples:
            raise ValueError(f"batch_size must lie in [1, {samples}], the number of samples, not {batch_size}")
        matrices, noise = step.relaxing(k, c)
        return cls(step, matrices, noise / max(samples - 1, 1), batch_size, samples)

    @property
    def batches(self) -> int:
        """Those of an epoch."""
        return self.samples // self.batch_size

    def stationary(self, phase: int | None) -> Array:
        """Covariance of the weights (d, d) when `phase` batches of an epoch are used; None: averaged over phases."""
        answer, count = self._answers(self.step.kick), self.batches
        whole = powers(self.matrices, np.array([count]))[0]
        phases = np.arange(count) if phase is None else np.array([phase])
        way = powers(self.matrices, phases)[:, :, 0].transpose(1, 2, 0)  # of the weight, (d, n, phase)
        size = self.matrices.shape[-1]
        carried = np.empty_like(self.noise)
        for own in rows(len(self.matrices), size):
            at_start = solved(whole[own], whole, self._epoch_noise(answer, own))
            carried[own] = sum(
                at_start[:, :, a, b] * (way[own, a] @ way[:, b].T) for a in range(size) for b in range(size)
            )
        position = answer[..., 0]
        summed = np.concatenate([np.zeros((len(position), 1)), np.cumsum(position, axis=1)], axis=1)
        if phase is None:
            left = np.arange(count - 1, -1, -1.0) / count
            added = self._ratio * ((position * left) @ position.T) - summed[:, :-1] @ summed[:, :-1].T / count
        else:
            first = position[:, :phase]
            added = self._ratio * (first @ first.T) - np.outer(summed[:, phase], summed[:, phase])
        covariance: Array = carried / phases.size + self.noise * added
        return covariance

    def transient(self, steps: NDArray[np.int64]) -> Array:
        """Variance of every mode's weight (m, d) after `steps` (m,) from the minimum, at the start of an epoch."""
        epochs, phases = np.divmod(steps, self.batches)
        first, later = self._added(self.step.first), self._added(self.step.kick)
        whole = powers(self.matrices, np.array([self.batches]))[0]
        before = np.maximum(epochs - 1, 0)
        begun = powers(whole, before)
        at_start = begun @ first[:, -1] @ begun.swapaxes(2, 3) + accumulated(whole, later[:, -1], before)
        way = powers(self.matrices, phases)
        carried = (way @ at_start @ way.swapaxes(2, 3))[..., 0, 0] + later[:, phases, 0, 0].T
        in_first = first[:, phases, 0, 0].T
        variance: Array = np.where(epochs[:, None] > 0, carried, in_first) * np.diagonal(self.noise)
        return variance

    @property
    def _ratio(self) -> float:
        return self.samples / self.batch_size

    def _answers(self, kick: Array) -> Array:
        """A^l q for l < n, (d, n batches, n)."""
        found = [np.tile(kick, (len(self.matrices), 1))]
        for _ in range(self.batches - 1):
            found.append(np.einsum("dab,db->da", self.matrices, found[-1]))
        return np.stack(found, axis=1)

    def _epoch_noise(self, answer: Array, own: slice) -> Array:
        """Q_n of the modes `own` with all, (m, d, n, n): (N/B - n) sum r r^T + n sum of products of deviations.

        The deviations of r_l from their mean over the epoch: written so, nothing cancels.
        """
        centred = answer - answer.mean(axis=1, keepdims=True)
        rest, count, size = self._ratio - self.batches, self.batches, answer.shape[-1]
        found = np.empty((len(answer[own]), len(answer), size, size))
        for a in range(size):
            for b in range(size):
                found[:, :, a, b] = rest * (answer[own, :, a] @ answer[:, :, b].T)
                found[:, :, a, b] += count * (centred[own, :, a] @ centred[:, :, b].T)
        return found * self.noise[own, :, None, None]

    def _added(self, first: Array) -> Array:
        """Q_p over the noise, mode by mode, for p = 0 .. n, (d, n + 1, n, n), its first kick being `first`."""
        answer, begun = self._answers(self.step.kick), self._answers(first)
        none = np.zeros((len(answer), 1, answer.shape[-1]))
        # the first batch's answer is `begun`; the others' are those of the kicks after it
        summed = np.concatenate([none, np.cumsum(answer, axis=1)], axis=1)
        total = np.concatenate([none, begun + summed[:, :-1]], axis=1)
        outer = answer[..., :, None] * answer[..., None, :]
        squares = np.concatenate([np.zeros((len(answer), 1, *outer.shape[2:])), np.cumsum(outer, axis=1)], axis=1)
        square = squares[:, :-1] + begun[..., :, None] * begun[..., None, :]
        square = np.concatenate([np.zeros((len(answer), 1, *outer.shape[2:])), square], axis=1)
        found: Array = self._ratio * square - total[..., :, None] * total[..., None, :]
        return found
