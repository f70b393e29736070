"""Initial weights from the counter-based generator, with the distributions that a module's own code asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from langevin_sgd.config.errors import FaultWithin
from langevin_sgd.errors import UserError
from langevin_sgd.random_numbers import streams as random_numbers
from langevin_sgd.random_numbers.streams import Stream
from langevin_sgd.training.state_changes import same

aten = torch.ops.aten


def build_with_seed(factory: Callable[[], nn.Module], seed: int, replica: int) -> nn.Module:
    """Call `factory` with every random tensor that it draws taken from the INITIAL_WEIGHTS stream of `replica`.

    Whatever a module's constructor does with torch's random functions (for Linear and convolutions uniform in
    +-1/sqrt(fan_in); `torch.nn.init.*`; or its own) is done with these numbers instead: the n-th call draws its k-th
    number from counter (step n, component k). The state of torch's own generator is neither read nor changed. Uniform
    and normal draws, random integers and permutations are covered; anything else raises `UserError`.
    """
    with _Drawn(seed, replica):
        return factory()


def weights(
    factory: Callable[[], nn.Module], flatten: Callable[[nn.Module], Tensor], seed: int, replicas: Sequence[int]
) -> Tensor:
    """Initial weight vectors of the given replicas, shape (replica, d): each is that of a module built for it.

    Raises `UserError` if several replicas are given and all get the same.
    """
    rows = [flatten(build_with_seed(factory, seed, replica)) for replica in replicas]
    for row in rows:
        refuse_other_size(row, len(rows[0]))
    stacked = torch.stack(rows)
    if len(set(replicas)) > 1 and same(stacked, rows[0].expand_as(stacked)):
        raise FaultWithin(
            ("start",),
            "independent needs weights of its own for every replica, and the network's constructor returns the "
            "same at every call; draw them there with torch.nn.init, or give start: shared",
        )
    return stacked


def refuse_unrepeatable(module: nn.Module, factory: Callable[[], nn.Module], seed: int) -> None:
    """Raise `UserError` unless `factory` makes again the numbers of `module`, made with replica 0's random numbers.

    What it draws from numpy, from Python's `random` or from the time is another draw in every run and after a resume.
    """
    first, second = (dict(_tensors(made)) for made in (module, build_with_seed(factory, seed, 0)))
    for name, tensor in first.items():
        if name in second and second[name].shape == tensor.shape and not same(second[name], tensor):
            raise UserError(
                f"the network's constructor gives {name} other numbers at a second call; draw them with torch, by "
                "torch.nn.init or torch.randn, so that they can be taken from the study's own generator"
            )


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if not nn.parameter.is_lazy(tensor) and tensor.layout is torch.strided and not tensor.is_meta:
            yield name, tensor.detach()


def size_of(module: nn.Module) -> int:
    """The number of weights of a module; those of layers that do not know theirs yet do not count."""
    return sum(parameter.numel() for parameter in module.parameters() if not nn.parameter.is_lazy(parameter))


def refuse_other_size(weights: Tensor, size: int) -> None:
    """Raise `UserError` unless the weights (..., d) of one call of a constructor are as many as those of another."""
    if weights.shape[-1] != size:
        raise UserError(
            f"the network's constructor returns {size} weights at one call and {weights.shape[-1]} at another; let it "
            "depend on its arguments alone"
        )


class _Drawn(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, torch's random operations take their numbers from one trajectory of the generator."""

    def __init__(self, seed: int, replica: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seed = seed
        self._replica = replica
        self._calls = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in function.tags:
            return function(*args, **kwargs)
        kwargs.pop("generator", None)
        packet = function.overloadpacket
        if packet in (aten.uniform_, aten.normal_):
            target, first, second = _arguments(args, kwargs, first=0.0, second=1.0)
            return target.copy_(self._fill(target.shape, target.dtype, packet is aten.normal_, first, second))
        if packet in (aten.rand, aten.randn):
            (size,) = args
            return self._new(size, packet is aten.randn, kwargs)
        if packet in (aten.rand_like, aten.randn_like):
            (like,) = args
            return self._new(like.shape, packet is aten.randn_like, {"dtype": like.dtype, **kwargs})
        if packet in (aten.randint, aten.randperm):
            return self._integers(packet, args, kwargs)
        raise UserError(
            f"the network's constructor draws random numbers with {function}; use uniform_ or normal_ of torch.nn.init "
            "instead, so that they can be taken from the study's own generator"
        )

    def _fill(
        self, size: Sequence[int], dtype: torch.dtype, normal: bool, first: float | Tensor, second: float | Tensor
    ) -> Tensor:
        """Uniform in [first, second), or normal with mean `first` and standard deviation `second`."""
        count = int(np.prod(size, dtype=np.int64))
        call = [self._next()]
        if normal:
            drawn = random_numbers.normals(
                self._seed, trajectories=[self._replica], steps=call, components=count, stream=Stream.INITIAL_WEIGHTS
            )
            values = torch.from_numpy(drawn.reshape(tuple(size)))
            return (first + second * values).to(dtype)
        words = random_numbers.words(
            self._seed, trajectories=[self._replica], steps=call, components=count, stream=Stream.INITIAL_WEIGHTS
        )
        unit = torch.from_numpy((words.astype(np.float64) + 0.5).reshape(tuple(size)) * 2.0**-32)
        return (first + (second - first) * unit).to(dtype)

    def _new(self, size: Sequence[int], normal: bool, options: dict[str, Any]) -> Tensor:
        dtype = options.get("dtype") or torch.get_default_dtype()
        filled = self._fill(size, dtype, normal, 0.0, 1.0)
        device = options.get("device")
        return filled if device is None else filled.to(device)

    def _integers(self, packet: Any, args: Sequence[Any], options: dict[str, Any]) -> Tensor:
        replica, call = [self._replica], [self._next()]
        dtype = options.get("dtype") or torch.int64
        if packet is aten.randperm:
            drawn = random_numbers.permutations(
                self._seed, trajectories=replica, steps=call, size=int(args[0]), stream=Stream.INITIAL_WEIGHTS
            )
            return torch.from_numpy(drawn[0, 0]).to(dtype)
        low, high, size = (0, *args) if len(args) == 2 else args
        count = int(np.prod(size, dtype=np.int64))
        drawn = random_numbers.integers(
            self._seed,
            trajectories=replica,
            steps=call,
            components=count,
            upper=int(high) - int(low),
            stream=Stream.INITIAL_WEIGHTS,
        )
        return torch.from_numpy(low + drawn.reshape(tuple(size))).to(dtype)

    def _next(self) -> int:
        self._calls += 1
        return self._calls - 1


def _arguments(args: Sequence[Any], kwargs: dict[str, Any], *, first: float, second: float) -> tuple[Any, Any, Any]:
    """(tensor, from or mean, to or std) of uniform_ and normal_."""
    named = {"from": first, "to": second, "mean": first, "std": second, **kwargs}
    target, *given = args
    a = given[0] if given else (kwargs.get("from", named["mean"]))
    b = given[1] if len(given) > 1 else (kwargs.get("to", named["std"]))
    return target, a, b
