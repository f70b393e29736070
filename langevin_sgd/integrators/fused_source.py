"""Source text of the fused CPU kernel of a lane program: the functions of one block of lanes, and the whole."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from langevin_sgd.integrators.cpu_kernel import HEADER, LOOK_UP, LOOKED_UP, RUN
from langevin_sgd.integrators.emission import Emitter
from langevin_sgd.integrators.generate import LaneProgram, advance, coefficient_symbols
from langevin_sgd.integrators.wave_source import SLOPES_OF_WAVES, scratch, slopes_of_waves
from langevin_sgd.random_numbers.increments import Layout

# Lanes that are summed one after the other into a partial sum of their own: every size of a block divides it, so that
# sums do not depend on the size of a block.
TILE = 512
_CACHE_BYTES = 24 * 1024
_MOST_OPERATIONS = 400


@dataclass(frozen=True)
class FusedSource:
    """A generated kernel: its text, the lanes of a block and which coefficients are rows of the block."""

    text: str
    lanes: int
    varying: tuple[bool, ...]


def fused_source(
    program: LaneProgram, layout: Layout, varying: tuple[bool, ...], *, state_type: str, stream: int, cache: bool
) -> FusedSource:
    """The kernel of a lane program. `varying` says which coefficients differ between trajectories, `state_type` is
    float32 or float64."""
    size = 4 if state_type == "float32" else 8
    rows = len(program.state) + sum(varying) + len(program.slopes)
    waves = bool(program.slopes) and program.place is None
    per_lane = size * rows + 4 * 4 * layout.quads * 2
    least = TILE // 8  # and as few where a lane costs much more than what is shared by all
    lanes = next((n for n in (TILE, TILE // 2, TILE // 4) if n * per_lane <= _CACHE_BYTES and not waves), least)
    constants: dict[str, str] = {}
    one, operations = _advance(program, layout, varying, "advance_one", 1, constants)
    limit = layout.steps_per_word if layout.steps_per_word > 1 else layout.steps_per_group
    limit = 1 if program.slopes else limit  # they are found between every two steps
    unrolled = next(n for n in range(limit, 0, -1) if limit % n == 0 and (n == 1 or n * operations <= _MOST_OPERATIONS))
    many = _advance(program, layout, varying, "advance_many", unrolled, constants)[0] if unrolled > 1 else ""
    observe = _observe(program, varying, constants)
    ahead = slopes_of_waves(program.dimension, rows - len(program.slopes)) if waves else ""
    looking = ahead or _look_up(program, varying, constants)
    gaussian = layout.kind == "gaussian"
    place = {
        "gaussian": "0",
        "two_point": f"U32(within * {layout.count})",
        "three_point": f"POWERS[within * {layout.count}]",
    }[layout.kind]
    literals = [f"{name} = F({text})" for text, name in constants.items()]
    if layout.kind == "three_point":
        powers = [pow(6, n, 1 << 29) for n in range(8)]
        literals.append(f"POWERS = np.array({powers}, np.uint32)")
    header = HEADER.format(
        float=state_type,
        lanes=lanes,
        constants="\n".join(literals),
        quads=layout.quads,
        stream=stream,
        gaussian=gaussian,
    )
    body = RUN.format(
        cache=", cache=True" if cache else "",
        rows=rows,
        look_up=SLOPES_OF_WAVES if waves else LOOKED_UP if program.slopes else "",
        scratch=scratch(program.dimension) if waves else "1",
        dimension=program.dimension,
        words=4 * layout.quads,
        normals=4 * layout.quads if gaussian else 1,
        quantities=len(program.quantities),
        state=len(program.state),
        varying=sum(varying),
        group=layout.steps_per_group,
        per_word=layout.steps_per_word,
        words_per_step=layout.words_per_step,
        tile=TILE,
        unrolled=unrolled,
        fast=unrolled > 1,
        feed="z" if gaussian else "w",
        place=place,
    )
    if unrolled == 1:
        body = body.replace("advance_many", "advance_one")
    return FusedSource(header + looking + one + many + observe + body, lanes, varying)


def _advance(
    program: LaneProgram, layout: Layout, varying: tuple[bool, ...], name: str, steps: int, constants: dict[str, str]
) -> tuple[str, int]:
    """A function that moves every lane of a block `steps` steps on; and the number of operations of one step."""
    names = _coefficient_names(program, varying)
    names |= {y: f"y{v}" for v, y in enumerate(program.state)}
    emitter = Emitter(names, constants=constants)
    lines = emitter.lines
    loads = [f"{names[y]} = y[{v} * L + l]" for v, y in enumerate(program.state)]
    for i, slope in enumerate(program.slopes):
        names[slope] = f"slope{i}"
        loads.append(f"slope{i} = y[{len(program.state) + sum(varying) + i} * L + l]")
    if program.target is not None:
        loads.append("first = hit[l]")
    whole = steps > 1 and steps == layout.steps_per_word
    loads += _words(layout, 0, whole)
    for step in range(steps):
        if step and layout.steps_per_word == 1:  # else the words of the first step serve all
            lines += _words(layout, step, whole)
        emitter.bind({z: _draw(layout, step, j, emitter, whole) for j, z in enumerate(program.draws)})
        advance(program, emitter)
        if program.target is not None:
            reached = emitter.value(program.target)
            lines.append(f"first = np.int32(offset + {step}) if ({reached} and first == -1) else first")
            if program.target_fails is not None:
                fails = emitter.value(program.target_fails)
                finite = " and ".join(f"isfinite({emitter.names[y]})" for y in program.state[: program.dimension])
                lost = f"first == -1 and not ({reached} or {fails}) and {finite}"
                lines.append(f"first = np.int32(-2 - (offset + {step})) if ({lost}) else first")
    stores = [f"y[{v} * L + l] = {emitter.names[y]}" for v, y in enumerate(program.state)]
    if program.target is not None:
        stores.append("hit[l] = first")
    row = _rows(program, varying)
    text = _function(f"{name}(y, feed, place, u, hit, offset)", _uniforms(varying), [*row, *loads, *lines, *stores])
    return text, emitter.operations // steps + layout.count


def _look_up(program: LaneProgram, varying: tuple[bool, ...], constants: dict[str, str]) -> str:
    """Functions that find the cell of every lane, held inside the table, and fetch the slopes there."""
    if program.place is None:
        return ""
    names = _coefficient_names(program, varying)
    names |= {y: f"y{v}" for v, y in enumerate(program.state)}
    emitter = Emitter(names, constants=constants)
    place = emitter.value(program.place)
    used = program.place.free_symbols
    loads = _rows(program, varying)
    loads += [f"{names[y]} = y[{v} * L + l]" for v, y in enumerate(program.state) if y in used]
    inside = [
        f"inside = {place} if {place} > ZERO else ZERO",  # where there is no number, too
        "inside = inside if inside < last_cell else last_cell",
        "cell[l] = base[l] + U32(np.int32(inside))",
    ]
    lines = [*loads, *emitter.lines, *inside]
    text = _function("locate(y, u, base, last_cell, cell)", _uniforms(varying), lines)
    return text + LOOK_UP.format(row=len(program.state) + sum(varying))


def _words(layout: Layout, step: int, whole: bool) -> list[str]:
    """Load the words from which a step of a pass draws, `step` steps after the first of the pass."""
    if layout.kind == "gaussian":
        return []
    lines = []
    for k in range(layout.words_per_step):
        lines.append(f"word{k} = feed[{step * layout.words_per_step + k} * L + l]")
        if layout.kind == "three_point":
            lines.append(f"word{k} = U32(U32(word{k} >> U32(3)) | U32(1))")
            if k == 0 and not whole:
                lines.append("word0 = U32(word0 * place) & MASK")
    return lines


def _draw(layout: Layout, step: int, j: int, emitter: Emitter, whole: bool) -> str:
    """Emit increment j of a step and return its variable. `whole`: the pass starts at the first bit of a word."""
    k = j // layout.per_word
    name = f"z{step}_{j}"
    if layout.kind == "gaussian":
        emitter.lines.append(f"{name} = F(feed[{step * layout.words_per_step + j} * L + l])")
    elif layout.kind == "two_point":
        before = step * layout.count if layout.steps_per_word > 1 else 0
        place = before + j % layout.per_word
        bit = f"U32({place})" if whole or k > 0 else f"U32(place + U32({place}))"
        emitter.lines.append(f"{name} = F(sign_of(word{k}, {bit}))")
    else:
        emitter.lines.append(f"six = U32(word{k} * SIX)")
        emitter.lines.append(f"{name} = third_of(six, ROOT_THREE, ZERO)")
        emitter.lines.append(f"word{k} = six & MASK")
    return name


def _observe(program: LaneProgram, varying: tuple[bool, ...], constants: dict[str, str]) -> str:
    names = _coefficient_names(program, varying)
    names |= {y: f"y{v}" for v, y in enumerate(program.state)}
    names |= {s: f"s{v}" for v, s in enumerate(program.start)}
    used: set[sympy.Basic] = set().union(*(q.free_symbols for q in program.quantities)) if program.quantities else set()
    loads = _rows(program, varying)
    loads += [f"{names[y]} = y[{v} * L + l]" for v, y in enumerate(program.state) if y in used]
    loads += [f"{names[s]} = s[{v} * L + l]" for v, s in enumerate(program.start) if s in used]
    emitter = Emitter(names, constants=constants)
    stores = [f"seen[{q} * L + l] = {emitter.value(e)}" for q, e in enumerate(program.quantities)]
    lines = [*loads, *emitter.lines, *stores] or ["pass"]
    return _function("observe(y, s, seen, u)", _uniforms(varying), lines)


def _coefficient_names(program: LaneProgram, varying: tuple[bool, ...]) -> dict[sympy.Basic, str]:
    return {c: f"c{i}" for i, c in enumerate(coefficient_symbols(program))}


def _uniforms(varying: tuple[bool, ...]) -> list[str]:
    fixed = [i for i, moves in enumerate(varying) if not moves]
    return [f"c{i} = u[{k}]" for k, i in enumerate(fixed)]


def _rows(program: LaneProgram, varying: tuple[bool, ...]) -> list[str]:
    moving = [i for i, moves in enumerate(varying) if moves]
    return [f"c{i} = y[{len(program.state) + k} * L + l]" for k, i in enumerate(moving)]


def _function(signature: str, before: list[str], lines: list[str]) -> str:
    head = "".join(f"    {line}\n" for line in before)
    body = "".join(f"        {line}\n" for line in lines)
    return f"\n@njit(**PLAIN)\ndef {signature}:\n{head}    for l in range(L):\n{body}\n"
