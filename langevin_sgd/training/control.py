"""The zero-temperature control: full-batch gradient descent from the ensemble's own start, with the same rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.architectures import Network
from langevin_sgd.training.energy import Evaluator, Samples, decay_energy
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import Workers

Array = NDArray[np.float64]


class Control:
    """One network whose minibatch is the whole training set, so that only the noise is missing.

    Growth of |w| that it shows too is drift, not diffusion: on separable data it goes on as log t without any noise
    (Soudry et al. 2018).
    """

    def __init__(
        self,
        network: Network,
        samples: Samples,
        sgd: Sgd,
        *,
        start: Tensor,
        dtype: torch.dtype,
        record: NDArray[np.int64],
        train: Evaluator,
        workers: Workers,
    ) -> None:
        whole = sgd.model_copy(update={"batch_size": len(samples)})
        self._descent = Ensemble(network, samples, whole, weights=start, dtype=dtype, workers=workers, companion=False)
        self._minibatches = _AllSamples(len(samples))
        self._start = snapshot(self._descent.weights, torch.float64)
        self._record, self._train, self._decay = record, train, sgd.weight_decay
        self._energy = np.full(record.size, np.nan)
        self._squared_displacement = np.full(record.size, np.nan)

    def advance(self, first: int, last: int) -> None:
        """Make the steps first, ..., last - 1."""
        self._descent.advance(self._minibatches, first, last)

    def visit(self, step: int) -> None:
        """Record energy and displacement if `step` is to be recorded."""
        column = int(np.searchsorted(self._record, step))
        if column == self._record.size or self._record[column] != step:
            return
        weights = self._descent.weights
        self._energy[column] = (self._train(weights).loss + decay_energy(weights, self._decay))[0]
        self._squared_displacement[column] = ((snapshot(weights, torch.float64) - self._start) ** 2).sum()

    def state(self) -> dict[str, NDArray[Any]]:
        """What must be kept to go on from here."""
        kept = {"energy": self._energy, "squared_displacement": self._squared_displacement}
        return {**self._descent.state(), **kept}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._descent.restore(state)
        self._energy[...] = state["energy"]
        self._squared_displacement[...] = state["squared_displacement"]

    def variables(self) -> dict[str, ArrayLike]:
        """The observables by name."""
        return {"control_energy": self._energy, "control_squared_displacement": self._squared_displacement}


class _AllSamples:
    """Every minibatch is the whole set, in order."""

    def __init__(self, samples: int) -> None:
        self._index = np.arange(samples)

    def block(self, step: int, at_most: int) -> NDArray[np.int64]:
        return np.tile(self._index, (min(at_most, 100), 1, 1))
