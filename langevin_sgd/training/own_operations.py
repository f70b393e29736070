"""Operations that torch does not have, defined so that it can batch and record them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

DIRECT: dict[Any, Callable[..., Any]] = {}
"""Of each operation the function itself, which a record calls without asking torch which one to take."""
HELD: dict[Any, Callable[..., int]] = {}
"""Of some how many numbers they make on the way to their results, at most, from the same arguments."""


def define(
    name: str,
    function: Callable[..., Any],
    empty: Callable[..., Any],
    *,
    held: Callable[..., int] | None = None,
    products: Callable[..., int] | None = None,
) -> Callable[..., Any]:
    """`function` as the operation langevin_sgd::`name`, one node of a record.

    It takes tensors and whole numbers, and treats all axes of a tensor before those that it is about alike: one for
    replicas goes before them. Its results are new tensors; `empty` makes such ones of the same arguments, of any
    content. To be differentiated it belongs into a `torch.autograd.Function`. Of the same arguments `held` tells how
    many numbers are made on the way, if these may be more than the results, and `products` the multiplications.
    """
    operation = torch.library.custom_op(f"langevin_sgd::{name}", function, mutates_args=())
    operation.register_fake(empty)

    def of_replicas(info: Any, axes: tuple[int | None, ...], *arguments: Any) -> Any:
        first = (_with_replicas(info.batch_size, axis, each) for axis, each in zip(axes, arguments, strict=True))
        results = operation(*first)
        return results, 0 if isinstance(results, Tensor) else (0,) * len(results)

    operation.register_vmap(of_replicas)
    packet = getattr(torch.ops.langevin_sgd, name)
    DIRECT[packet.default] = function
    if held is not None:
        HELD[packet.default] = held
    if products is not None:
        count = products
        register_flop_formula(packet, get_raw=True)(lambda *given, out_val=None, **_: 2 * count(*given))
    return operation


def _with_replicas(replicas: int, axis: int | None, argument: Any) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    return argument.expand(replicas, *argument.shape) if axis is None else argument.movedim(axis, 0)
