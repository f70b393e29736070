"""Networks of convolutions as torch modules: images (samples, channels, height, width) in, outputs (samples, k) out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures.activations import ACTIVATIONS
from langevin_sgd.training.architectures.cnn import ConvolutionalNetwork
from langevin_sgd.training.architectures.convolution import Convolution, MaxPool
from langevin_sgd.training.architectures.convolutional import ConvolutionalSection
from langevin_sgd.training.architectures.fully_connected import behind, linear_layer
from langevin_sgd.training.architectures.image_generator import ImageGenerator
from langevin_sgd.training.architectures.normalisation import after_layer
from langevin_sgd.training.architectures.residual_cnn import ResidualNetwork


def cnn(architecture: ConvolutionalNetwork, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """Convolutions with pooling, then fully connected layers."""
    convolutions: list[nn.Module] = []
    for before, after in pairwise((input_shape[0], *architecture.channels)):
        convolutions.append(_convolution(architecture, before, after))
        convolutions += after_layer(architecture, after)
        convolutions += _pooled(architecture)
    dense: list[nn.Module] = []
    *hidden, last = pairwise((architecture.flat(input_shape), *architecture.dense, outputs))
    for before, after in hidden:
        dense += [linear_layer(before, after), *behind(architecture, after)]
    return _OnImages(nn.Sequential(*convolutions), _Flat(), nn.Sequential(*dense, linear_layer(*last)))


def residual_cnn(architecture: ResidualNetwork, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """Stages of residual blocks, and the mean over the image."""
    layers: list[nn.Module] = []
    for stage, (before, after) in enumerate(pairwise((input_shape[0], *architecture.channels))):
        layers.append(_convolution(architecture, before, after))
        layers += [MaxPool(2)] if stage > 0 else []
        layers += [_Block(architecture, after) for _ in range(architecture.blocks)]
    layers += _before_convolution(architecture, after)
    return _OnImages(nn.Sequential(*layers), _Mean(), linear_layer(after, outputs))


def image_generator(architecture: ImageGenerator, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """Doublings with convolutions. Raises `UserError` unless they end at so many pixels."""
    height, width = (side << len(architecture.channels) for side in input_shape[1:])
    if height * width != outputs:
        raise UserError(
            f"image_generator: {len(architecture.channels)} doublings make {height} x {width} pixels, and {outputs} "
            "outputs are asked for; give more or fewer channels, or another size of the inputs"
        )
    layers: list[nn.Module] = []
    for before, after in pairwise((input_shape[0], *architecture.channels)):
        layers += [_Doubled(), _convolution(architecture, before, after), *_before_convolution(architecture, after)]
    return _OnImages(nn.Sequential(*layers, _convolution(architecture, after, 1)), _Flat(), nn.Identity())


def _pooled(architecture: ConvolutionalNetwork) -> list[nn.Module]:
    """Pooling, if there is any, and the nonlinearity behind it."""
    activation = ACTIVATIONS[architecture.activation]()
    if architecture.pool == 1:
        return [activation]
    if isinstance(activation, nn.ReLU):
        return [MaxPool(architecture.pool, rectified=True)]
    return [MaxPool(architecture.pool), activation]


def _convolution(architecture: ConvolutionalSection, before: int, after: int) -> Convolution:
    return Convolution(before, after, architecture.kernel, (architecture.kernel - 1) // 2 * architecture.keeps_sides())


def _before_convolution(architecture: ConvolutionalSection, width: int) -> list[nn.Module]:
    return [*after_layer(architecture, width), ACTIVATIONS[architecture.activation]()]


class _Block(nn.Module):
    """x + conv(a(n(conv(a(n(x))))))."""

    def __init__(self, architecture: ConvolutionalSection, width: int) -> None:
        super().__init__()
        halves = [
            [*_before_convolution(architecture, width), _convolution(architecture, width, width)] for _ in range(2)
        ]
        self.change = nn.Sequential(*halves[0], *halves[1])

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.change(x)
        return result


class _OnImages(nn.Module):
    """Convolutions with the samples as last axis, then what makes rows (samples, numbers) of them, then the rest."""

    def __init__(self, convolutions: nn.Module, rows: nn.Module, rest: nn.Module) -> None:
        super().__init__()
        self.convolutions, self.rows, self.rest = convolutions, rows, rest

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.rest(self.rows(self.convolutions(x.permute(1, 2, 3, 0))))
        return result


class _Doubled(nn.Module):
    """Every pixel four times."""

    def forward(self, x: Tensor) -> Tensor:
        channels, height, width, samples = x.shape
        spread = x[:, :, None, :, None].expand(channels, height, 2, width, 2, samples)
        return spread.reshape(channels, 2 * height, 2 * width, samples)


class _Flat(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, x.shape[-1]).T


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.mean(x, (1, 2)).T
