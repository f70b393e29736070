"""Probes: measurements at the weights that training visited, one file each.

A probe keeps weights at steps of its own while the ensemble trains, and measures them when training has ended. What it
keeps and what it has measured are its state, so that an interrupted run goes on to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from langevin_sgd.config.probes import InherentStructuresProbe, SharpnessProbe
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.training.architectures import Network
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.probes.inherent_structures import InherentStructures
from langevin_sgd.training.probes.sharpness import SharpnessAtEnd

ProgressOf = Callable[[int, int], None]


class Probe(Protocol):
    """One measurement."""

    name: str
    """What it is called in the state of a run, and in its progress."""

    @property
    def steps(self) -> NDArray[Any]:
        """The steps at which it wants to see the weights."""

    def visit(self, step: int, weights: Tensor) -> None:
        """See the weights (replica, d) of one of `steps`."""

    def measure(self, loss: FullBatch, energy: FullBatch, progress: ProgressOf, save: Callable[[], None]) -> None:
        """Measure what was seen, once training has ended: `loss` is without weight decay, `energy` with it.

        What is measured already, by a state that was restored, is not measured again. `save` may be called wherever
        the state is worth keeping.
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """What must be kept to go on from here."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state saved before."""

    def variables(self) -> dict[str, ArrayLike]:
        """The observables by name, once they are measured."""

    def coords(self) -> dict[str, ArrayLike]:
        """Coordinates that the observables need."""


def of_model(model: NetworkModel, sgd: Sgd, *, steps: int, network: Network, samples: Samples) -> list[Probe]:
    """The probes that a config asks for, of a training of `steps` steps of a `network` on `samples`, in float64.

    Raises `UserError` for a network that is too large for one of them.
    """

    def of(settings: SharpnessProbe | InherentStructuresProbe) -> Probe:
        if isinstance(settings, InherentStructuresProbe):
            return InherentStructures(settings, model, sgd, steps=steps, network=network, samples=samples)
        return SharpnessAtEnd(steps, model.replicas, network.size)

    return [of(settings) for settings in model.probes]
