"""What has been traced in this process is kept: trainings of one architecture differ in numbers, not in their graph.

Tracing costs tens of milliseconds, and a study of a few hundred steps little more. A graph is kept under all that it
was made from, by value: the code of the function and of all functions that it closes over, numbers, losses, networks by
the classes, numbers and shapes of their modules, and the types and shapes of its arguments. What this module cannot
read so makes no key, and its graph is traced anew each time: tensors other than trained parameters, and all code and
classes that are neither this package's nor torch's, which may do otherwise the next time.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule

_KEPT = 256
_LARGEST = 1 << 20  # bytes of constants of a graph that is kept
_OF_FUNCTIONS = ("langevin_sgd.", "torch.")
_OF_CLASSES = ("langevin_sgd.", "torch.nn.modules.")

_graphs: OrderedDict[Hashable, GraphModule] = OrderedDict()
_lock = threading.Lock()


class _Unreadable(Exception):
    """Something that may change what a function does without this module's seeing it."""


def key(
    function: Callable[..., Any], examples: Sequence[torch.Tensor], varying: frozenset[int] | None = None
) -> Hashable | None:
    """All that determines the graph of `function` for such arguments, some of which are varying, or None if that cannot
    be told.
    """
    try:
        made_from = _Reader().read(function)
    except _Unreadable:
        return None
    arguments = tuple(
        (type(x), x.shape, x.stride(), x.dtype, x.device, x.requires_grad, x.is_inference()) for x in examples
    )
    # one tensor given twice is recorded as one argument, which is another graph
    first = tuple(next(at for at, each in enumerate(examples) if each is x) for x in examples)
    return made_from, arguments, first, varying, _surroundings()


def find(key: Hashable | None) -> GraphModule | None:
    """The graph that is kept under a key."""
    with _lock:
        graph = _graphs.get(key)
        if graph is not None:
            _graphs.move_to_end(key)
        return graph


def keep(key: Hashable | None, graph: GraphModule) -> None:
    """Keep a graph, which nobody changes from now on, instead of that which was not asked for the longest."""
    if key is None or sum(each.nbytes for each in graph.buffers()) > _LARGEST:
        return
    with _lock:
        _graphs[key] = graph
        if len(_graphs) > _KEPT:
            _graphs.popitem(last=False)


def forget() -> None:
    """Trace everything anew from now on."""
    with _lock:
        _graphs.clear()


def _surroundings() -> Hashable:
    """Settings of torch that decide which operations are recorded, and the type of tensors made on the way."""
    return (
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
    )


class _Reader:
    """Reads one function. Parameters and objects are numbered as they are met, so that shared ones are told apart."""

    def __init__(self) -> None:
        self._met: dict[int, int] = {}

    def read(self, value: Any) -> Hashable:
        """Something equal for equal values alone. Raises `_Unreadable`."""
        if value is None or isinstance(value, bool | int | str | CodeType | torch.dtype | torch.device):
            return type(value), value
        if isinstance(value, float):
            return float, value.hex()  # 0.0 and -0.0 are equal but not the same
        if isinstance(value, tuple | list):
            return type(value), *(self.read(each) for each in value)
        if isinstance(value, Mapping):
            return type(value), *((self.read(name), self.read(each)) for name, each in value.items())
        if isinstance(value, set | frozenset) and not value:
            return type(value)
        if id(value) in self._met:
            return "met", self._met[id(value)]
        self._met[id(value)] = len(self._met)
        if isinstance(value, nn.Parameter) and value.requires_grad:
            return nn.Parameter, value.shape, value.dtype, value.device
        if isinstance(value, FunctionType) and f"{value.__module__}.".startswith(_OF_FUNCTIONS):
            return self._function(value)
        if type(value).__module__.startswith(_OF_CLASSES) and hasattr(value, "__dict__"):
            return _class(type(value)), self.read(vars(value))
        raise _Unreadable

    def _function(self, function: FunctionType) -> Hashable:
        try:
            closed_over = tuple(cell.cell_contents for cell in function.__closure__ or ())
        except ValueError:  # not assigned yet
            raise _Unreadable from None
        rest = self.read((closed_over, function.__defaults__, function.__kwdefaults__))
        return function.__module__, function.__code__, rest


def _class(kind: type) -> Hashable:
    """A class that is found under its name, with its methods: one that somebody replaced makes another class of it."""
    found: Any = sys.modules[kind.__module__]
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not kind:
        raise _Unreadable
    methods = (each for base in kind.__mro__ for each in vars(base).values() if isinstance(each, FunctionType))
    return kind, *methods
