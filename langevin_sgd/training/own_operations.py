"""Operations that torch does not have, defined so that it can batch and record them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

DIRECT: dict[Any, Callable[..., Any]] = {}
"""Of each operation the function itself, which a record calls without asking torch which one to take."""


def define(name: str, function: Callable[..., Any], empty: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as the operation langevin_sgd::`name`, one node of a record.

    It takes tensors and whole numbers, and treats all axes of a tensor before those that it is about alike: one for
    replicas goes before them. Its results are new tensors; `empty` makes such ones of the same arguments, of any
    content. To be differentiated it belongs into a `torch.autograd.Function`.
    """
    operation = torch.library.custom_op(f"langevin_sgd::{name}", function, mutates_args=())
    operation.register_fake(empty)

    def of_replicas(info: Any, axes: tuple[int | None, ...], *arguments: Any) -> Any:
        first = (_with_replicas(info.batch_size, axis, each) for axis, each in zip(axes, arguments, strict=True))
        results = operation(*first)
        return results, 0 if isinstance(results, Tensor) else (0,) * len(results)

    operation.register_vmap(of_replicas)
    DIRECT[getattr(torch.ops.langevin_sgd, name).default] = function
    return operation


def _with_replicas(replicas: int, axis: int | None, argument: Any) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    return argument.expand(replicas, *argument.shape) if axis is None else argument.movedim(axis, 0)
