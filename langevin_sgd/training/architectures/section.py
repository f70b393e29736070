"""What a kind of architecture tells the config: its keys, its size, and what builds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from langevin_sgd.config.fields import Section
from langevin_sgd.families import imported

if TYPE_CHECKING:
    from torch import nn


class ArchitectureSection(Section):
    """The base of all kinds of architecture; a kind overrides what is different with it, and nothing else names it."""

    BUILD: ClassVar[str]
    """The function that builds it, "module:function" of (section, input_shape, outputs), imported then; see `build`."""
    kind: str

    def build(self, input_shape: Sequence[int], outputs: int) -> nn.Module:
        """The torch module in float32 on the CPU, for samples of `input_shape` and so many outputs.

        Its weights are drawn by torch's random functions, whose numbers are then taken from the study's own generator.
        """
        function: Callable[[ArchitectureSection, Sequence[int], int], nn.Module] = imported(self.BUILD)
        return function(self, input_shape, outputs)

    def parameters(self, inputs: int, outputs: int) -> int | None:
        """d, the number of its weights for so many numbers a sample, where that is known before it is built."""
        return None

    def units(self, outputs: int) -> int:
        """Numbers that it holds for each sample while it is evaluated, as far as known: its activations."""
        return outputs

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return (self.kind,) if ":" in self.kind else ()
