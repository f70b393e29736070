"""Half the squared error: value and gradient in closed form."""

from __future__ import annotations

from torch import Tensor

from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.losses.mse.config import SquaredErrorLoss


class SquaredError(Loss):
    """|z - t|^2/2 of outputs z and target t, whose gradient by z is z - t; t is one-hot for a class.

    The convention of the theory of linear regression, in which H = E[x x^T]. With k outputs torch.nn.MSELoss is 2/k
    times the mean of this loss, so that its learning rate eta is 2 eta/k here.
    """

    def __init__(self, section: SquaredErrorLoss) -> None:
        """There is nothing to set."""

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """|z - t|^2/2, (n,)."""
        return 0.5 * (self.gradient(outputs, targets) ** 2).sum(1)

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """z - t, (n, k)."""
        if targets.is_floating_point():
            return outputs - targets
        labels = targets.unsqueeze(0)
        return outputs.T.scatter_add(0, labels, outputs.new_full(labels.shape, -1.0)).T
