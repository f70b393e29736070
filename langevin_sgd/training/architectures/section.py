"""What a kind of architecture tells the config: its keys, its size, and what builds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from langevin_sgd.config.fields import Section
from langevin_sgd.families import imported
from langevin_sgd.training.data.section import DataSection

if TYPE_CHECKING:
    from torch import Tensor, nn

    from langevin_sgd.training.losses.loss import Loss


MIXED = "with batch statistics the loss of a minibatch is no sum over samples"
"""What is said where such a sum is needed."""


def no_images(kind: str, inputs: int, data: str) -> str:
    """What is said to an architecture of images where samples are none."""
    return (
        f"{kind} takes images, and samples of {data} are vectors of {inputs} numbers; take another kind, such as mlp, "
        "or give them as (samples, channels, height, width)"
    )


class ArchitectureSection(Section):
    """The base of all kinds of architecture; a kind overrides what is different with it, and nothing else names it."""

    BUILD: ClassVar[str]
    """The function that builds it, "module:function" of (section, input_shape, outputs), imported then; see `build`."""
    IMAGES: ClassVar[bool] = False
    """Whether it takes images: its samples then arrive as (channels, height, width), also those of a flat data set."""
    kind: str

    def input_shape(self, data: DataSection) -> tuple[int, ...]:
        """The shape of a sample of a data set as `build` gets it; empty where that is not known before it is loaded."""
        shape = data.shape()
        if shape is None:
            return ()
        return (data.image() or ()) if self.IMAGES else (shape.inputs,)

    def refusal(self, data: DataSection) -> str | None:
        """Why it does not go with a data set, as far as that is known before it is loaded; None if it does."""
        shape, taken = data.shape(), self.input_shape(data)
        if shape is not None and not taken:
            return no_images(self.kind, shape.inputs, data.name)
        return self.problem(taken) if taken else None

    def build(self, input_shape: Sequence[int], outputs: int) -> nn.Module:
        """The torch module in float32 on the CPU, for samples of `input_shape` and so many outputs.

        Its weights are drawn by torch's random functions, whose numbers are then taken from the study's own generator.
        """
        function: Callable[[ArchitectureSection, Sequence[int], int], nn.Module] = imported(self.BUILD)
        return function(self, input_shape, outputs)

    def settle(self, module: nn.Module, inputs: Tensor, targets: Tensor, loss: Loss) -> None:
        """Change what it built by the training samples, inputs in float64 on the CPU, and the loss: nothing, here.

        Called after each `build`, under the same random numbers.
        """

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int | None:
        """d, the number of its weights for samples of that shape, where it is known before it is built."""
        return None

    def units(self, input_shape: Sequence[int], outputs: int) -> int:
        """Numbers that it holds for each sample while it is evaluated, as far as known: its activations.

        The shape is empty where that of the samples is not known yet.
        """
        return outputs

    def widest(self, input_shape: Sequence[int], outputs: int) -> int:
        """Those of them that are one tensor, the largest on the way; all of them where that is not known."""
        return self.units(input_shape, outputs)

    def mixes_samples(self) -> bool:
        """Whether an output depends on the other samples of a minibatch, as with batch normalisation."""
        return False

    def problem(self, input_shape: Sequence[int]) -> str | None:
        """Why it cannot be built for samples of that shape; None if it can."""
        return None

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return (self.kind,) if ":" in self.kind else ()
