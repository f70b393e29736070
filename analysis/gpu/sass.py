"""Machine code as nvdisasm prints it: blocks, loops, and how many instructions a pass through a loop takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_LABEL = re.compile(r"^(\.\S+|\$\S+):$")
_INSTRUCTION = re.compile(r"^/\*[0-9a-f]{4,}\*/\s*(@!?\w+\s+)?([A-Z0-9_.]+)(.*?)\s*;")
_TARGET = re.compile(r"`\((\.L_\w+)\)")


@dataclass(frozen=True)
class Block:
    """Instructions without a jump among them: operation and operands each, and the blocks that may follow."""

    instructions: tuple[tuple[str, str], ...]
    followers: tuple[int, ...]

    @property
    def cold(self) -> bool:
        """Whether it calls: the slow path of a root, a quotient or a function, for operands that are rare."""
        return any(operation.startswith("CALL") and not _TARGET.search(rest) for operation, rest in self.instructions)


@dataclass(frozen=True)
class Loop:
    """The blocks of a loop, those of loops inside it included."""

    head: int
    blocks: frozenset[int]


def blocks_of(text: str) -> list[Block]:
    """The blocks of the one kernel in the text, from its entry on. Raises `ValueError` for a computed jump."""
    labels: dict[str, int] = {}
    code: list[tuple[bool, str, str]] = []
    inside = False
    for raw in text.splitlines():
        line = raw.strip()
        if label := _LABEL.match(line):
            inside |= line.startswith(".text.")
            labels[label[1]] = len(code)
        elif inside and (found := _INSTRUCTION.match(line)):
            code.append((bool(found[1]), found[2], found[3]))
    starts = {0, *(at for at in labels.values() if at < len(code))}
    starts |= {n + 1 for n, (_, operation, operands) in enumerate(code[:-1]) if _jumps(operation, operands)}
    order = sorted(starts)
    number = {at: n for n, at in enumerate(order)}
    blocks = []
    for at, end in zip(order, [*order[1:], len(code)], strict=True):
        guarded, operation, operands = code[end - 1]
        followers = []
        if operation.startswith("BRX"):
            raise ValueError("a jump to a computed place: loops cannot be told")
        if operation.startswith("BRA") or _leaves(operation, operands):
            target = _TARGET.search(operands)
            if target is None:
                raise ValueError(f"a jump without a label: {operation} {operands}")
            followers.append(number[labels[target[1]]])
            guarded |= "," in operands  # a second condition
        if (guarded or not _jumps(operation, operands)) and end < len(code):
            followers.append(number[end])
        blocks.append(Block(tuple((o, rest) for _, o, rest in code[at:end]), tuple(followers)))
    return blocks


def _jumps(operation: str, operands: str) -> bool:
    return operation.startswith(("BRA", "BRX", "EXIT", "RET")) or _leaves(operation, operands)


def _leaves(operation: str, operands: str) -> bool:
    """A call of a place in the kernel itself: on sm_80 lanes of a warp leave a loop so, each when it is done."""
    return operation.startswith("CALL") and _TARGET.search(operands) is not None


def loops_of(blocks: list[Block]) -> list[Loop]:
    """The natural loops, those with one head joined, smallest first."""
    above = _dominators(blocks)
    before: dict[int, list[int]] = {n: [] for n in above}
    for n in above:
        for follower in blocks[n].followers:
            before[follower].append(n)
    found: dict[int, set[int]] = {}
    for n in above:
        for head in blocks[n].followers:
            if head in above[n]:
                inside, waiting = found.setdefault(head, {head}), [n]
                while waiting:
                    one = waiting.pop()
                    if one not in inside:
                        inside.add(one)
                        waiting += before[one]
    loops = [Loop(head, frozenset(inside)) for head, inside in found.items()]
    return sorted(loops, key=lambda loop: len(loop.blocks))


def _dominators(blocks: list[Block]) -> dict[int, set[int]]:
    """For every block that is reached, those through which each way to it leads."""
    reached, waiting = [0], [0]
    while waiting:
        for follower in blocks[waiting.pop()].followers:
            if follower not in reached:
                reached.append(follower)
                waiting.append(follower)
    before: dict[int, list[int]] = {n: [] for n in reached}
    for n in reached:
        for follower in blocks[n].followers:
            before[follower].append(n)
    above = {n: set(reached) for n in reached}
    above[0] = {0}
    changed = True
    while changed:
        changed = False
        for n in sorted(reached)[1:]:
            new = {n} | set.intersection(*(above[b] for b in before[n]))
            changed |= new != above[n]
            above[n] = new
    return above


def counted(blocks: list[Block], chosen: Iterable[int]) -> Counter[str]:
    """Operations of these blocks, less those that lead to a call only."""
    out: Counter[str] = Counter()
    for n in chosen:
        if not blocks[n].cold:
            out.update(operation for operation, _ in blocks[n].instructions)
    return out


def innermost_with(blocks: list[Block], loops: list[Loop], mark: str) -> Loop:
    """The innermost loop that has an operand `mark` and lies in another. Raises `ValueError` unless there is one, and
    for one that has a loop inside it: how often that is passed is not written in the code."""
    holding = [n for n, block in enumerate(blocks) if any(mark in rest for _, rest in block.instructions)]
    found = {loop for n in holding if (loop := next((one for one in loops if n in one.blocks), None)) is not None}
    nested = [loop for loop in found if any(loop.blocks < other.blocks for other in loops)]
    if len(nested) != 1:
        raise ValueError(f"{len(nested)} loops with {mark} inside another, instead of one")
    if any(one.blocks < nested[0].blocks for one in loops):
        raise ValueError(f"the loop with {mark} has a loop inside it")
    return nested[0]
