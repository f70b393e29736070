"""Inherent structures: the minima that snapshots of SGD fall into when the noise is taken away (Stillinger and Weber).

Each snapshot is quenched: gradient descent on the full energy, weight decay included, as far as the neighbourhood of a
minimum, then `minimum.find`. Two minima are one structure if the network's outputs on all training inputs are the same.
That is blind to every symmetry of the network: permutations of hidden units, changes of sign of odd ones, rescalings of
homogeneous ones. With weight decay the weights follow from the outputs up to these, since the shortest are minimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.laws import temperatures
from langevin_sgd.training import curvature
from langevin_sgd.training.probes.inherent_structures.config import InherentStructuresProbe
from langevin_sgd.training.probes.probe import Probe, State
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.quench import quench

if TYPE_CHECKING:
    from langevin_sgd.training.view import View

Array = NDArray[np.float64]


class InherentStructures(Probe):
    """The probe: snapshots of every replica, their minima, and how often each structure was found."""

    def __init__(self, settings: InherentStructuresProbe, watched: Watched) -> None:
        assert watched.steps is not None
        assert watched.parameters is not None
        self._settings, self._tolerance, self._sgd = settings, watched.gradient_tolerance, watched.sgd
        first = max(1, round(settings.discard * watched.steps))
        self._steps = np.unique(np.rint(np.linspace(first, watched.steps, settings.snapshots)).astype(np.int64))
        shape = (watched.replicas, self._steps.size, watched.parameters)
        self._snapshots: Array = np.full(shape, np.nan)
        self._minima: Array = np.full(shape, np.nan)
        self._energy: Array = np.full(shape[:2], np.nan)
        self._count = 0

    @property
    def steps(self) -> NDArray[np.int64]:
        """The steps of the snapshots, equally spaced."""
        return self._steps

    def observe(self, view: View) -> None:
        """Keep the weights (replica, d)."""
        self._snapshots[:, np.searchsorted(self._steps, view.step)] = view.positions

    def finish(self, view: View) -> Mapping[str, ArrayLike]:
        """Quench the snapshots one by one; those quenched before are kept. Then sort the minima into structures."""
        energy = view.energy
        flat, minima, energies = self._snapshots.reshape(-1, energy.dimension), self._minima, self._energy
        for index in np.flatnonzero(np.isnan(energies)):
            place = np.unravel_index(index, energies.shape)
            found = quench(energy, flat[index], tolerance=self._tolerance)
            minima[place], energies[place] = found.position, found.energy
            view.progress(int(index) + 1, energies.size)
            view.save()
        positions = minima.reshape(-1, energy.dimension)
        outputs = [view.seen_outputs(w) for w in positions]
        labels, chosen = structures(energies.reshape(-1), outputs, same_within=self._settings.same_within)
        self._count = len(chosen)
        return self._described(view, labels.reshape(energies.shape), positions[chosen], energies.reshape(-1)[chosen])

    def _described(
        self, view: View, labels: NDArray[np.int64], positions: Array, energies: Array
    ) -> Mapping[str, ArrayLike]:
        visits = (labels[:, :, None] == np.arange(len(positions))).sum(1)
        share = visits / labels.shape[1]
        occupancy = share.mean(0)
        loss, energy = view.loss, view.energy
        variance = np.array([np.trace(curvature.noise_covariance(loss, w)) for w in positions]) / energy.dimension
        sgd = self._sgd
        return {
            "structure": labels,
            "structure_energy": energies,
            "structure_log_det": np.array([_log_det(curvature.hessian(energy, w)) for w in positions]),
            "structure_occupancy": occupancy,
            "structure_occupancy_stderr": share.std(0, ddof=1) / np.sqrt(len(share))
            if len(share) > 1
            else np.full(occupancy.shape, np.nan),
            "structure_noise_scale": np.sqrt(variance),
            "structure_effective_thermal_energy": temperatures.effective(
                sgd.learning_rate * variance / (2.0 * sgd.batch_size), sgd.momentum
            ),
        }

    def state(self) -> State:
        """The snapshots, and the minima found so far."""
        return {"snapshots": self._snapshots, "minima": self._minima, "energy": self._energy}

    def restore(self, state: State) -> None:
        """Go on from a state saved before."""
        self._snapshots[...] = state["snapshots"]
        self._minima[...] = state["minima"]
        self._energy[...] = state["energy"]

    def coords(self) -> Mapping[str, ArrayLike]:
        """Labels of the structures, 1 for the lowest, and the steps of the snapshots."""
        return {"basin": np.array([str(number + 1) for number in range(self._count)]), "snapshot_step": self._steps}


def structures(
    energies: Array, outputs: list[Array], *, same_within: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort minima into structures: the label (minimum,) of each, and the minimum that stands for each structure.

    Two are the same if the root mean square difference of their `outputs` is at most `same_within` of that of the
    outputs themselves. Labels go by energy, the lowest is 0; its first minimum stands for a structure.
    """
    labels = np.empty(len(energies), dtype=np.int64)
    chosen: list[int] = []
    for index in np.argsort(energies, kind="stable"):
        own = outputs[index]
        label = next(
            (
                place
                for place, other in enumerate(chosen)
                if np.linalg.norm(own - outputs[other]) <= same_within * np.linalg.norm(outputs[other])
            ),
            len(chosen),
        )
        if label == len(chosen):
            chosen.append(int(index))
        labels[index] = label
    return labels, np.array(chosen)


def _log_det(hessian: Array) -> float:
    """ln det H; NaN where H is not positive definite, which is no minimum."""
    sign, logarithm = np.linalg.slogdet(hessian)
    positive = sign > 0 and np.linalg.eigvalsh(hessian)[0] > 0
    return float(logarithm) if positive else float("nan")
