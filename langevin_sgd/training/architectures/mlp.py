"""The `mlp` architecture in a config."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults
from langevin_sgd.config.fields import PositiveNumber, PositiveWholeNumber
from langevin_sgd.training.architectures.layered import LayeredSection


class MultilayerPerceptron(LayeredSection):
    """A fully connected network with bias in every layer."""

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.fully_connected:with_hidden_layers"
    kind: Literal["mlp"]
    """Always `mlp`."""
    hidden: Annotated[tuple[PositiveWholeNumber, ...], Field(min_length=1)] = (32,)
    """Width of each hidden layer."""
    initialisation: Literal["standard", "ntk"] = "standard"
    """standard: z = W x + b, all entries uniform in +-1/sqrt(n) for n inputs of the layer, as torch has it.
    ntk: z = W x / sqrt(n) + beta b, all entries standard normal (Jacot, Gabriel and Hongler 2018), so that the descent
    has a limit at infinite width."""
    beta: PositiveNumber = 0.1
    """What biases are multiplied by, with initialisation: ntk alone."""

    def _faults(self) -> Faults:
        if self.beta != type(self).model_fields["beta"].default and self.initialisation != "ntk":
            yield ("beta",), f"belongs to initialisation: ntk, and here it is {self.initialisation}; remove it"
        yield from super()._faults()

    def normalised(self) -> tuple[int, ...]:
        """The hidden layers."""
        return self.hidden

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """Weights and biases of all layers, and gains and biases of their normalisation."""
        layers = pairwise((math.prod(input_shape), *self.hidden, outputs))
        return sum((before + 1) * after for before, after in layers) + self.normalisation_parameters()

    def units(self, input_shape: Sequence[int], outputs: int) -> int:
        """Those of the layers."""
        return sum(self.hidden) + outputs

    def widest(self, input_shape: Sequence[int], outputs: int) -> int:
        """The widest layer."""
        return max(*self.hidden, outputs)
