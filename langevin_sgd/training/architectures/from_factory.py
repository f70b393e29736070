"""A torch module from a factory of the user's own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from langevin_sgd import import_path
from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures.module import Module as FactorySection


def build(architecture: FactorySection, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """Call the factory with its arguments, and with `inputs` and `classes` if it takes them.

    `inputs` is an integer where samples are vectors, else the shape; `classes` the number of outputs. Raises
    `UserError` if it fails or returns no module.
    """
    factory = import_path.load(architecture.factory)
    inputs = input_shape[0] if len(input_shape) == 1 else tuple(input_shape)
    offered = {"inputs": inputs, "classes": outputs}
    module = import_path.call(factory, architecture.factory, architecture.arguments, offered)
    if not isinstance(module, nn.Module):
        raise UserError(f"{architecture.factory}: returned {type(module).__name__}; a torch.nn.Module is needed")
    return module
