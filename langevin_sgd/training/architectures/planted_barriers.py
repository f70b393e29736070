"""The `planted_barriers` architecture in a config: a network whose loss is known to have barriers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from langevin_sgd.config.fields import Magnitude, PositiveNumber, PositiveWholeNumber
from langevin_sgd.families import imported
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron

if TYPE_CHECKING:
    from torch import Tensor, nn

    from langevin_sgd.training.losses.loss import Loss


class PlantedBarriers(MultilayerPerceptron):
    """An mlp and one more output: the sum of smooth Sinai potentials of the weights along random lines.

    With `loss: cross_entropy_plus_energy` that is added to the loss of every sample, so that noise has barriers to
    cross: a training whose answer is known.
    """

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.sinai_lines:with_planted_barriers"
    kind: Literal["planted_barriers"]  # type: ignore[assignment]
    """Always `planted_barriers`."""
    lines: PositiveWholeNumber = 48
    """Random lines through the start, at right angles, each with a potential of its own."""
    amplitude: PositiveNumber = 0.1
    """A: E[(V(s) - V(s'))^2] = A |s - s'| along each line, in energy^2 per length."""
    shortest: PositiveNumber = 1.0
    """Shortest wavelength along a line, below which V is smooth."""
    longest: PositiveNumber = 100.0
    """Longest wavelength."""
    offset: Magnitude = 0.0012
    """Distance of the start from the top of a hill of the whole loss along each line. About the reach of noise while it
    comes down, the root of learning rate x variance of a sample's gradient along the line / (2 x batch size x
    curvature), so that some replicas come down on the other side. Much smaller, and descent without noise lingers on
    the tops: the response to noise is amplified for longer, also along soft directions."""

    def settle(self, module: nn.Module, inputs: Tensor, targets: Tensor, loss: Loss) -> None:
        """Find those tops."""
        imported("langevin_sgd.training.architectures.sinai_lines:on_hills_of_the_loss")(module, inputs, targets, loss)

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """Those of the mlp alone."""
        return super().parameters(input_shape, outputs - 1)

    def units(self, input_shape: Sequence[int], outputs: int) -> int:
        """Those of the mlp, and the waves."""
        return super().units(input_shape, outputs - 1) + self.lines

    def problem(self, input_shape: Sequence[int]) -> str | None:
        """Wavelengths in the wrong order."""
        if not self.shortest < self.longest:
            return f"shortest: {self.shortest:g} must be below longest: {self.longest:g}"
        return super().problem(input_shape)
