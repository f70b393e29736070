"""A recorded function some of whose arguments stay where they are: what is only another view of them is made once.

The weights of an ensemble are one tensor that changes in place. A step in small networks spends a good part of its time
on turning and reshaping them anew, and threads wait for one another at every such call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

VIEWS = {torch.permute, torch.reshape, torch.unsqueeze, getattr}
"""Operations of a record whose results share memory with their argument, a reshape if the strides allow it."""


@dataclass(frozen=True)
class Split:
    """A graph in two: `views` of its first arguments, and the `rest` as a function of those and of all arguments."""

    views: tuple[tuple[int, tuple[tuple[Callable[..., Tensor], tuple[Any, ...]], ...]], ...]
    rest: GraphModule

    @classmethod
    def of(cls, module: GraphModule, held: Sequence[Tensor]) -> Split:
        """`held` are examples of the first arguments, which tell what is a view of them and what a copy."""
        chains = _chains(module.graph, held)
        # those that something else than another view reads
        made = {node: chain for node, chain in chains.items() if any(user not in chains for user in node.users)}
        graph = Graph()
        copies: dict[Node, Node] = {node: graph.placeholder(f"view_{at}") for at, node in enumerate(made)}
        for node in module.graph.nodes:
            if node not in chains:
                copies[node] = graph.node_copy(node, copies.__getitem__)
        graph.lint()
        rest = GraphModule(module, graph)
        vars(rest).update(rest.named_buffers())  # as in a module that was traced: found at once
        return cls(tuple(made.values()), rest)

    def made_of(self, held: Sequence[Tensor]) -> list[Tensor] | None:
        """The views of such arguments, or None if their strides make a copy of one."""
        made = []
        for at, chain in self.views:
            view = held[at]
            for operation, arguments in chain:
                view = operation(view, *arguments)
            if not _shared(view, held[at]):
                return None
            made.append(view)
        return made


def _chains(graph: Graph, held: Sequence[Tensor]) -> dict[Node, Any]:
    """For every node that is a view of a held argument which argument it is, and the operations that lead there."""
    values: dict[Node, Tensor] = {}
    chains: dict[Node, Any] = {}
    places = dict(zip((node for node in graph.nodes if node.op == "placeholder"), enumerate(held), strict=False))
    for node in graph.nodes:
        if node.op != "call_function" or node.target not in VIEWS or node.kwargs:
            continue
        source, *arguments = node.args
        if source in places:
            (at, value), before = places[source], ()
        elif source in chains:
            value, (at, before) = values[source], chains[source]
        else:
            continue
        view = node.target(value, *arguments)
        if _shared(view, held[at]):
            values[node] = view
            chains[node] = (at, (*before, (node.target, tuple(arguments))))
    return chains


def _shared(view: Tensor, tensor: Tensor) -> bool:
    return view.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
