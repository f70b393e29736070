"""An architecture: one linear layer without bias."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from langevin_sgd.training.architectures.section import ArchitectureSection

if TYPE_CHECKING:
    from torch import nn


class Plain(ArchitectureSection):
    """z = W x."""

    def build(self, input_shape: Sequence[int], outputs: int) -> "nn.Module":
        """A layer for samples that are vectors."""
        from torch import nn

        return nn.Linear(input_shape[0], outputs, bias=False)

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """The entries of W."""
        return input_shape[0] * outputs
