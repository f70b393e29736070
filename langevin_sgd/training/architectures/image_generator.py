"""The `image_generator` architecture in a config."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.training.architectures.convolutional import ConvolutionalSection
from langevin_sgd.training.architectures.layered import Activation


class ImageGenerator(ConvolutionalSection):
    """An image made of a smaller one: doublings in height and width, each with a convolution and a nonlinearity.

    Pixels are doubled as they are; a last convolution makes one channel of what there is, whose pixels are the outputs.
    With `sample_image` it is a deep image prior (Ulyanov, Vedaldi and Lempitsky 2017), without their first half.
    """

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.convolution_layers:image_generator"
    kind: Literal["image_generator"]
    """Always `image_generator`."""
    channels: Annotated[tuple[PositiveWholeNumber, ...], Field(min_length=1, max_length=10)] = (32, 32)
    """Kernels of each convolution, one a doubling."""
    kernel: Annotated[PositiveWholeNumber, Field(le=99)] = 3
    """Side of each kernel, an odd number; zeros around an image keep its size."""
    activation: Activation = "relu"
    """Nonlinearity behind each convolution but the last."""

    def normalised(self) -> tuple[int, ...]:
        """All but the last."""
        return self.channels

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """Weights and biases, and gains and biases of their normalisation."""
        kernels = pairwise((input_shape[0], *self.channels, 1))
        return sum((a * self.kernel**2 + 1) * b for a, b in kernels) + self.normalisation_parameters()

    def units(self, input_shape: Sequence[int], outputs: int) -> int:
        """Those of the layers, and the patches of images that convolutions multiply."""
        return sum(self._results(input_shape, outputs))

    def widest(self, input_shape: Sequence[int], outputs: int) -> int:
        """The largest of these."""
        return max(self._results(input_shape, outputs))

    def _results(self, input_shape: Sequence[int], outputs: int) -> list[int]:
        if not input_shape:
            return [outputs]
        depth, found = len(self.channels), []
        for layer, (a, b) in enumerate(pairwise((input_shape[0], *self.channels, 1)), 1):
            pixels = max(1, outputs // 4 ** max(0, depth - layer))
            found += [pixels * a * self.kernel**2, pixels * b]
        return found
