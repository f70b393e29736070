"""The `mlp` architecture in a config."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.training.architectures.section import ArchitectureSection


class MultilayerPerceptron(ArchitectureSection):
    """A fully connected network with bias in every layer."""

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.fully_connected:with_hidden_layers"
    kind: Literal["mlp"]
    """Always `mlp`."""
    hidden: Annotated[tuple[PositiveWholeNumber, ...], Field(min_length=1)] = (32,)
    """Width of each hidden layer."""
    activation: Literal["tanh", "relu", "gelu"] = "tanh"
    """Nonlinearity between the layers."""

    def parameters(self, inputs: int, outputs: int) -> int:
        """Weights and biases of all layers."""
        return sum((before + 1) * after for before, after in pairwise((inputs, *self.hidden, outputs)))

    def units(self, outputs: int) -> int:
        """Those of the layers."""
        return sum(self.hidden) + outputs
