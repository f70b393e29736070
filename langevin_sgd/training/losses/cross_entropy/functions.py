"""Cross entropy: value and gradient in closed form.

Here the class is the first axis, so that sums over classes run over contiguous samples; the transpositions cost nothing
once they are traced.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from langevin_sgd.training.losses.cross_entropy.config import CrossEntropyLoss
from langevin_sgd.training.losses.loss import Loss


class CrossEntropy(Loss):
    """-sum_k q_k ln softmax(z)_k of outputs z and the class y, whose gradient by z is softmax(z) - q.

    The target q is one_hot(y) without label smoothing, and with a share e of it (1 - e) one_hot(y) + e/K, K classes, as
    torch.nn.CrossEntropyLoss has it (Szegedy et al. 2016).
    """

    sees_shifts: ClassVar[bool] = False

    def __init__(self, section: CrossEntropyLoss) -> None:
        self._spread = section.label_smoothing

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross entropy (n,)."""
        logits, labels = outputs.T, targets.unsqueeze(0)
        return torch.logsumexp(logits, 0) - self._at_target(logits, logits.gather(0, labels).squeeze(0), 0)

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """softmax(z) - q, (n, classes)."""
        labels = targets.unsqueeze(0)
        predicted = torch.softmax(outputs.T, 0)
        if self._spread > 0:
            predicted = predicted - self._spread / len(predicted)
        return predicted.scatter_add(0, labels, outputs.new_full(labels.shape, -(1.0 - self._spread))).T

    def along(self, outputs: Tensor, direction: Tensor, targets: Tensor) -> Tensor:
        """The mean of the direction over the predicted probabilities, minus that over the target's."""
        mean = (torch.softmax(outputs, 1) * direction).sum(1)
        return mean - self._at_target(direction, direction.gather(1, targets.unsqueeze(1)).squeeze(1), 1)

    def _at_target(self, values: Tensor, true: Tensor, classes: int) -> Tensor:
        """The mean over q of `values` along the axis `classes`, `true` at the true one."""
        if self._spread > 0:
            return (1.0 - self._spread) * true + self._spread * values.mean(classes)
        return true

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 where the true class alone has the largest output."""
        logits, labels = outputs.T, targets.unsqueeze(0)
        others = logits.scatter(0, labels, -torch.inf).amax(0)
        return (logits.gather(0, labels).squeeze(0) > others).to(outputs.dtype)


CROSS_ENTROPY = CrossEntropy(CrossEntropyLoss(kind="cross_entropy"))
"""The loss of all functions that are told of no other."""
