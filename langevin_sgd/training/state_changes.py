"""What a module writes to as it runs, other than what it has made itself in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_FRESH = {torch.ops.aten.lift_fresh.default, torch.ops.aten.lift_fresh_copy.default}  # of a tensor just made in Python


def written(module: nn.Module, run: Callable[[], Tensor], inputs: Tensor) -> tuple[Tensor, list[str]]:
    """What `run`, a call of the module with `inputs`, returns, and the names of what it wrote to.

    These are "its parameter 0.weight", "its buffer 1.running_mean", "its inputs" or "a tensor that it keeps". An
    operation that writes counts whether it changes a number this time or not: an embedding with max_norm rescales only
    rows that have grown too long. A parameter or buffer counts too if its numbers are others afterwards, or if another
    one stands in its place.
    """
    before = {name: (tensor, tensor.detach().clone()) for name, tensor in _named(module).items()}
    with _Writes() as writes:
        outputs = run()
    after = _named(module)
    found = [
        name
        for name, (tensor, values) in before.items()
        if after.get(name) is not tensor or not same(tensor.detach(), values)
    ]
    found += [name for name in after if name not in before]
    storages = {_storage(tensor): name for name, (tensor, _) in before.items()} | {_storage(inputs): "its inputs"}
    found += [storages.get(storage, "a tensor that it keeps") for storage in writes.found]
    return outputs, list(dict.fromkeys(found))


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same numbers; NaN is NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(((a == b) | ((a != a) & (b != b))).all())


def numbers(module: nn.Module) -> dict[str, float | str]:
    """Python's own numbers and words that a module and its parts have as attributes, as "its number 0.calls"."""
    return {
        f"its number {f'{part}.' if part else ''}{key}": value
        for part, own in module.named_modules()
        for key, value in vars(own).items()
        if type(value) in (bool, int, float, str)
    }


def _named(module: nn.Module) -> dict[str, Tensor]:
    parameters = {f"its parameter {name}": tensor for name, tensor in module.named_parameters()}
    return parameters | {f"its buffer {name}": tensor for name, tensor in module.named_buffers()}


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class _Writes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, notes the storages written to that no operation before has made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[int] = []
        self._made: set[int] = set()
        self._given: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        for tensor in _tensors((args, kwargs)):
            if _storage(tensor) not in self._made and function not in _FRESH:
                self._given.add(_storage(tensor))
        for position, argument in enumerate(function._schema.arguments):
            if argument.alias_info is None or not argument.alias_info.is_write:
                continue
            value = args[position] if position < len(args) else kwargs.get(argument.name)
            self.found += [_storage(tensor) for tensor in _tensors(value) if _storage(tensor) in self._given]
        result = function(*args, **kwargs)
        self._made |= {_storage(tensor) for tensor in _tensors(result)} - self._given
        return result


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor) and value.layout is torch.strided]
