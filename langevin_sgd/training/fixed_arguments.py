"""A recorded function in two parts: what its fixed arguments alone decide, made once, and the rest.

A product of a Hessian at some weights with a direction needs the activations and slopes at these weights, and Lanczos
iteration makes dozens of such products at the same ones. In the rest factors that are fixed are multiplied together
beforehand, and results that nobody else reads are written over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from langevin_sgd.training.traced_products import mutates, shape

aten = torch.ops.aten

OPENED = [aten.tanh_backward, aten.sigmoid_backward, aten.threshold_backward]
"""Operations of a fixed and of a varying tensor that are recorded as what they are made of, part of which is fixed."""

_IN_PLACE: dict[Any, Callable[..., Tensor]] = {
    aten.mul.Tensor: torch.Tensor.mul_,
    aten.add.Tensor: torch.Tensor.add_,
    aten.sub.Tensor: torch.Tensor.sub_,
    aten.addmm.default: torch.Tensor.addmm_,
    aten.baddbmm.default: torch.Tensor.baddbmm_,
}
_OWN = {*_IN_PLACE, *_IN_PLACE.values(), aten.mm.default, aten.bmm.default, aten._softmax_backward_data.default}
"""Results of these are in memory of their own, or in that of a result that they write over."""


def depending(graph: Graph, varying: Collection[int]) -> set[Node]:
    """The nodes whose values follow from those of the `varying` arguments, by their places.

    All but arguments, if the function itself writes into tensors.
    """
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    found = {placeholders[place] for place in varying}
    if any(map(mutates, graph.nodes)):
        return found | {node for node in graph.nodes if node.op == "call_function"}
    for node in graph.nodes:
        if any(each in found for each in node.all_input_nodes):
            found.add(node)
    return found


def gather_factors(graph: Graph, varying: Collection[int]) -> None:
    """(v a) b -> v (a b) for fixed a and b, if (v a) is used nowhere else."""
    changing = depending(graph, varying)
    for node in graph.nodes:
        outer = _factors(node, changing)
        inner = None if outer is None else _factors(outer[0], changing)
        if outer is None or inner is None or len(outer[0].users) != 1:
            continue
        (_, last), (v, first) = outer, inner
        with graph.inserting_before(node):
            both = graph.call_function(aten.mul.Tensor, (first, last))
            both.meta["val"] = first.meta["val"] * last.meta["val"]
        node.args = (v, both)
    graph.eliminate_dead_code()


def _factors(node: Any, changing: set[Node]) -> tuple[Node, Node] | None:
    """The varying and the fixed one of a product of such two tensors."""
    if not isinstance(node, Node) or node not in changing or node.target is not aten.mul.Tensor or node.kwargs:
        return None
    left, right = node.args
    if not (isinstance(left, Node) and isinstance(right, Node)) or (left in changing) == (right in changing):
        return None
    return (left, right) if left in changing else (right, left)


def write_over(graph: Graph, varying: Collection[int]) -> None:
    """Write results over varying ones that nobody reads later: they are then still in the cache."""
    changing = depending(graph, varying)
    order = {node: place for place, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if node not in changing or node.target not in _IN_PLACE or node.kwargs:
            continue
        into, *others = node.args
        if node.target in {aten.mul.Tensor, aten.add.Tensor} and not _is_free(into, node, changing, order):
            into, others = others[0], [into]  # which of the two comes first is the same
        if _is_free(into, node, changing, order):
            node.target, node.args = _IN_PLACE[node.target], (into, *others)


def _is_free(into: Any, result: Node, changing: set[Node], order: dict[Node, int]) -> bool:
    """Whether `into`, as large as `result`, is a varying tensor, or a permutation of one, that `result` reads alone
    and last.
    """
    if not isinstance(into, Node) or into not in changing or "val" not in into.meta:
        return False
    if shape(into) != shape(result) or into.meta["val"].dtype != result.meta["val"].dtype:
        return False
    memory: Any = into
    while memory.target is aten.permute.default:
        memory = memory.args[0]
    if memory.target not in _OWN or result.all_input_nodes.count(into) != 1:
        return False
    reading, views = set(), [memory]
    while views:
        for user in views.pop().users:
            reading.add(user)
            if _is_view(user):
                views.append(user)
    return sum(each in result.all_input_nodes for each in {memory, *reading}) == 1 and all(
        order[each] <= order[result] for each in reading if not _is_view(each)
    )


def _is_view(node: Node) -> bool:
    """Whether a result shares memory with an argument."""
    if node.op != "call_function":
        return False
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return True
    return any(given.alias_info is not None for given in schema.returns)


@dataclass(frozen=True)
class Parts:
    """`first` of the fixed arguments gives what `rest` takes, followed by the varying ones."""

    varying: frozenset[int]
    first: Callable[..., tuple[Tensor, ...]]
    rest: Callable[..., tuple[Tensor, ...]]

    @classmethod
    def of(cls, module: GraphModule, varying: frozenset[int]) -> Parts:
        """The two parts of a module's graph."""
        changing = depending(module.graph, varying)
        first, rest = Graph(), Graph()
        made: dict[Node, Node] = {}
        for node in module.graph.nodes:
            if node not in changing and node.op == "placeholder":
                made[node] = first.placeholder(node.name)
            elif node not in changing and node.op != "output":
                made[node] = first.node_copy(node, made.__getitem__)
        held = [node for node in made if any(user in changing or user.op == "output" for user in node.users)]
        first.output(tuple(made[node] for node in held))
        left: dict[Node, Node] = {node: rest.placeholder(f"held_{at}") for at, node in enumerate(held)}
        for node in module.graph.nodes:
            if node in changing or node.op == "output":
                left[node] = rest.node_copy(node, left.__getitem__)
        return cls(varying, *(_forward(module, graph) for graph in (first, rest)))


def joined(fixed: Sequence[Tensor], varying: Sequence[Tensor], places: Collection[int]) -> tuple[Tensor, ...]:
    """All arguments in their order."""
    some, others = iter(varying), iter(fixed)
    return tuple(next(some if place in places else others) for place in range(len(fixed) + len(varying)))


def _forward(module: GraphModule, graph: Graph) -> Callable[..., tuple[Tensor, ...]]:
    graph.eliminate_dead_code()
    graph.lint()
    part = GraphModule(module, graph)
    vars(part).update(part.named_buffers())  # as in a module that was traced: found at once
    forward: Callable[..., tuple[Tensor, ...]] = part.forward
    return forward
