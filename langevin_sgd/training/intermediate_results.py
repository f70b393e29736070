"""How much a network holds while it is evaluated, and how much it computes, found by evaluating it on a few samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from langevin_sgd.training import own_operations
from langevin_sgd.training.network import Network

_FEW = 4


def widest(network: Network, inputs: Tensor) -> int:
    """Numbers a sample of the largest result on the way from inputs (samples, ...) to outputs, 1 or more."""
    few = inputs[:_FEW]
    with torch.no_grad(), torch.random.fork_rng(devices=[]), _Sizes() as sizes:
        network.module(few)
    largest: int = sizes.largest
    return max(1, largest // len(few))


def forward_operations(network: Network, inputs: Tensor) -> int:
    """Multiplications and additions of the products of one sample's pass from inputs (samples, ...) to outputs.

    Two a weight at least: what is no product of matrices or convolution is not counted.
    """
    few = inputs[:_FEW]
    with torch.no_grad(), torch.random.fork_rng(devices=[]), FlopCounterMode(display=False) as counted:
        network.module(few)
    operations: int = counted.get_total_flops() // len(few)
    return max(2 * network.size, operations)


class _Sizes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, notes the size of the largest tensor that an operation makes: views of others are none."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.largest = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if not any(given.alias_info is not None for given in function._schema.returns):
            made = [value.numel() for value in tree_leaves(result) if isinstance(value, Tensor)]
            self.largest = max(self.largest, *made, 0)
        if (held := own_operations.HELD.get(function)) is not None:
            self.largest = max(self.largest, held(*args))
        return result
