"""The `cross_entropy_plus_energy` loss in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.losses.section import LossSection


class CrossEntropyPlusEnergyLoss(LossSection):
    """Cross entropy of all outputs but the last one, plus the last: an energy of the weights that the network puts
    there, the same for every sample and so without noise. For `architecture: {kind: planted_barriers}`, or your own.
    """

    LOSS: ClassVar[str] = "langevin_sgd.training.losses.cross_entropy_plus_energy.functions:CrossEntropyPlusEnergy"
    kind: Literal["cross_entropy_plus_energy"]
    """Always `cross_entropy_plus_energy`."""
