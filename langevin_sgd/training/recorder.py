"""What is measured on an ensemble while it trains: loss and displacement along the way, fluctuations at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.estimators.drift_and_spread import POOLED, displacement_summary
from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.training.energy import Evaluation, Evaluator, decay_energy
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import Workers

Array = NDArray[np.float64]

_ROWS = 32


@dataclass(frozen=True)
class Reference:
    """The minimum (d,) about which fluctuations are measured, along the columns of `eigenvectors` (d, mode)."""

    position: Array
    eigenvectors: Array


class Recorder:
    """Visits the weights of an ensemble at `record` steps, and in the stationary window at `sample` steps.

    With a `reference`, moments of the displacement from it and the energy above it are taken at the `sample` steps, in
    float64.
    """

    def __init__(
        self,
        *,
        start: Tensor,
        record: NDArray[np.int64],
        sample: NDArray[np.int64],
        weight_decay: float,
        train: Evaluator,
        test: Evaluator | None,
        reference: Reference | None,
        workers: Workers,
    ) -> None:
        self.steps = np.union1d(record, sample)
        self._record, self._sample = record, sample
        self._decay, self._train, self._test = weight_decay, train, test
        self._workers = workers
        self._start: Array = snapshot(start, torch.float64)
        self._reference = reference
        replicas, dimension = self._start.shape
        names = ["energy", "squared_displacement", "train_loss", "train_accuracy"]
        names += ["test_loss", "test_accuracy"] if test else []
        self._along: dict[str, Array] = {name: np.full((replicas, record.size), np.nan) for name in names}
        self._pooled: dict[str, Array] = {name: np.full(record.size, np.nan) for name in POOLED}
        self._stationary_energy = np.full((replicas, sample.size), np.nan)
        self._sums = np.zeros((2, replicas, dimension if reference else 0))
        self._lowest_energy = 0.0
        if reference is not None:
            self._lowest_energy = float(self._energy(torch.from_numpy(reference.position[None]), None)[0])

    def visit(self, step: int, weights: Tensor) -> Array | None:
        """Measure weights (replica, d) if `step` is one of `steps`; returns their energies (replica,) then."""
        column = _position(self._record, step)
        sampled = _position(self._sample, step)
        if column is None and sampled is None:
            return None
        evaluated = self._train(weights)
        energy = self._energy(weights, evaluated)
        if column is not None:
            self._record_at(column, weights, energy, evaluated)
        if sampled is not None and self._reference is not None:
            self._stationary_energy[:, sampled] = energy - self._lowest_energy
            modes = _project(
                snapshot(weights, torch.float64) - self._reference.position, self._reference.eigenvectors, self._workers
            )
            self._sums[0] += modes
            self._sums[1] += modes**2
        return energy

    def state(self) -> dict[str, NDArray[Any]]:
        """What must be kept to go on from here: a copy of the sums, and the records (written once an entry)."""
        kept = {**self._along, **self._pooled, "stationary_energy": self._stationary_energy}
        return {"sums": self._sums.copy(), **kept}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""
        self._sums[...] = state["sums"]
        self._stationary_energy[...] = state["stationary_energy"]
        for name, values in (*self._along.items(), *self._pooled.items()):
            values[...] = state[name]

    def variables(self) -> dict[str, ArrayLike]:
        """The observables by name, once all steps have been visited."""
        found: dict[str, ArrayLike] = {**self._along, **self._pooled}
        if self._reference is not None:
            moment_1, moment_2 = self._sums / self._sample.size
            summary = stationary_summary(moment_1, moment_2)
            found |= {
                "mode_moment_1": moment_1,
                "mode_moment_2": moment_2,
                "mode_mean": summary.mean.value,
                "mode_mean_stderr": summary.mean.stderr,
                "mode_variance": summary.variance.value,
                "mode_variance_stderr": summary.variance.stderr,
                "stationary_energy": self._stationary_energy,
                "energy_at_minimum": self._lowest_energy,
            }
        return found

    def _energy(self, weights: Tensor, evaluated: Evaluation | None) -> Array:
        evaluated = evaluated or self._train(weights)
        return evaluated.loss + decay_energy(weights, self._decay)

    def _record_at(self, column: int, weights: Tensor, energy: Array, evaluated: Evaluation) -> None:
        self._along["energy"][:, column] = energy
        self._along["train_loss"][:, column] = evaluated.loss
        self._along["train_accuracy"][:, column] = evaluated.accuracy
        if self._test is not None:
            tested = self._test(weights)
            self._along["test_loss"][:, column] = tested.loss
            self._along["test_accuracy"][:, column] = tested.accuracy
        displacement = displacement_summary(snapshot(weights, torch.float64) - self._start)
        self._along["squared_displacement"][:, column] = displacement.squared_displacement
        for name, values in self._pooled.items():
            values[column] = getattr(displacement, name)


def _position(steps: NDArray[np.int64], step: int) -> int | None:
    index = int(np.searchsorted(steps, step))
    return index if index < steps.size and steps[index] == step else None


def _project(displacements: Array, eigenvectors: Array, workers: Workers) -> Array:
    """Components of displacements (replica, d) along the eigenvectors, (replica, mode).

    Always in blocks of the same number of rows: a product's rounding may depend on its shape, and a replica's must not
    depend on how many others there are.
    """
    rows = len(displacements)
    padded = np.zeros((-(-rows // _ROWS) * _ROWS, displacements.shape[1]))
    padded[:rows] = displacements
    basis = torch.from_numpy(eigenvectors)
    blocks = list(torch.split(torch.from_numpy(padded), _ROWS))
    components: Array = torch.cat(workers.map(lambda block: block @ basis, blocks)).numpy()[:rows]
    return components
