"""The `random_features` architecture in a config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from langevin_sgd.config.fields import PositiveWholeNumber
from langevin_sgd.training.architectures.section import ArchitectureSection


class RandomFeatures(ArchitectureSection):
    """z = V h + b, h_j = sqrt(2/N) relu(u_j . x/sqrt(n)) for n inputs: u_j normal and fixed, V and b are trained.

    A network of one hidden layer whose first layer stays as it was drawn (Rahimi and Recht 2007): linear in what is
    trained. The u_j are those of replica 0, for all replicas.
    """

    BUILD: ClassVar[str] = "langevin_sgd.training.architectures.fixed_features:build"
    kind: Literal["random_features"]
    """Always `random_features`."""
    features: PositiveWholeNumber
    """N."""

    def parameters(self, input_shape: Sequence[int], outputs: int) -> int:
        """V and b."""
        return (self.features + 1) * outputs

    def units(self, input_shape: Sequence[int], outputs: int) -> int:
        """Features and outputs."""
        return self.features + outputs

    def widest(self, input_shape: Sequence[int], outputs: int) -> int:
        """The features, mostly."""
        return max(self.features, outputs)
