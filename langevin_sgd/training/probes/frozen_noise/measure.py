"""The linear process about a minimum with the noise that each sample has there, mode by mode, on given minibatches.

In the eigenbasis of H every mode stands for itself: x <- A(k) x + q xi, x the weight and what the rule keeps beside it,
xi the mean over the minibatch of (V^T g_n(w*)), from which the mean over all samples is taken. That table (N, mode) is
made once, in float32 (its rounding is far below any statistical error); x is in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.laws.companion import about_minimum
from langevin_sgd.theory.companion import Companion
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.probes.frozen_noise.config import FrozenNoiseProbe
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import shares

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_NUMBERS_AT_A_TIME = 1 << 18  # of noise that is summed for a few steps at once: it stays in a core's cache


def noise_table(beside: Beside) -> Tensor:
    """V^T (g_n - g) at the minimum for every sample, (N, mode), in float32 on the device of the samples."""
    assert beside.minimum is not None
    assert beside.curvature is not None
    device = beside.samples.labels.device
    basis = torch.from_numpy(np.ascontiguousarray(beside.curvature.eigenvectors)).to(device)
    blocks: list[Tensor] = []
    beside.instruments.loss.sample_gradients(beside.minimum.position, lambda block: blocks.append(block @ basis))
    whole = torch.cat(blocks)
    return (whole - whole.mean(dim=0)).to(torch.float32)


class FrozenNoise(Probe):
    """The probe: moments of the linear process at the steps of the stationary window."""

    def __init__(self, section: FrozenNoiseProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None
        assert beside.step is not None
        assert beside.curvature is not None
        self._beside, self._step, k = beside, beside.step, beside.curvature.eigenvalues
        self._sample, self._minibatches = beside.sample, beside.minibatches()
        rows, size = watched.replicas, len(self._step.kick)
        device = beside.samples.labels.device
        self._state = torch.zeros((size, rows, k.size), dtype=torch.float64, device=device)
        matrices = torch.from_numpy(self._step.matrices(k)).to(device)
        self._pieces = [
            _Rows(self._state[:, piece], piece, matrices, self._step, beside.sgd.batch_size)
            for piece in shares(rows, beside.workers.count)
        ]
        self._sums: Array = np.zeros((2, rows, k.size))
        self._table: Tensor | None = None

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those of the stationary window."""
        return self._sample

    def advance(self, first: int, last: int) -> None:
        """Make the steps first, ..., last - 1."""
        if self._table is None:
            self._table = noise_table(self._beside)
        table, step = self._table, first
        while step < last:
            indices, at = self._minibatches.block(step, last - step), step
            step += len(indices)
            self._beside.workers.map(partial(_Rows.advance, table=table, indices=indices, first=at), self._pieces)

    def observe(self, view: View) -> None:
        """Add the modes and their squares."""
        modes = snapshot(self._state[0])
        self._sums[0] += modes
        self._sums[1] += modes**2

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The moments, and what the second is on average."""
        moment_1, moment_2 = self._sums / self._sample.size
        return {"frozen_moment_1": moment_1, "frozen_moment_2": moment_2, "frozen_variance": self._expected()}

    def state(self) -> State:
        """Where the process is, and its sums."""
        return {"state": snapshot(self._state), "sums": self._sums.copy()}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._state.copy_(torch.from_numpy(state["state"]))
        self._sums[...] = state["sums"]

    def _expected(self) -> Array:
        """The mean of the second moment over the window, by the law of the linear process from the minimum."""
        beside, measured = self._beside, self._beside.curvature
        assert measured is not None
        process = about_minimum(
            measured.eigenvalues,
            measured.noise_in_modes,
            beside.sgd,
            step=beside.step,
            samples=len(beside.samples),
        )
        found: Array = process.transient_variance(self._sample).mean(axis=0)
        return found


class _Rows:
    """Some replicas, which one thread moves: `state` (n, row, mode) is x, in place."""

    def __init__(self, state: Tensor, rows: slice, matrices: Tensor, step: Companion, batch_size: int) -> None:
        self._state, self._rows = state, rows
        size = matrices.shape[-1]
        self._matrices = [[matrices[:, i, j].contiguous() for j in range(size)] for i in range(size)]
        self._step, self._batch_size = step, batch_size

    def advance(self, table: Tensor, indices: NDArray[np.int64], first: int) -> None:
        """The steps from `first` on, on minibatches (steps, replica, B)."""
        own = torch.from_numpy(np.ascontiguousarray(indices[:, self._rows])).to(table.device)
        together = max(1, _NUMBERS_AT_A_TIME // self._state[0].numel())
        step = first
        for few in torch.split(own, together):
            bags = few.reshape(-1, self._batch_size)
            noise = torch.nn.functional.embedding_bag(bags, table, mode="sum").view(*few.shape[:2], -1)
            for each in noise.unbind(0):
                self._move(each, self._step.first if step == 0 else self._step.kick)
                step += 1

    def _move(self, noise: Tensor, kick: Array) -> None:
        """x <- A x + q xi, xi the noise over B."""
        state, size = self._state, len(kick)
        if size == 1:
            moved = [state[0].mul_(self._matrices[0][0])]
        else:
            moved = [state[0] * self._matrices[row][0] for row in range(size)]
            for row, column in np.ndindex(size, size - 1):
                moved[row].addcmul_(state[column + 1], self._matrices[row][column + 1])
        for part, own, share in zip(moved, state, kick.tolist(), strict=True):
            part.add_(noise, alpha=share / self._batch_size)
            if size > 1:
                own.copy_(part)
