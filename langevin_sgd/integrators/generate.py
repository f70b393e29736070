"""From a landscape, a noise and a scheme to the program of one lane: the one place where an update becomes code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from langevin_sgd.integrators.dynamics import SymbolicDynamics, noise_structure, vector
from langevin_sgd.integrators.emission import Emitter
from langevin_sgd.integrators.polynomials import Coefficients, arranged, arranged_condition, lane_symbol
from langevin_sgd.integrators.schemes.scheme import Scheme
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import FormulaError, symbol
from langevin_sgd.noise import Noise

_SHOWN = 80


@dataclass(frozen=True)
class LaneProgram:
    """One step of one trajectory: stages in order, then the new state, over lane symbols and coefficients.

    `state` symbols _y0, _y1, ... (position first, then the scheme's other vectors, `widths`
    their numbers of components), `draws` symbols _z0, _z1, ..., start
    position _s0, ... (in `quantities` alone), coefficients _c0, ... whose expressions in the parameters are
    `coefficients`. `quantities` are formulas to evaluate at recorded steps and `target` the first-passage condition.
    """

    dimension: int
    widths: Mapping[str, int]
    state: tuple[sympy.Symbol, ...]
    draws: tuple[sympy.Symbol, ...]
    start: tuple[sympy.Symbol, ...]
    stages: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
    results: tuple[sympy.Expr, ...]
    quantities: tuple[sympy.Expr, ...]
    target: sympy.Basic | None
    coefficients: tuple[sympy.Expr, ...]
    parameters: tuple[str, ...]

    def coefficient_values(self, values: Mapping[str, Any]) -> list[Any]:
        """Every coefficient in float64: a number, or an array over trajectories where its parameters vary."""
        if not self.coefficients:
            return []
        symbols = [symbol(name) for name in self.parameters]
        function = sympy.lambdify(symbols, list(self.coefficients), "numpy", dummify=True)
        with np.errstate(all="ignore"):
            computed = function(*(np.asarray(values[name], dtype=np.float64) for name in self.parameters))
        out: list[Any] = []
        for expression, value in zip(self.coefficients, computed, strict=True):
            array: NDArray[np.float64] = np.asarray(value, dtype=np.float64)
            if not np.isfinite(array).all():
                text = str(expression)
                shown = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
                raise FormulaError(f"{shown} is not finite for the parameters given; check their values")
            out.append(array)
        return out

    def varying(self, names: Sequence[str]) -> tuple[bool, ...]:
        """Which coefficients depend on one of the parameters named."""
        which = {symbol(name) for name in names}
        return tuple(bool(expression.free_symbols & which) for expression in self.coefficients)


def lane_program(
    landscape: Expression,
    noise: Noise,
    scheme: Scheme,
    *,
    quantities: Sequence[sympy.Expr] = (),
    target: sympy.Basic | None = None,
) -> LaneProgram:
    """Apply the scheme's rule to symbols and arrange the result.

    `quantities` and `target` are over the landscape's coordinates, the start position `start_<variable>` and the
    parameters.
    """
    model = SymbolicDynamics(landscape, noise, scheme.interpretation)
    d, m = landscape.dimension, model.noises
    widths = scheme.widths(d, m)
    state = [lane_symbol(f"y{i}") for i in range(sum(widths.values()))]
    draws = [lane_symbol(f"z{i}") for i in range(scheme.draws(d, m))]
    start = [lane_symbol(f"s{i}") for i in range(d)]

    carried, at = {}, 0
    for name, width in widths.items():
        carried[name] = vector(state[at : at + width])
        at += width
    n = len(draws) // scheme.draws_per_step
    given = tuple(vector(draws[i * n : (i + 1) * n]) for i in range(scheme.draws_per_step))
    result = scheme.rule(model, carried, given)
    flat = [entry for name in scheme.state for entry in result[name]]

    to_lane = dict(zip(landscape.coordinates, state, strict=False))
    to_lane |= {symbol(f"start_{name}"): s for name, s in zip(landscape.variables, start, strict=True)}
    known = {"time_step", *landscape.parameters, *noise.parameters, *scheme.parameters}
    moving = {*state, *draws, *start, *(name for name, _ in model.stages)}
    folded = Coefficients()
    stages = [(name, arranged(sympy.sympify(e), moving, folded, _base(e, state))) for name, e in model.stages]
    results = [arranged(sympy.sympify(e), moving, folded, y) for e, y in zip(flat, state, strict=True)]
    observed = [arranged(sympy.sympify(q).xreplace(to_lane), moving, folded) for q in quantities]
    condition = None if target is None else arranged_condition(target.xreplace(to_lane), moving, folded)

    used = sorted({s.name for e in folded.expressions for s in e.free_symbols})
    unknown = set(used) - known
    if unknown:
        raise FormulaError(f"unknown symbol {min(unknown)!r}; known: {', '.join(sorted(known))}")
    return LaneProgram(
        dimension=d,
        widths=widths,
        state=tuple(state),
        draws=tuple(draws),
        start=tuple(start),
        stages=tuple(stages),
        results=tuple(results),
        quantities=tuple(observed),
        target=condition,
        coefficients=tuple(folded.expressions),
        parameters=tuple(used),
    )


def structure(landscape: Expression, noise: Noise) -> str:
    """The kind of noise, as schemes declare it: additive, diagonal or general."""
    return noise_structure(noise.amplitude(landscape.coordinates), landscape.coordinates)


def step_source(program: LaneProgram, names: dict[sympy.Basic, str], *, fused: bool, prefix: str) -> Emitter:
    """Emit one step: returns the emitter, whose `names` map the state symbols to the variables of the new state."""
    emitter = Emitter(names, fused=fused, prefix=prefix)
    advance(program, emitter)
    return emitter


def advance(program: LaneProgram, emitter: Emitter) -> None:
    """Emit one step into the emitter and bind the state symbols to the new values."""
    for name, expression in program.stages:
        emitter.names[name] = emitter.value(expression)
    new = [emitter.value(expression) for expression in program.results]
    emitter.bind(dict(zip(program.state, new, strict=True)))


def coefficient_symbols(program: LaneProgram) -> list[sympy.Symbol]:
    """_c0, _c1, ..."""
    return [lane_symbol(f"c{i}") for i in range(len(program.coefficients))]


def _base(expression: Any, state: Sequence[sympy.Symbol]) -> sympy.Symbol | None:
    """The state symbol that a stage increments, if it has one with coefficient 1."""
    parts = set(sympy.Add.make_args(sympy.sympify(expression)))
    return next((y for y in state if y in parts), None)
