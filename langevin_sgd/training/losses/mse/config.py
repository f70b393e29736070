"""The `mse` loss in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.training.losses.section import LossSection


class SquaredErrorLoss(LossSection):
    """Half the squared distance of the outputs z from the target t, |z - t|^2/2, summed over the k outputs.

    Of real targets, or of classes as one-hot rows. So H of linear regression is the covariance of the inputs.
    torch.nn.MSELoss averages the squared error over the outputs: it is 2/k times this one.
    """

    LOSS: ClassVar[str] = "langevin_sgd.training.losses.mse.functions:SquaredError"
    TARGETS: ClassVar[frozenset[str]] = frozenset({"classes", "real"})
    kind: Literal["mse"]
    """Always `mse`."""
