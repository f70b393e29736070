"""A network as a function of one weight vector."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from langevin_sgd import user_code


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
        own = user_code.call("the module cannot be copied", copy.deepcopy, module)
        user_code.call("the module cannot be converted", own.to, dtype=dtype, device=device)
        user_code.call("the module cannot be put into training mode", own.train)
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
        result: Tensor = user_code.call("the network fails", torch.func.functional_call, self.module, values, (inputs,))
        return result

    def parameters(self, weights: Tensor) -> list[Tensor]:
        """Views of weights (..., d) in the shapes of the parameters."""
        pieces = torch.split(weights, self.sizes, dim=-1)
        leading = weights.shape[:-1]
        return [piece.view((*leading, *shape)) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def flatten(self, parameters: Sequence[Tensor], *, leading: int = 0) -> Tensor:
        """Concatenate parameters, or gradients, behind their `leading` common axes: the inverse of `parameters`."""
        return torch.cat([p.reshape(*p.shape[:leading], -1) for p in parameters], dim=-1)

    def weights(self) -> Tensor:
        """The module's own parameters as a vector (d,)."""
        own = dict(self.module.named_parameters())
        return self.flatten([own[name].detach() for name in self.names])
