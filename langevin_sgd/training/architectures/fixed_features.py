"""Random features as a torch module: a layer that stays as it was drawn, and a linear one behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from langevin_sgd.training.architectures.random_features import RandomFeatures


class FixedFeatures(nn.Module):
    """The first layer is a buffer, which no update rule moves."""

    directions: Tensor

    def __init__(self, inputs: int, features: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.randn(features, inputs, dtype=torch.float32, device="cpu"))
        self.readout = nn.Linear(features, outputs, dtype=torch.float32, device="cpu")
        self._before, self._behind = inputs**-0.5, (2.0 / features) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        """(samples, ...) -> (samples, outputs)."""
        features = self._behind * torch.relu(self._before * (x.flatten(1) @ self.directions.T))
        outputs: Tensor = self.readout(features)
        return outputs


def build(architecture: RandomFeatures, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """The module for samples of that shape."""
    return FixedFeatures(math.prod(input_shape), architecture.features, outputs)
