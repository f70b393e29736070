"""Keys that architectures of convolutions have in common."""

from __future__ import annotations

from typing import ClassVar

from langevin_sgd.config.errors import Faults
from langevin_sgd.training.architectures.layered import LayeredSection


class ConvolutionalSection(LayeredSection):
    """The base of architectures of convolutions, which take images."""

    IMAGES: ClassVar[bool] = True
    kernel: int

    def keeps_sides(self) -> bool:
        """Whether zeros around an image keep its size in a convolution."""
        return True

    def _faults(self) -> Faults:
        yield from super()._faults()
        if self.keeps_sides() and self.kernel % 2 == 0:
            yield ("kernel",), f"must be odd, got {self.kernel}, so that zeros around an image can keep its size"
