"""Law of heavy-ball SGD that shuffles the data once an epoch, in the Hessian's eigenbasis.

The state is (w, u), u the last step taken backwards, and a step is (w, u) <- A (w, u) + eta xi b with the companion
matrix A and b = (-1, 1) of `heavy_ball`. The noises of the n = N div B batches of an epoch are exchangeable, of
covariance C/(N - 1) [(N/B) delta - 1]. With r_l = A^l b, the answer l steps after a kick, and R_p = r_0 + .. + r_(p-1),
what the first p batches add is

    Q_p = eta^2 c_ij/(N - 1) [(N/B) sum_(l < p) r_l,i r_l,j^T - R_p,i R_p,j^T],

a 2 x 2 block for every pair of modes. At the ends of epochs S_0 = A^n S_0 (A^n)^T + Q_n, at phase p
S_p = A^p S_0 (A^p)^T + Q_p. At momentum 0 the position's part is that of `epoch_sampling`; for N -> infinity it becomes
that of drawing with replacement. Source: Kuehn and Rosenow (2023), for the effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.theory import heavy_ball
from langevin_sgd.theory.modes import Array

_MOST_PAIRS = 1 << 19  # of modes worked on at a time


@dataclass(frozen=True)
class Epochs:
    """An epoch of `batches` n from `samples` N in batches of `batch_size` B, with a = eta k (d,) and momentum mu.

    `noise` (d, d) is eta^2 c/(N - 1).
    """

    a: Array
    noise: Array
    momentum: float
    batch_size: int
    samples: int
    batches: int

    def stationary(self, phase: int | None) -> Array:
        """Covariance of the positions (d, d) when `phase` batches of an epoch are used; None: averaged over phases."""
        answer, summed = self._answers()
        forward = heavy_ball.power(self.a, self.momentum, self.batches)
        count = self.batches
        phases = np.arange(count) if phase is None else np.array([phase])
        way = heavy_ball.transition(self.a, self.momentum, phases)[0].swapaxes(1, 2)
        carried = np.empty_like(self.noise)
        rows = max(1, _MOST_PAIRS // self.a.size)
        for begin in range(0, self.a.size, rows):
            own = slice(begin, begin + rows)
            noise = self._epoch_noise(answer, own)
            at_start = heavy_ball.summed_up(forward[..., own], forward, noise)
            carried[own] = sum(at_start[i, j] * (way[i, own] @ way[j].T) for i in range(2) for j in range(2))
        carried /= phases.size
        position = answer[0]
        if phase is None:
            left = np.arange(count - 1, -1, -1.0) / count
            added = self._ratio * ((position * left) @ position.T) - summed[0] @ summed[0].T / count
        else:
            first = position[:, :phase]
            added = self._ratio * (first @ first.T) - np.outer(summed[0, :, phase], summed[0, :, phase])
        covariance: Array = carried + self.noise * added
        return covariance

    def transient(self, steps: NDArray[np.int64]) -> Array:
        """Variance of every mode's position (n, d) after `steps` (n,) from rest, at the start of an epoch."""
        answer, summed = self._answers()
        own = np.diagonal(self.noise)
        # of one epoch, mode by mode, as in `_epoch_noise`
        centred = answer - answer.mean(axis=2, keepdims=True)
        whole = own * (
            (self._ratio - self.batches) * np.einsum("adl,bdl->abd", answer, answer)
            + self.batches * np.einsum("adl,bdl->abd", centred, centred)
        )
        epochs, phases = np.divmod(steps, self.batches)
        forward = heavy_ball.power(self.a, self.momentum, self.batches)
        at_start = heavy_ball.accumulated(forward, whole, epochs)
        way = heavy_ball.transition(self.a, self.momentum, phases)
        carried = heavy_ball.congruence(way, at_start, way)[0, 0]
        squares = np.concatenate([np.zeros((self.a.size, 1)), np.cumsum(answer[0] ** 2, axis=1)], axis=1)
        added = own[:, None] * (self._ratio * squares[:, phases] - summed[0][:, phases] ** 2)
        variance: Array = carried + added.T
        return variance

    @property
    def _ratio(self) -> float:
        return self.samples / self.batch_size

    def _answers(self) -> tuple[Array, Array]:
        """r_l for l < n, and R_p for p < n, (2, d, n) each."""
        way = heavy_ball.transition(self.a, self.momentum, np.arange(self.batches))
        answer = (way[:, 1] - way[:, 0]).swapaxes(1, 2)
        summed = np.concatenate([np.zeros((2, self.a.size, 1)), np.cumsum(answer[..., :-1], axis=2)], axis=2)
        return answer, summed

    def _epoch_noise(self, answer: Array, own: slice) -> Array:
        """Q_n of the modes `own` with all, (2, 2, m, d): (N/B - n) sum r r^T + n sum of products of deviations.

        The deviations of r_l from their mean over the epoch: written so, nothing cancels.
        """
        centred = answer - answer.mean(axis=2, keepdims=True)
        rest, count = self._ratio - self.batches, self.batches
        blocks = [
            [rest * (answer[i, own] @ answer[j].T) + count * (centred[i, own] @ centred[j].T) for j in range(2)]
            for i in range(2)
        ]
        return np.array(blocks) * self.noise[own]
