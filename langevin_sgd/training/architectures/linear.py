"""The `linear` architecture in a config."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from langevin_sgd.config.fields import Flag
from langevin_sgd.training.architectures.section import ArchitectureSection


class LinearMap(ArchitectureSection):
    """One linear layer, z = W x + b: linear regression by `mse`, softmax regression by `cross_entropy`."""

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.fully_connected:one_layer"
    kind: Literal["linear"]
    """Always `linear`."""
    bias: Flag = True
    """Whether there is a b. Without it inputs and targets should have mean 0."""

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """Weights and biases."""
        return (math.prod(input_shape) + self.bias) * outputs
