"""Fully connected layers as torch modules."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from langevin_sgd.training.architectures.activations import ACTIVATIONS
from langevin_sgd.training.architectures.layered import LayeredSection
from langevin_sgd.training.architectures.linear import LinearMap
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.architectures.normalisation import OfRows, after_layer
from langevin_sgd.training.architectures.softmax import Softmax


def linear(architecture: Softmax, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """One layer."""
    return nn.Sequential(*_flat(input_shape), linear_layer(math.prod(input_shape), outputs))


def one_layer(architecture: LinearMap, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """One layer, with bias or without."""
    layer = nn.Linear(math.prod(input_shape), outputs, bias=architecture.bias, dtype=torch.float32, device="cpu")
    return nn.Sequential(*_flat(input_shape), layer)


def with_hidden_layers(architecture: MultilayerPerceptron, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """Layers with normalisation and activation between them."""
    ntk: Callable[[int, int], nn.Module] = partial(NtkLinear, beta=architecture.beta)
    layer = {"standard": linear_layer, "ntk": ntk}[architecture.initialisation]
    layers = _flat(input_shape)
    *hidden, last = pairwise((math.prod(input_shape), *architecture.hidden, outputs))
    for before, after in hidden:
        layers += [layer(before, after), *behind(architecture, after)]
    return nn.Sequential(*layers, layer(*last))


def linear_layer(before: int, after: int) -> nn.Linear:
    """One of torch's, whatever its defaults are set to."""
    return nn.Linear(before, after, dtype=torch.float32, device="cpu")


def behind(architecture: LayeredSection, width: int) -> list[nn.Module]:
    """What stands behind a fully connected layer of so many units: normalisation and activation."""
    normalisation = [OfRows(module) for module in after_layer(architecture, width)]
    return [*normalisation, ACTIVATIONS[architecture.activation]()]


class NtkLinear(nn.Module):
    """z = W x / sqrt(n) + beta b with entries that start standard normal, for n inputs."""

    def __init__(self, before: int, after: int, *, beta: float = 0.1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, dtype=torch.float32, device="cpu"))
        self.bias = nn.Parameter(torch.randn(after, dtype=torch.float32, device="cpu"))
        self._scale, self._beta = before**-0.5, beta

    def forward(self, x: Tensor) -> Tensor:
        """(samples, before) -> (samples, after)."""
        return torch.add(self._scale * (x @ self.weight.T), self.bias, alpha=self._beta)


def _flat(input_shape: Sequence[int]) -> list[nn.Module]:
    return [] if len(input_shape) == 1 else [nn.Flatten()]
