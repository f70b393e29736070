"""Fully connected layers as torch modules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.architectures.softmax import Softmax

_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}


def linear(architecture: Softmax, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """One layer."""
    return _layers(input_shape, (), outputs, nn.Identity)


def with_hidden_layers(architecture: MultilayerPerceptron, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """Layers with the activation between them."""
    return _layers(input_shape, architecture.hidden, outputs, _ACTIVATIONS[architecture.activation])


def _layers(
    input_shape: Sequence[int], hidden: Sequence[int], outputs: int, activation: type[nn.Module]
) -> nn.Sequential:
    layers: list[nn.Module] = [] if len(input_shape) == 1 else [nn.Flatten()]
    for before, after in pairwise((math.prod(input_shape), *hidden, outputs)):
        layers.append(nn.Linear(before, after, dtype=torch.float32, device="cpu"))  # whatever the defaults are
        layers.append(activation())
    return nn.Sequential(*layers[:-1])
