"""The zero-temperature control: full-batch gradient descent from the ensemble's own start, with the same rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.training.beside import Beside, EverySample
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.snapshot import snapshot

if TYPE_CHECKING:
    from langevin_sgd.training.recording.meter import Meter
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]


class Control(Probe):
    """One network whose minibatch is the whole training set, so that only the noise is missing.

    Growth of |w| that it shows too is drift, not diffusion: on separable data it goes on as log t without any noise
    (Soudry et al. 2018). Its energy is that which `meter` finds at the `evaluated` steps, NaN at others of the record.
    """

    def __init__(self, beside: Beside, meter: Meter, evaluated: NDArray[np.int64]) -> None:
        self._descent = beside.descent(beside.start[:1])
        self._minibatches = EverySample(len(beside.samples))
        self._start = snapshot(self._descent.weights, torch.float64)
        self._record, self._evaluated, self._meter = beside.record, frozenset(evaluated.tolist()), meter
        self._energy = np.full(self._record.size, np.nan)
        self._squared_displacement = np.full(self._record.size, np.nan)

    def advance(self, first: int, last: int) -> None:
        """Make the steps first, ..., last - 1."""
        self._descent.advance(self._minibatches, first, last)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those of the record."""
        return self._record

    def observe(self, view: View) -> None:
        """Record displacement, and at evaluated steps energy, of the descent at the step of the view."""
        column = int(np.searchsorted(self._record, view.step))
        weights = self._descent.weights
        if view.step in self._evaluated:
            self._energy[column] = self._meter.energies(weights)[0]
        self._squared_displacement[column] = ((snapshot(weights, torch.float64) - self._start) ** 2).sum()

    def state(self) -> State:
        """What must be kept to go on from here."""
        kept = {"energy": self._energy, "squared_displacement": self._squared_displacement}
        return {**self._descent.state(), **kept}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._descent.restore(state)
        self._energy[...] = state["energy"]
        self._squared_displacement[...] = state["squared_displacement"]

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {"control_energy": self._energy, "control_squared_displacement": self._squared_displacement}
