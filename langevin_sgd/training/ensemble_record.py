"""What is measured on an ensemble while it trains: loss and displacement along the way, fluctuations at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.estimators.drift_and_spread import POOLED, displacement_summary
from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.snapshot import snapshot
from langevin_sgd.training.threads import Workers

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]

_ROWS = 16


@dataclass(frozen=True)
class Reference:
    """The minimum (d,) about which fluctuations are measured, along the columns of `eigenvectors` (d, mode).

    `energy` is that at the minimum. With `eigenvalues` (mode,) the energy of the window is that along these modes, in
    the quadratic approximation: they are some of many, and their law is known.
    """

    position: Array
    eigenvectors: Array
    energy: float
    eigenvalues: Array | None = None


class EnsembleRecord(Probe):
    """Observes an ensemble at `record` steps, and in the stationary window at `sample` steps.

    Of the record loss, energy and accuracy are those of the `evaluated` steps, NaN at others. The loss on the sets in
    `drawn`, train or test, is that of some of their samples, and has a standard error.
    With a `reference`, moments of the displacement from it and the energy above it are taken at the `sample` steps, in
    float64.
    """

    def __init__(
        self,
        *,
        start: Tensor,
        record: NDArray[np.int64],
        evaluated: NDArray[np.int64],
        sample: NDArray[np.int64],
        test: bool,
        accuracy: bool = True,
        drawn: Collection[str] = (),
        reference: Reference | None,
        workers: Workers,
    ) -> None:
        self._steps = np.union1d(record, sample)
        self._record, self._sample, self._workers = record, sample, workers
        self._evaluated = frozenset(evaluated.tolist())
        self._start: Array = snapshot(start, torch.float64)
        self._reference = reference
        replicas = len(self._start)
        losses = ["train_loss", *(["test_loss"] if test else [])]
        names = ["energy", "squared_displacement", *losses]
        names += [name.replace("loss", "accuracy") for name in losses] if accuracy else []
        names += [f"{name}_loss_stderr" for name in drawn]
        self._along: dict[str, Array] = {name: np.full((replicas, record.size), np.nan) for name in names}
        self._pooled: dict[str, Array] = {name: np.full(record.size, np.nan) for name in POOLED}
        self._stationary_energy = np.full((replicas, sample.size), np.nan)
        self._sums = np.zeros((2, replicas, reference.eigenvectors.shape[1] if reference else 0))

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those of the record and of the window."""
        return self._steps

    @property
    def evaluations(self) -> frozenset[int]:
        """Those of them at which the loss of the replicas is evaluated."""
        whole = self._reference is not None and self._reference.eigenvalues is None
        return self._evaluated | frozenset(self._sample.tolist() if whole else ())

    def observe(self, view: View) -> None:
        """Measure loss and displacement, or fluctuations, or both."""
        column = _position(self._record, view.step)
        sampled = _position(self._sample, view.step)
        if column is not None:
            self._record_at(column, view)
        if sampled is not None and self._reference is not None:
            displacements = view.positions - self._reference.position
            modes = project(displacements, self._reference.eigenvectors, self._workers)
            if self._reference.eigenvalues is None:
                self._stationary_energy[:, sampled] = view.energies - self._reference.energy
            else:  # row by row: a product's rounding depends on its shape
                self._stationary_energy[:, sampled] = (modes**2 * self._reference.eigenvalues).sum(axis=1) / 2.0
            self._sums[0] += modes
            self._sums[1] += modes**2

    def state(self) -> State:
        """What must be kept to go on from here: a copy of the sums, and the records (written once an entry)."""
        kept = {**self._along, **self._pooled, "stationary_energy": self._stationary_energy}
        return {"sums": self._sums.copy(), **kept}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._sums[...] = state["sums"]
        self._stationary_energy[...] = state["stationary_energy"]
        for name, values in (*self._along.items(), *self._pooled.items()):
            values[...] = state[name]

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """The observables by name."""
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
                self._energy_name(): self._stationary_energy,
                "energy_at_minimum": self._reference.energy,
            }
        return found

    def _energy_name(self) -> str:
        whole = self._reference is None or self._reference.eigenvalues is None
        return "stationary_energy" if whole else "mode_energy"

    def _record_at(self, column: int, view: View) -> None:
        if view.step in self._evaluated:
            self._evaluate_at(column, view)
        displacement = displacement_summary(view.positions - self._start)
        self._along["squared_displacement"][:, column] = displacement.squared_displacement
        for name, values in self._pooled.items():
            values[column] = getattr(displacement, name)

    def _evaluate_at(self, column: int, view: View) -> None:
        self._along["energy"][:, column] = view.recorded_energies
        for name, evaluated in (("train", view.recorded_train), ("test", view.recorded_test)):
            if evaluated is None:
                continue
            self._along[f"{name}_loss"][:, column] = evaluated.loss
            if evaluated.accuracy is not None:
                self._along[f"{name}_accuracy"][:, column] = evaluated.accuracy
            if evaluated.stderr is not None:
                self._along[f"{name}_loss_stderr"][:, column] = evaluated.stderr


def _position(steps: NDArray[np.int64], step: int) -> int | None:
    index = int(np.searchsorted(steps, step))
    return index if index < steps.size and steps[index] == step else None


def project(displacements: Array, eigenvectors: Array, workers: Workers) -> Array:
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
