"""Record a tensor function once as a flat list of torch operations and shorten the list.

A step of a small ensemble costs as much in dispatch as in arithmetic. Tracing through `torch.func` transforms removes
their overhead; what is left are views that change nothing, operations done twice, and matrix products in an
orientation that the CPU kernels are slow at. `trace` takes these out. It also replaces activation functions whose CPU
kernels round differently at the end of an array (so that one replica's bits would depend on how many run beside it) by
exact compositions of functions that do not.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch._decomp import get_decompositions
from torch._guards import TracingContext, tracing
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from langevin_sgd import user_code
from langevin_sgd.training import kept_traces, own_operations
from langevin_sgd.training.fixed_arguments import OPENED, Parts, gather_factors, joined, write_over
from langevin_sgd.training.held_arguments import Split
from langevin_sgd.training.traced_products import add_biases, mutates, orient, shape, sum_products

aten = torch.ops.aten

TensorFunction = Callable[..., tuple[torch.Tensor, ...]]

_SAME_VALUE = {aten.detach.default, aten.alias.default, aten.clone.default, aten.lift_fresh_copy.default}
_NEW = {aten.new_full.default, aten.new_zeros.default, aten.new_ones.default}  # read only the type of their argument
_MADE = {aten.full.default, aten.zeros.default, aten.ones.default, aten.scalar_tensor.default}
_RESHAPES = {aten.view.default, aten._unsafe_view.default, aten.reshape.default}
_SQUEEZES = {aten.squeeze.dim, aten.squeeze.dims}
_PARTS = {aten.slice.Tensor, aten.slice_backward.default}  # with the shape of the argument: all of it

_FRESH = {aten._softmax.default, aten.sub.Tensor}  # their results share no memory with anything

# The functions of the torch namespace parse their arguments in C++, three times faster than an operator overload.
_QUICKER = {
    aten.bmm.default: torch.bmm,
    aten.baddbmm.default: torch.baddbmm,
    aten.add.Tensor: torch.add,
    aten.sub.Tensor: torch.sub,
    aten.mul.Tensor: torch.mul,
    aten.div.Tensor: torch.div,
    aten.exp.default: torch.exp,
    aten.tanh.default: torch.tanh,
    aten.relu.default: torch.relu,
    aten.permute.default: torch.permute,
    aten.unsqueeze.default: torch.unsqueeze,
    aten.scatter_add.default: torch.scatter_add,
    aten.erf.default: torch.erf,
    aten.sum.dim_IntList: torch.sum,
    aten.constant_pad_nd.default: torch.constant_pad_nd,
    aten.maximum.default: torch.maximum,
    aten.unbind.int: torch.unbind,
    aten.stack.default: torch.stack,
    aten.unfold.default: torch.Tensor.unfold,
}


def trace(
    function: TensorFunction,
    *examples: torch.Tensor,
    purpose: str = "evaluated under torch.func transforms",
    varying: Sequence[int] | None = None,
) -> Recorded:
    """The same function for arguments of the examples' shapes, dtypes and device, as a short list of operations.

    `function` takes tensors and returns a tuple of tensors; it must not choose its operations by the values in its
    arguments. Results differ from the function's own by rounding only. Raises `UserError` if torch cannot transform the
    network in it, which then "cannot be `purpose`", and what the function raises.

    With the places of those arguments that are `varying` while the others are fixed, it is shortened for that, and has
    `parts`.
    """
    refused = f"the network cannot be {purpose}"
    places = None if varying is None else frozenset(varying)
    key = kept_traces.key(function, examples, places)
    module = kept_traces.find(key)
    if module is None:
        with user_code.transforming(refused):
            record = _record(function, places is not None, *examples)
        captured = any(node.op == "get_attr" for node in record.graph.nodes)
        module = _shortened(record, places)
        if not captured:
            kept_traces.keep(key, module)
    return Recorded(function, module, refused, places)


def _shortened(module: GraphModule, varying: frozenset[int] | None) -> GraphModule:
    graph = module.graph
    if not any(map(mutates, graph.nodes)):
        _shorten(graph)
        add_biases(graph)
        orient(graph)
        _shorten(graph)
        if varying is not None:
            sum_products(graph)
            _shorten(graph)
        _sum_unpermuted(graph)
        if varying is None:
            _write_in_place(graph)
        _keep_constants(module)
        if varying is not None:
            gather_factors(graph, varying)
            write_over(graph, varying)
    for node in graph.nodes:
        if node.target is aten.permute.default and _swaps_the_last_two(node):
            node.target, node.args = getattr, (node.args[0], "mT")  # a property: no arguments to parse
        elif node.target in own_operations.DIRECT:
            node.target = own_operations.DIRECT[node.target]
        elif node.target in _QUICKER:
            node.target = _QUICKER[node.target]
        elif node.target in _RESHAPES:
            node.target = torch.reshape  # a view of the recorded strides may need a copy with the new ones
        elif node.target is aten._softmax.default:
            node.target = torch.softmax
            node.args = node.args[:2]
    graph.lint()
    short = GraphModule(module, graph)
    for node in short.graph.nodes:
        node.meta.clear()  # shapes as tensors, of use to what shortens only
    vars(short).update(short.named_buffers())  # else torch looks for each as long as some operations take
    return short


def _record(function: TensorFunction, opened: bool, *examples: torch.Tensor) -> GraphModule:
    # without a context torch would make a mode, which notes its whole stack, for the shape of every result
    shapes = TracingContext(FakeTensorMode(allow_fallback_kernels=True))
    with sdpa_kernel(SDPBackend.MATH), tracing(shapes):  # the fused attention of the CPU has no rule for vmap
        recorder = make_fx(lambda *arguments: function(*arguments), decomposition_table=_decompositions(opened))
        module: GraphModule = recorder(*examples)
    return module


class Recorded:
    """The shortened record of a function. If it fails, so may a full one: that is the network's fault, and else ours.

    Torch records some operations, such as those of recurrent layers under vmap, to what cannot be run.
    """

    def __init__(
        self, function: TensorFunction, module: GraphModule, refused: str, varying: frozenset[int] | None = None
    ) -> None:
        self.graph = module.graph
        self._parts = None if varying is None else Parts.of(module, varying)
        self._module = module
        self._forward: TensorFunction = module.forward
        self._function, self._refused = function, refused
        self._splits: dict[int, Split] = {}

    def __call__(self, *arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The function's results."""
        try:
            return self._forward(*arguments)
        except Exception:
            self._tell(arguments)
            raise

    def holding(self, held: Sequence[torch.Tensor]) -> TensorFunction:
        """The function of the arguments behind `held`, whose values may change in place: views of them are made once.

        The same bits as of all arguments together.
        """
        split = self._splits.get(len(held))
        if split is None:
            split = self._splits.setdefault(len(held), Split.of(self._module, held))
        views = split.made_of(held)
        if views is None:
            return partial(self, *held)
        forward: TensorFunction = split.rest.forward
        first = (*views, *held)

        def of_the_rest(*arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
            try:
                return forward(*first, *arguments)
            except Exception:
                self._tell((*held, *arguments))
                raise

        return of_the_rest

    def first(self, fixed: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """What the fixed arguments alone decide, of a function that was traced with varying ones."""
        return self._in_parts().first(*fixed)

    def rest(
        self, made: Sequence[torch.Tensor], varying: Sequence[torch.Tensor], fixed: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        """The function's results, from what `first` made of the fixed arguments."""
        try:
            return self._in_parts().rest(*made, *varying)
        except Exception:
            self._tell(joined(fixed, varying, self._in_parts().varying))
            raise

    def _in_parts(self) -> Parts:
        if self._parts is None:
            raise LookupError("the function was traced for no varying arguments")
        return self._parts

    def _tell(self, arguments: tuple[torch.Tensor, ...]) -> None:
        """Raise what a full record says of these arguments, if it fails too."""
        with user_code.transforming(self._refused):
            with torch.inference_mode(False):  # a tensor of that mode cannot be differentiated, but its copy can
                full = _record(self._function, False, *(argument.clone() for argument in arguments))
            full(*arguments)


@cache
def _decompositions(opened: bool) -> dict[Any, Callable[..., Any]]:
    names = ["gelu_backward", "silu", "silu_backward", "softplus", "softplus_backward", "elu", "elu_backward"]
    names += ["mish", "mish_backward", "log_sigmoid_forward", "log_sigmoid_backward", "hardswish", "hardswish_backward"]
    table: dict[Any, Callable[..., Any]] = dict(get_decompositions([getattr(aten, name) for name in names]))
    if opened:
        table.update(get_decompositions(OPENED))
    table[aten.sigmoid.default] = _sigmoid
    table[aten.gelu.default] = _gelu
    table[aten.celu.default] = _celu
    return table


def _sigmoid(x: torch.Tensor) -> torch.Tensor:
    return torch.reciprocal(1.0 + torch.exp(-x))


def _gelu(x: torch.Tensor, *, approximate: str = "none") -> torch.Tensor:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + torch.tanh((2.0 / torch.pi) ** 0.5 * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + torch.erf(x * 0.5**0.5))


def _celu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    return torch.where(x > 0, x, alpha * torch.expm1(x / alpha))


def _shorten(graph: Graph) -> None:
    """Drop operations that change nothing or repeat another, and merge chains of permutations and of reshapes."""
    seen: dict[Any, Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        _normalise(node)
        source = _equal_argument(node)
        if source is None:
            key = _key(node)
            source = seen.setdefault(key, node) if key is not None else node
        if source is not node:
            node.replace_all_uses_with(source)
    graph.eliminate_dead_code()


def _normalise(node: Node) -> None:
    """Write transpositions as permutations, and take a chain of permutations or of reshapes as one."""
    target = node.target
    if target in (aten.transpose.int, aten.t.default):
        dims = list(range(len(shape(node))))
        first, second = node.args[1:] if target is aten.transpose.int else (0, len(dims) - 1)
        assert isinstance(first, int)
        assert isinstance(second, int)
        if dims:
            dims[first], dims[second] = dims[second], dims[first]
        node.target, node.args = aten.permute.default, (node.args[0], dims)
    if node.target is aten.permute.default:
        parent, dims = node.args[0], _positive(node.args[1])
        if isinstance(parent, Node) and parent.target is aten.permute.default:
            inner = _positive(parent.args[1])
            parent, dims = parent.args[0], [inner[dim] for dim in dims]
        node.args = (parent, dims)
    elif target in _RESHAPES | _SQUEEZES:
        if target in _SQUEEZES:
            node.args = (node.args[0], list(shape(node)))
        node.target = aten.reshape.default  # the same one under any name: a copy, if it is one, is made once
        parent = node.args[0]
        if isinstance(parent, Node) and parent.target in _RESHAPES:
            node.args = (parent.args[0], node.args[1])
        elif isinstance(parent, Node) and parent.target is aten.sum.dim_IntList and len(parent.args) == 3:
            # a sum that keeps its axis, reshaped to lose it
            x, axes, _ = parent.args
            assert isinstance(x, Node)
            kept = [n for i, n in enumerate(shape(x)) if i not in _positive(axes, len(shape(x)))]
            if kept == list(shape(node)):
                node.target, node.args = aten.sum.dim_IntList, (x, axes)


def _swaps_the_last_two(node: Node) -> bool:
    order = _positive(node.args[1])
    return len(order) >= 2 and order == [*range(len(order) - 2), len(order) - 1, len(order) - 2]


def _positive(dims: Any, rank: int | None = None) -> list[int]:
    return [dim % (len(dims) if rank is None else rank) for dim in dims]


def _equal_argument(node: Node) -> Node | None:
    """The argument that the node's result equals, if there is one."""
    if not node.args or not isinstance(node.args[0], Node) or "val" not in node.args[0].meta:
        return None
    source = node.args[0]
    if node.target in _SAME_VALUE:
        return source
    if node.target in _RESHAPES or node.target in _PARTS or node.target is aten.expand.default:
        return source if shape(source) == shape(node) else None
    if node.target is aten.permute.default:
        dims = _positive(node.args[1])
        return source if dims == sorted(dims) else None
    if node.target in (aten.mul.Scalar, aten.mul.Tensor, aten.div.Tensor) and node.args[1] == 1:
        return source if source.meta["val"].dtype == node.meta["val"].dtype else None
    return None


def _key(node: Node) -> Any:
    schema = getattr(node.target, "_schema", None)
    if schema is None and node.target is not operator.getitem:
        return None
    if schema is not None and torch.Tag.nondeterministic_seeded in node.target.tags:  # type: ignore[union-attr]
        return None
    return node.target, _hashable(node.args), _hashable(node.kwargs)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((name, _hashable(item)) for name, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in value)
    return type(value), value  # 1, 1.0 and True are equal but not the same argument


def _keep_constants(module: GraphModule) -> None:
    """Make tensors that do not depend on the arguments once, instead of at every call."""
    for number, node in enumerate(module.graph.nodes):
        if node.target not in _NEW | _MADE:
            continue
        args = node.args
        if node.target in _NEW:
            args = (torch.empty(0, dtype=node.meta["val"].dtype, device=node.meta["val"].device), *args[1:])
        name = f"constant_{number}"
        module.register_buffer(name, node.target(*args, **node.kwargs))
        node.op, node.target, node.args, node.kwargs = "get_attr", name, (), {}
    module.graph.eliminate_dead_code()


def _sum_unpermuted(graph: Graph) -> None:
    """Sum over axes of the tensor itself instead of those of its permutation: the same memory in the same order."""
    for node in graph.nodes:
        if node.target is not aten.sum.dim_IntList or len(node.args) != 2 or node.kwargs or not node.args[1]:
            continue
        x, axes = node.args
        if x.target is not aten.permute.default:
            continue
        dims = _positive(x.args[1])
        summed = [dims[axis] for axis in _positive(axes, len(dims))]
        kept = [dim for dim in dims if dim not in summed]
        if kept == sorted(kept):
            node.args = (x.args[0], summed)
    graph.eliminate_dead_code()


def _write_in_place(graph: Graph) -> None:
    """Scatter into a tensor that was made for that alone, and not into a copy of it."""
    for node in graph.nodes:
        if node.target is not aten.scatter_add.default:
            continue
        into = node.args[0]
        if into.target in _FRESH and len(into.users) == 1:
            node.target = torch.Tensor.scatter_add_
