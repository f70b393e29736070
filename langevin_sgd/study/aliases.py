"""How much a YAML text grows when its aliases (`*name`) are written out: ten lines can stand for gigabytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from langevin_sgd.config.errors import KeyPath

REPEATED_LIMIT = 250_000
"""Most entries that aliases may add to those that are written: two repetitions of a list of 10^5 numbers fit."""


def fault(root: Node, entries: Callable[[Node], int]) -> tuple[Node, KeyPath, str] | None:
    """The innermost node that aliases make too large or that holds itself, with its path and the message, or None.

    `entries` is the number of values that a node without nodes in it stands for. The time goes with what is written.
    """
    sizes: dict[int, int] = {}
    repeated: dict[int, int] = {}
    open_nodes: set[int] = set()

    def visit(node: Node, path: KeyPath) -> tuple[Node, KeyPath, str] | None:
        if id(node) in open_nodes:
            return node, path, "an alias (*name) stands inside the value that it names; write the value out"
        if id(node) in sizes:
            return None
        open_nodes.add(id(node))
        size, again = entries(node), 0
        for key, child in _children(node):
            known = id(child) in sizes
            found = visit(child, (*path, key))
            if found is not None:
                return found
            size += sizes[id(child)]
            again += sizes[id(child)] if known else repeated[id(child)]
            if again > REPEATED_LIMIT:
                return node, path, f"aliases (*name) repeat more than {REPEATED_LIMIT:,} entries here; use fewer"
        open_nodes.remove(id(node))
        sizes[id(node)], repeated[id(node)] = size, again
        return None

    return visit(root, ())


def _children(node: Node) -> Iterator[tuple[str | int, Node]]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield str(key.value) if isinstance(key.value, str) else "", value
    elif isinstance(node, SequenceNode):
        yield from enumerate(node.value)
