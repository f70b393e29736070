"""Architectures: networks built for the shape of the data, each a section that builds its torch module.

To add one, write its section and add its line to `ARCHITECTURES`. One of the user's own is named in a config as
"module:Class" of the section; a factory of a module without one goes by the kind `module`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from langevin_sgd.config.errors import shown
from langevin_sgd.config.kinds import Kinds
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.training.architectures.section import ArchitectureSection

ARCHITECTURES: Family[type[ArchitectureSection]] = Family(
    "architecture",
    {
        "softmax": "langevin_sgd.training.architectures.softmax:Softmax",
        "linear": "langevin_sgd.training.architectures.linear:LinearMap",
        "mlp": "langevin_sgd.training.architectures.mlp:MultilayerPerceptron",
        "cnn": "langevin_sgd.training.architectures.cnn:ConvolutionalNetwork",
        "residual_cnn": "langevin_sgd.training.architectures.residual_cnn:ResidualNetwork",
        "planted_barriers": "langevin_sgd.training.architectures.planted_barriers:PlantedBarriers",
        "random_features": "langevin_sgd.training.architectures.random_features:RandomFeatures",
        "image_generator": "langevin_sgd.training.architectures.image_generator:ImageGenerator",
        "module": "langevin_sgd.training.architectures.module:Module",
    },
    group="langevin_sgd.architectures",
    is_member=subclass_of(ArchitectureSection),
    needed="a subclass of langevin_sgd.training.ArchitectureSection",
)


def _shorthand(value: Any) -> Any:
    # A bare name is no architecture: say how to write it rather than that a mapping was expected.
    if isinstance(value, str):
        raise ValueError(f"must be a mapping, got {shown(value)}; write {{kind: {value}}}")
    return value


ARCHITECTURE_KINDS = Kinds(ARCHITECTURES, ArchitectureSection, unread=True)
Architecture = Annotated[ArchitectureSection, ARCHITECTURE_KINDS, BeforeValidator(_shorthand)]
