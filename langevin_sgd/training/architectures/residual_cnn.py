"""The `residual_cnn` architecture in a config."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.training.architectures.convolutional import ConvolutionalSection
from langevin_sgd.training.architectures.layered import Activation


class ResidualNetwork(ConvolutionalSection):
    """Stages of residual blocks x -> x + conv(a(n(conv(a(n(x)))))), as He, Zhang, Ren and Sun (2016) order them.

    a is the nonlinearity and n the normalisation. A convolution makes the channels of the first stage from the image,
    another with max-pooling by two those of each further stage; behind the last the mean over the image goes through
    one linear layer.
    """

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.convolution_layers:residual_cnn"
    kind: Literal["residual_cnn"]
    """Always `residual_cnn`."""
    channels: Annotated[tuple[PositiveWholeNumber, ...], Field(min_length=1)] = (8, 16)
    """Channels of each stage."""
    blocks: Annotated[PositiveWholeNumber, Field(le=1000)] = 1
    """Residual blocks of each stage."""
    kernel: Annotated[PositiveWholeNumber, Field(le=99)] = 3
    """Side of each kernel, an odd number."""
    activation: Activation = "relu"
    """Nonlinearity in the blocks, and before the mean over the image."""

    def normalised(self) -> tuple[int, ...]:
        """Two of each block, and the last."""
        blocks = (channels for channels in self.channels for _ in range(2 * self.blocks))
        return (*blocks, self.channels[-1])

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """Weights and biases of all layers, and gains and biases of their normalisation."""
        square = self.kernel**2
        joints = sum((before * square + 1) * after for before, after in pairwise((input_shape[0], *self.channels)))
        blocks = sum(2 * self.blocks * (channels * square + 1) * channels for channels in self.channels)
        return joints + blocks + (self.channels[-1] + 1) * outputs + self.normalisation_parameters()

    def units(self, input_shape: Sequence[int], outputs: int) -> int:
        """Those of the layers, and the patches of images that convolutions multiply."""
        return sum(number * count for number, count in self._results(input_shape, outputs))

    def widest(self, input_shape: Sequence[int], outputs: int) -> int:
        """The largest of these."""
        return max(number for number, _ in self._results(input_shape, outputs))

    def _results(self, input_shape: Sequence[int], outputs: int) -> list[tuple[int, int]]:
        """Numbers of a result, and how many there are of the same size."""
        if not input_shape:
            return [(outputs, 1)]
        before, height, width = input_shape
        found = [(outputs, 1)]
        for stage, channels in enumerate(self.channels):
            found.append((height * width * before * self.kernel**2, 1))
            if stage > 0:
                height, width = height // 2, width // 2
            here = height * width * channels
            found += [(here * self.kernel**2, 2 * self.blocks), (here, 6 * self.blocks)]
            before = channels
        return found

    def problem(self, input_shape: Sequence[int]) -> str | None:
        """Images that are too small."""
        _, height, width = input_shape
        if min(height, width) >= 2 ** (len(self.channels) - 1):
            return None
        return f"{len(self.channels)} stages leave nothing of images of {height} x {width}; give fewer channels"
