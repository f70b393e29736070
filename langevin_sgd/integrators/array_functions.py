"""A lane program as functions of whole arrays, for numpy and torch alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from langevin_sgd.integrators.emission import Emitter
from langevin_sgd.integrators.generate import LaneProgram, advance, coefficient_symbols

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
    coefficients = {c: f"c[{i}]" for i, c in enumerate(coefficient_symbols(program))}
    at_y = {y: f"y[{i}]" for i, y in enumerate(program.state)}
    at_z = {z: f"z[{i}]" for i, z in enumerate(program.draws)}
    at_s = {s: f"s[{i}]" for i, s in enumerate(program.start)}

    def emitter(names: dict[Any, str]) -> Emitter:
        return Emitter({**coefficients, **names}, fused=False, choice="where({0}, {1}, {2})")

    def compiled(signature: str, emitted: Emitter, results: Sequence[str]) -> Any:
        constants = {name: float(text) for text, name in emitted.constants.items()}
        body = "".join(f"    {line}\n" for line in emitted.lines)
        text = f"def {signature}:\n{body}    return [{', '.join(results)}]\n"
        namespace: dict[str, Any] = {**functions, **constants}
        # text made by our own emitter from symbols; no part of a user's formula enters it
        exec(compile(text, "<generated>", "exec"), namespace)
        return namespace[signature.partition("(")[0]]

    stepping = emitter({**at_y, **at_z})
    advance(program, stepping)
    step = compiled("step(y, z, c)", stepping, [stepping.names[y] for y in program.state])
    observing = emitter({**at_y, **at_s})
    observe = compiled("observe(y, s, c)", observing, [observing.value(q) for q in program.quantities])
    if program.target is None:
        return ArrayFunctions(step, None, None, observe)
    reaching = emitter(dict(at_y))
    reached = compiled("reached(y, c)", reaching, [reaching.value(program.target)])
    if program.target_fails is None:
        return ArrayFunctions(step, lambda y, c: reached(y, c)[0], None, observe)
    both = emitter(dict(at_y))
    decided = compiled("decided(y, c)", both, [both.value(program.target), both.value(program.target_fails)])

    def undecided(y: Any, c: Any) -> Any:
        holds, fails = decided(y, c)
        return ~(holds | fails)

    return ArrayFunctions(step, lambda y, c: reached(y, c)[0], undecided, observe)
