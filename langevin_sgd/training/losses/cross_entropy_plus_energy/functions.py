"""Cross entropy plus an energy that does not depend on the sample: value and gradient in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.cross_entropy_plus_energy.config import CrossEntropyPlusEnergyLoss
from langevin_sgd.training.losses.loss import Loss


class CrossEntropyPlusEnergy(Loss):
    """-ln softmax(z)_y + z_K of outputs z_0, ..., z_K and a class y < K."""

    def __init__(self, section: CrossEntropyPlusEnergyLoss) -> None:
        """Of the section nothing is read."""

    def outputs(self, count: int) -> int:
        """One more than there are classes."""
        return count + 1

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss (n,)."""
        return CROSS_ENTROPY.values(outputs[:, :-1], targets) + outputs[:, -1]

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """softmax(z) - one_hot(y), and 1 of the last."""
        last = torch.ones_like(outputs[:, -1:])
        return torch.cat([CROSS_ENTROPY.gradient(outputs[:, :-1], targets), last], dim=1)

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 where the true class alone has the largest output, the last one aside."""
        return CROSS_ENTROPY.correct(outputs[:, :-1], targets)

    def ignorance(self, targets: Tensor, outputs: int) -> float:
        """That of cross entropy."""
        return CROSS_ENTROPY.ignorance(targets, outputs - 1)
