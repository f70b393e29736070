"""Measures which training samples each replica tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.training.probes.per_example.config import PerExampleProbe
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]


def spread(shares: Array, replicas: int) -> float:
    """Standard deviation over samples of the probability of which `shares` (N,) of `replicas` were seen; 0 at least.

    E q^2 = p^2 + p (1 - p)/R for one sample, so that p^2 is (R q^2 - q)/(R - 1) on average.
    """
    squares = (replicas * shares**2 - shares) / (replicas - 1)
    return float(np.sqrt(max(squares.mean() - shares.mean() ** 2, 0.0)))


class PerExample(Probe):
    """The probe: all training samples at a few steps."""

    def __init__(self, section: PerExampleProbe, watched: Watched) -> None:
        beside = watched.beside
        assert beside is not None  # a training that runs has it
        assert watched.steps is not None
        samples = beside.instruments.samples
        if not beside.loss.counts_correct(samples.labels):
            raise UserError("per_example: needs a loss on classes, which are told or not; remove the probe")
        epoch = max(1, min(len(samples) // watched.sgd.batch_size, watched.steps))
        self._steps = np.asarray(section.steps or (epoch,), dtype=np.int64)
        self._loss, self._labels, self._replicas = beside.loss, samples.labels, watched.replicas
        self._share: Array = np.full((self._steps.size, len(samples)), np.nan)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those of the config, or one epoch."""
        return self._steps

    def observe(self, view: View) -> None:
        """Which samples every replica tells."""
        place = int(np.searchsorted(self._steps, view.step))
        told = np.zeros(self._share.shape[1])
        for w in view.positions:
            told += self._loss.correct(torch.from_numpy(view.outputs(w)), self._labels.cpu()).numpy()
        self._share[place] = told / self._replicas

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
        return {
            "example_accuracy": self._share,
            "example_spread": [spread(each, self._replicas) for each in self._share],
        }

    def coords(self) -> Mapping[str, ArrayLike]:
        """Steps and samples."""
        return {"example_step": self._steps, "example": np.arange(self._share.shape[1])}

    def state(self) -> State:
        """What was measured so far."""
        return {"share": self._share}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._share[...] = state["share"]
