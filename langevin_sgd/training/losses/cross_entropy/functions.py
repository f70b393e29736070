"""Cross entropy: value and gradient in closed form.

Here the class is the first axis, so that sums over classes run over contiguous samples; the transpositions cost nothing
once they are traced.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.losses.section import LossSection


class CrossEntropy(Loss):
    """-ln softmax(z)_y of outputs z and the class y, whose gradient by z is softmax(z) - one_hot(y)."""

    def __init__(self, section: LossSection | None = None) -> None:
        """There is nothing to set."""

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross entropy (n,)."""
        logits, labels = outputs.T, targets.unsqueeze(0)
        return torch.logsumexp(logits, 0) - logits.gather(0, labels).squeeze(0)

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """softmax(z) - one_hot(y), (n, classes)."""
        labels = targets.unsqueeze(0)
        return torch.softmax(outputs.T, 0).scatter_add(0, labels, outputs.new_full(labels.shape, -1.0)).T

    def along(self, outputs: Tensor, direction: Tensor, targets: Tensor) -> Tensor:
        """The mean of the direction over the predicted probabilities, minus that of the true class."""
        mean = (torch.softmax(outputs, 1) * direction).sum(1)
        return mean - direction.gather(1, targets.unsqueeze(1)).squeeze(1)

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 where the true class alone has the largest output."""
        logits, labels = outputs.T, targets.unsqueeze(0)
        others = logits.scatter(0, labels, -torch.inf).amax(0)
        return (logits.gather(0, labels).squeeze(0) > others).to(outputs.dtype)

    def uniform_guess(self, classes: int) -> float:
        """ln(classes)."""
        return float(np.log(classes))


CROSS_ENTROPY = CrossEntropy()
"""The loss of all functions that are told of no other."""
