"""Half the squared error of averages: value and gradient in closed form."""

from __future__ import annotations

import math

from torch import Tensor

from langevin_sgd.errors import UserError
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.losses.mse_of_averages.config import SquaredErrorOfAveragesLoss


class SquaredErrorOfAverages(Loss):
    """|D z - t|^2/2 of a square image z, laid out flat, and its averages D z over squares of q x q pixels.

    Its gradient by z is D^T (D z - t): of a pixel the error of its square over q^2. Of targets with as many pixels as
    z it is |z - t|^2/2.
    """

    def __init__(self, section: SquaredErrorOfAveragesLoss) -> None:
        """With squares of that side."""
        self._square = section.square

    def outputs(self, count: int) -> int:
        """The pixels of the image. Raises `UserError` unless the targets are a square one."""
        if math.isqrt(count) ** 2 != count:
            raise UserError(
                f"loss mse_of_averages takes square images as targets, and these are {count} numbers; give mse"
            )
        return count * self._square**2

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """|D z - t|^2/2, (n,)."""
        return 0.5 * (self._error(outputs, targets) ** 2).sum(1)

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """D^T (D z - t), (n, k)."""
        error = self._error(outputs, targets)
        if error.shape == outputs.shape:
            return error
        coarse, q = math.isqrt(targets.shape[1]), self._square
        squares = error.reshape(-1, coarse, 1, coarse, 1) / q**2
        return squares.expand(-1, coarse, q, coarse, q).reshape(outputs.shape)

    def _error(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if targets.shape[1] == outputs.shape[1]:
            return outputs - targets
        coarse, q = math.isqrt(targets.shape[1]), self._square
        return outputs.reshape(-1, coarse, q, coarse, q).mean((2, 4)).reshape(targets.shape) - targets
