"""The `softmax` architecture in a config."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from langevin_sgd.training.architectures.section import ArchitectureSection


class Softmax(ArchitectureSection):
    """Softmax regression: one linear layer with bias."""

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.fully_connected:linear"
    kind: Literal["softmax"]
    """Always `softmax`."""

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """Weights and biases."""
        return (math.prod(input_shape) + 1) * outputs
