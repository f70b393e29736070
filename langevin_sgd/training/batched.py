"""Functions of one network's parameters for many networks at once, or one after the other where torch cannot do that.

Torch cannot evaluate every module under `torch.func.vmap`: not recurrent layers in float32, and nothing that chooses
what it does by the numbers that it computes. Such networks are evaluated one by one, in the threads that replicas are
shared out to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from langevin_sgd.errors import UserError
from langevin_sgd.training.fixed_arguments import joined
from langevin_sgd.training.network import Network
from langevin_sgd.training.tracing import Recorded, TensorFunction, trace

Make = Callable[[Network], TensorFunction]
"""Of a network the function of one network's tensors, each of which has no axis for replicas."""


def batched(
    make: Make, network: Network, *examples: Tensor, purpose: str, varying: Sequence[int] | None = None
) -> Batched:
    """The function for tensors with an axis of replicas before all others; `varying` as for `trace`.

    Raises `UserError` as `trace` does if the network cannot be evaluated one by one either.
    """
    try:
        traced = trace(torch.func.vmap(make(network)), *examples, purpose=purpose, varying=varying)
        with torch.inference_mode():
            traced(*examples)  # recurrent layers are recorded to what cannot be run
    except UserError as refused:
        one_by_one = OneByOne(make, network, refused, () if varying is None else varying)
        try:
            one_by_one(*(each[:1] for each in examples))
        except Exception:
            raise refused from None
        return one_by_one
    return traced


class OneByOne:
    """Evaluates replica after replica. `refused` says why they are not evaluated at once.

    As a function of `varying` arguments, by their places, it makes nothing beforehand of the fixed ones.
    """

    def __init__(self, make: Make, network: Network, refused: UserError, varying: Sequence[int] = ()) -> None:
        self.refused, self._varying = refused, frozenset(varying)
        self._make, self._network = make, network
        self._own, self._lock = threading.local(), threading.Lock()

    def __call__(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """One result a replica, stacked."""
        function = self._of_this_thread()
        with torch.inference_mode(False):  # a tensor of that mode cannot be differentiated, but its copy can
            rows = [function(*(each[row].clone() for each in arguments)) for row in range(len(arguments[0]))]
            return tuple(torch.stack([part.detach() for part in parts]) for parts in zip(*rows, strict=True))

    def holding(self, held: Sequence[Tensor]) -> TensorFunction:
        """The function of the arguments behind `held`, whose values may change in place."""
        return partial(self, *held)

    def first(self, fixed: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The fixed arguments."""
        return tuple(fixed)

    def rest(self, made: Sequence[Tensor], varying: Sequence[Tensor], fixed: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The function's results."""
        return self(*joined(fixed, varying, self._varying))

    def _of_this_thread(self) -> TensorFunction:
        """A network of its own: to be evaluated at other parameters it holds them for a moment."""
        if not hasattr(self._own, "function"):
            with self._lock:
                module = next(self._network.module.parameters())
                copied = Network.of(self._network.module, dtype=module.dtype, device=module.device)
            self._own.function = self._make(copied)
        function: TensorFunction = self._own.function
        return function


Batched: TypeAlias = Recorded | OneByOne
"""What `batched` makes."""
