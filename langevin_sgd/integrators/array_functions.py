"""A lane program as functions of whole arrays, for numpy and torch alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from langevin_sgd.integrators.emission import Emitter
from langevin_sgd.integrators.generate import LaneProgram, advance, coefficient_symbols
from langevin_sgd.integrators.program import Program

NUMPY: dict[str, Any] = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "absolute": np.abs,
    "sign": np.sign,
    "where": np.where,
}


@dataclass(frozen=True)
class ArrayFunctions:
    """step(y, z, c) -> V rows, reached(y, c) -> condition, observe(y, s, c) -> a row a quantity.

    `undecided(y, c)` tells where the condition is neither true nor false. None: there is no condition, or none such.

    y (V, N) is the state, z (m, N) the increments, s (d, N) the start, c the coefficients.
    """

    step: Callable[..., list[Any]]
    reached: Callable[..., Any] | None
    undecided: Callable[..., Any] | None
    observe: Callable[..., list[Any]]


def array_functions(program: LaneProgram, functions: Mapping[str, Any]) -> ArrayFunctions:
    """The program over the elementary functions given, `NUMPY` or torch's; on a table also `look_up(place)`."""
    return compiled(_sources(program), functions)


def functions_of(program: Program, functions: Mapping[str, Any]) -> ArrayFunctions:
    """The same of a run's program, whose text may be known from before."""
    return compiled(sources_of(program), functions)


def sources_of(program: Program) -> dict[str, str]:
    """The text of these functions, by their names."""
    found: dict[str, str] = program.known("functions of arrays", [], lambda: _sources(program.lanes()))
    return found


@lru_cache(maxsize=64)  # asked for every launch of a scan
def _sources(program: LaneProgram) -> dict[str, str]:
    """Text of `step` and `observe`, of `reached` and `decided` where there is such a condition."""
    coefficients = {c: f"c[{i}]" for i, c in enumerate(coefficient_symbols(program))}
    at_y = {y: f"y[{i}]" for i, y in enumerate(program.state)}
    at_z = {z: f"z[{i}]" for i, z in enumerate(program.draws)}
    at_s = {s: f"s[{i}]" for i, s in enumerate(program.start)}

    def emitter(names: dict[Any, str]) -> Emitter:
        return Emitter({**coefficients, **names}, fused=False, choice="where({0}, {1}, {2})")

    def text(signature: str, emitted: Emitter, results: Sequence[str]) -> str:
        constants = "".join(f"{name} = float({value!r})\n" for value, name in emitted.constants.items())
        body = "".join(f"    {line}\n" for line in emitted.lines)
        return f"{constants}def {signature}:\n{body}    return [{', '.join(results)}]\n"

    stepping = emitter({**at_y, **at_z})
    advance(program, stepping)
    sources = {"step": text("step(y, z, c)", stepping, [stepping.names[y] for y in program.state])}
    observing = emitter({**at_y, **at_s})
    sources["observe"] = text("observe(y, s, c)", observing, [observing.value(q) for q in program.quantities])
    if program.target is not None:
        reaching = emitter(dict(at_y))
        sources["reached"] = text("reached(y, c)", reaching, [reaching.value(program.target)])
        if program.target_fails is not None:
            both = emitter(dict(at_y))
            results = [both.value(program.target), both.value(program.target_fails)]
            sources["decided"] = text("decided(y, c)", both, results)
    return sources


def compiled(sources: Mapping[str, str], functions: Mapping[str, Any]) -> ArrayFunctions:
    """The functions of such text over the elementary functions given."""
    made: dict[str, Any] = {}
    for name, text in sources.items():
        namespace = dict(functions)
        # text made by our own emitter from symbols; no part of a user's formula enters it
        exec(compile(text, "<generated>", "exec"), namespace)
        made[name] = namespace[name]
    if "reached" not in made:
        return ArrayFunctions(made["step"], None, None, made["observe"])

    def reached(y: Any, c: Any) -> Any:
        return made["reached"](y, c)[0]

    if "decided" not in made:
        return ArrayFunctions(made["step"], reached, None, made["observe"])

    def undecided(y: Any, c: Any) -> Any:
        holds, fails = made["decided"](y, c)
        return ~(holds | fails)

    return ArrayFunctions(made["step"], reached, undecided, made["observe"])
