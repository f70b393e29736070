"""Networks: built from the config, and seen as functions of one weight vector."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from langevin_sgd.config import Architecture, MultilayerPerceptron, Softmax
from langevin_sgd.errors import UserError
from langevin_sgd.training import import_path

_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}


def build(architecture: Architecture, input_shape: Sequence[int], classes: int) -> nn.Module:
    """The torch module of a config, for inputs of `input_shape` (without the sample axis) and one output a class.

    A factory of the user's own is called with its arguments, and with `inputs` (an integer where samples are vectors,
    else the shape) and `classes` if it takes them. Raises `UserError` if it fails or returns no module.
    """
    if isinstance(architecture, Softmax | MultilayerPerceptron):
        return _fully_connected(architecture, input_shape, classes)
    factory = import_path.load(architecture.factory)
    inputs = input_shape[0] if len(input_shape) == 1 else tuple(input_shape)
    module = import_path.call(
        factory, architecture.factory, architecture.arguments, {"inputs": inputs, "classes": classes}
    )
    if not isinstance(module, nn.Module):
        raise UserError(f"{architecture.factory}: returned {type(module).__name__}; a torch.nn.Module is needed")
    return module


def _fully_connected(
    architecture: Softmax | MultilayerPerceptron, input_shape: Sequence[int], classes: int
) -> nn.Module:
    hidden = architecture.hidden if isinstance(architecture, MultilayerPerceptron) else ()
    inputs = 1
    for extent in input_shape:
        inputs *= extent
    layers: list[nn.Module] = [] if len(input_shape) == 1 else [nn.Flatten()]
    for before, after in pairwise((inputs, *hidden, classes)):
        layers.append(nn.Linear(before, after))
        if isinstance(architecture, MultilayerPerceptron):
            layers.append(_ACTIVATIONS[architecture.activation]())
    return nn.Sequential(*(layers[:-1] if hidden else layers))


@dataclass(frozen=True)
class Network:
    """A module as a function of its trainable parameters, in the order of `module.parameters()`.

    Frozen parameters and buffers stay what they are in the module. `size` is d, the number of weights.
    """

    module: nn.Module
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, module: nn.Module, *, dtype: torch.dtype, device: str | torch.device = "cpu") -> Network:
        """A copy of the module in the given arithmetic, in training mode."""
        own = copy.deepcopy(module).to(dtype=dtype, device=device).train()
        trainable = [(name, tuple(p.shape)) for name, p in own.named_parameters() if p.requires_grad]
        return cls(own, tuple(name for name, _ in trainable), tuple(shape for _, shape in trainable))

    @property
    def size(self) -> int:
        """d, the number of trainable parameters."""
        return sum(torch.Size(shape).numel() for shape in self.shapes)

    @property
    def sizes(self) -> list[int]:
        """Number of entries of each parameter."""
        return [torch.Size(shape).numel() for shape in self.shapes]

    def outputs(self, parameters: Sequence[Tensor], inputs: Tensor) -> Tensor:
        """Logits (samples, classes) at the given parameters."""
        values = dict(zip(self.names, parameters, strict=True))
        result: Tensor = torch.func.functional_call(self.module, values, (inputs,))
        return result

    def parameters(self, weights: Tensor) -> list[Tensor]:
        """Views of weights (..., d) in the shapes of the parameters."""
        pieces = torch.split(weights, self.sizes, dim=-1)
        leading = weights.shape[:-1]
        return [piece.view(*leading, *shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def flatten(self, parameters: Sequence[Tensor], *, leading: int = 0) -> Tensor:
        """Concatenate parameters, or gradients, behind their `leading` common axes: the inverse of `parameters`."""
        return torch.cat([p.reshape(*p.shape[:leading], -1) for p in parameters], dim=-1)

    def weights(self) -> Tensor:
        """The module's own parameters as a vector (d,)."""
        own = dict(self.module.named_parameters())
        return self.flatten([own[name].detach() for name in self.names])


def check(module: nn.Module, inputs: Tensor, classes: int, *, name: str) -> None:
    """Refuse modules whose loss is not a sum over samples of one deterministic function of weights and sample.

    That sum is what the theory of minibatch noise is about: it excludes batch normalisation, dropout and running
    statistics. `inputs` are a few samples in float64 (or integers). Raises `UserError` with what to use instead.
    """
    network = Network.of(module, dtype=torch.float64)
    if network.size == 0:
        raise UserError(f"{name}: the module has no trainable parameters")
    few = inputs[:4]
    before = {key: value.clone() for key, value in network.module.named_buffers()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            first = network.module(few)
            again = network.module(few)
        except Exception as error:
            shape = tuple(few.shape)
            told = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise UserError(f"{name}: the module fails on inputs of shape {shape}: {told}") from error
        changed = [key for key, value in network.module.named_buffers() if not _same(value, before.get(key))]
        if changed:
            raise UserError(
                f"{name}: the module updates its buffer {changed[0]} as it runs, so its loss depends on history; "
                "use a layer without running statistics, such as LayerNorm or GroupNorm for BatchNorm"
            )
        if not isinstance(first, Tensor) or tuple(first.shape) != (len(few), classes):
            got: Any = tuple(first.shape) if isinstance(first, Tensor) else type(first).__name__
            raise UserError(f"{name}: the module returns {got} for {len(few)} samples; {(len(few), classes)} is needed")
        if not _same(first, again):
            raise UserError(
                f"{name}: the module gives different outputs for the same input; leave out dropout and other random "
                "layers, since all randomness must come from the minibatches"
            )
        part = network.module(few[:2])
        if not torch.allclose(part, first[:2], rtol=1e-9, atol=1e-9):
            raise UserError(
                f"{name}: the output for one sample depends on the others of its batch; "
                "use LayerNorm or GroupNorm for BatchNorm"
            )


def _same(a: Tensor, b: Tensor | None) -> bool:
    return b is not None and a.shape == b.shape and torch.equal(a, b)
