"""What a run holds beside its measurements follows from them and from the config, and is worked out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from langevin_sgd.config.sgd import Sgd

BOUND = 1e-6
"""Relative difference of a stored from a recomputed number that is rounding: other libraries, threads, machines."""
FAINT = 1e-9
"""The same of the largest number of the variable, for entries that are next to nothing."""


class Recomputed(NamedTuple):
    """A variable as it follows from others, and from which; `exact` is the relative difference that counts as none."""

    value: ArrayLike
    of: str
    bound: float = BOUND

    def agrees(self, stored: ArrayLike) -> bool:
        """Whether a stored array of the same shape is this one but for rounding."""
        ours, theirs = np.asarray(self.value), np.asarray(stored)
        if ours.shape != theirs.shape:
            return False
        if ours.dtype.kind not in "fiub":
            return bool(np.array_equal(ours.astype(str), theirs.astype(str)))
        ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
        largest = float(np.max(np.abs(ours[np.isfinite(ours)]), initial=0.0))
        return bool(np.allclose(theirs, ours, rtol=self.bound, atol=FAINT * largest, equal_nan=True))


Found = Mapping[str, Recomputed]


def run_with(sgd: Sgd, *, time_step: float | None = None) -> dict[str, Recomputed]:
    """eta, B and mu as the config has them."""
    of = "the config"
    found = {
        "learning_rate": Recomputed(sgd.learning_rate, of),
        "batch_size": Recomputed(sgd.batch_size, of),
        "momentum": Recomputed(sgd.momentum, of),
    }
    return found if time_step is None else {**found, "time_step": Recomputed(time_step, of)}


def times(
    steps: ArrayLike, *, time_step: float, momentum: float, factors: ArrayLike | None = None
) -> dict[str, Recomputed]:
    """The coordinates of the recorded times; `factors` is the sum over steps of what `time_step` was multiplied by."""
    step = np.asarray(steps)
    time = time_step * (step if factors is None else np.asarray(factors))
    of = "step"
    return {
        "step": Recomputed(step, "the config"),
        "time": Recomputed(time, of),
        "effective_time": Recomputed(time / (1.0 - momentum), of),
    }


def energy_of_modes(energy: ArrayLike, moment_2: ArrayLike, k: ArrayLike) -> Recomputed:
    """Energies (replica, sample) along modes: each replica's mean is k . <x^2>/2 exactly, with <x^2> (replica, mode).

    Where it is not, the energies are scaled to it.
    """
    stored = np.asarray(energy, dtype=np.float64)
    expected = np.asarray(moment_2) @ np.asarray(k) / 2.0
    mean = stored.mean(axis=1)
    off = np.abs(mean - expected) > BOUND * np.abs(expected)
    factor = np.where(off, expected / np.where(mean == 0.0, 1.0, mean), 1.0)
    return Recomputed(stored * factor[:, None], "mode_moment_2 and hessian_eigenvalue")


def follow(values: Mapping[str, ArrayLike], of: str) -> dict[str, Recomputed]:
    """All of `values` with what they are recomputed of."""
    return {name: Recomputed(value, of) for name, value in values.items()}
