"""The `cnn` architecture in a config."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.training.architectures.convolutional import ConvolutionalSection
from langevin_sgd.training.architectures.layered import Activation


class ConvolutionalNetwork(ConvolutionalSection):
    """Convolutions, each with max-pooling and a nonlinearity, then fully connected layers; bias in every layer.

    The default is 8 kernels of 5 x 5 and a dense layer of 512; for images of 8 x 8 channels: [8, 16], kernel: 3 and
    dense: [] are plenty.
    """

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.convolution_layers:cnn"
    kind: Literal["cnn"]
    """Always `cnn`."""
    channels: Annotated[tuple[PositiveWholeNumber, ...], Field(min_length=1)] = (8,)
    """Kernels of each convolution."""
    kernel: Annotated[PositiveWholeNumber, Field(le=99)] = 5
    """Side of each kernel; an odd number with padding: same."""
    padding: Literal["same", "none"] = "same"
    """same: zeros around an image, so that a convolution leaves its size; none: it loses kernel - 1 pixels."""
    pool: Annotated[PositiveWholeNumber, Field(le=99)] = 2
    """Side of the squares whose largest value goes on, after each convolution; what is left over at the edge is left
    out. 1: no pooling."""
    dense: tuple[PositiveWholeNumber, ...] = (512,)
    """Width of each fully connected layer between the convolutions and the outputs."""
    activation: Activation = "relu"
    """Nonlinearity behind each layer but the last: of convolutions after pooling."""

    def keeps_sides(self) -> bool:
        """With zeros around them."""
        return self.padding == "same"

    def normalised(self) -> tuple[int, ...]:
        """All but the last."""
        return (*self.channels, *self.dense)

    def sides(self, input_shape: Sequence[int]) -> list[tuple[int, int]]:
        """Height and width behind each convolution, before pooling; 0 or less where nothing would be left."""
        lost = 0 if self.padding == "same" else self.kernel - 1
        found, (height, width) = [], input_shape[1:]
        for _ in self.channels:
            found.append((height - lost, width - lost))
            height, width = ((side - lost) // self.pool for side in (height, width))
        return found

    def flat(self, input_shape: Sequence[int]) -> int:
        """How many numbers of an image the fully connected layers get."""
        return self.channels[-1] * math.prod(side // self.pool for side in self.sides(input_shape)[-1])

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """Weights and biases of all layers, and gains and biases of their normalisation."""
        kernels = pairwise((input_shape[0], *self.channels))
        convolutions = sum((before * self.kernel**2 + 1) * after for before, after in kernels)
        layers = pairwise((self.flat(input_shape), *self.dense, outputs))
        dense = sum((before + 1) * after for before, after in layers)
        return convolutions + dense + self.normalisation_parameters()

    def units(self, input_shape: Sequence[int], outputs: int) -> int:
        """Those of the layers, and the patches of images that convolutions multiply."""
        return sum(self._results(input_shape, outputs))

    def widest(self, input_shape: Sequence[int], outputs: int) -> int:
        """The largest of these."""
        return max(self._results(input_shape, outputs))

    def _results(self, input_shape: Sequence[int], outputs: int) -> list[int]:
        found = [*self.dense, outputs]
        if not input_shape:
            return found
        patches = [channels * self.kernel**2 for channels in (input_shape[0], *self.channels)]
        for (height, width), patch, channels in zip(self.sides(input_shape), patches, self.channels, strict=False):
            found += [height * width * patch, height * width * channels]
        return found

    def problem(self, input_shape: Sequence[int]) -> str | None:
        """Images that are too small."""
        _, height, width = input_shape
        if all(min(sides) >= self.pool for sides in self.sides(input_shape)):
            return None
        return (
            f"{len(self.channels)} convolutions with pooling leave nothing of images of {height} x {width}; give fewer "
            "channels, a smaller kernel, padding: same or pool: 1"
        )
