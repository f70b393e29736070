"""From a landscape, a noise and a scheme to the program of one lane: the one place where an update becomes code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from langevin_sgd.integrators.coefficients import Coefficients, coefficients
from langevin_sgd.integrators.dynamics import SymbolicDynamics, noise_structure, vector
from langevin_sgd.integrators.emission import Emitter
from langevin_sgd.integrators.polynomials import Folded, arranged, arranged_condition, lane_symbol
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import FormulaError, symbol
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.landscapes.symbols import sympy
from langevin_sgd.noise import Noise

if TYPE_CHECKING:  # these import sympy
    from langevin_sgd.landscapes.tabulated import Tabulated
    from langevin_sgd.landscapes.waves import Waves

    Generated = Expression | Tabulated | Waves
    """Landscapes of which kernels are made."""

    _Stages = list[tuple[sympy.Symbol, sympy.Expr]]


def is_generated(landscape: Landscape) -> TypeGuard[Generated]:
    """Whether kernels are made of it."""
    return landscape.symbolic


_SLOPE = "slope"  # of a tabulated potential, where the step begins


@dataclass(frozen=True)
class LaneProgram:
    """One step of one trajectory: stages in order, then the new state, over lane symbols and coefficients.

    `state` symbols _y0, _y1, ... (position first, then the scheme's other vectors, `widths`
    their numbers of components), `draws` symbols _z0, _z1, ..., start
    position _s0, ... (in `quantities` alone), coefficients _c0, ... whose expressions in the parameters are
    `coefficients`. `quantities` are formulas to evaluate at recorded steps and `target` the first-passage condition,
    `target_fails` its opposite where some position has neither.
    `slopes` are the symbols of a gradient that is found ahead of the step, where it begins, in the table of the run: of
    waves, or of a tabulated potential (at `place`, the distance from the first site in cells).
    """

    dimension: int
    widths: Mapping[str, int] = field(hash=False)
    state: tuple[sympy.Symbol, ...]
    draws: tuple[sympy.Symbol, ...]
    start: tuple[sympy.Symbol, ...]
    stages: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
    results: tuple[sympy.Expr, ...]
    quantities: tuple[sympy.Expr, ...]
    target: sympy.Basic | None
    target_fails: sympy.Basic | None
    coefficients: tuple[sympy.Expr, ...]
    parameters: tuple[str, ...]
    slopes: tuple[sympy.Symbol, ...] = ()
    place: sympy.Expr | None = None

    def function(self) -> Coefficients:
        """The coefficients as a function of the parameters."""
        return coefficients(self.coefficients, self.parameters)


def lane_program(
    landscape: Generated,
    noise: Noise,
    scheme: Scheme,
    *,
    quantities: Sequence[sympy.Expr] = (),
    target: sympy.Basic | None = None,
    target_fails: sympy.Basic | None = None,
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
    result = scheme.after(model, carried, given)
    known = {"time_step", *landscape.parameters, *noise.parameters, *scheme.parameters, *landscape.constants}
    result["position"] = landscape.confined(result["position"], model.named)
    flat = [entry for name in scheme.state for entry in result[name]]
    model.stages, flat, slopes, place = _found_ahead(model.stages, flat, state[:d], scheme)

    to_lane = dict(zip(landscape.coordinates, state, strict=False))
    to_lane |= {symbol(f"start_{name}"): s for name, s in zip(landscape.variables, start, strict=True)}
    moving = {*state, *draws, *start, *slopes, *(name for name, _ in model.stages)}
    folded = Folded()
    stages = [(name, arranged(sympy.sympify(e), moving, folded, _base(e, state))) for name, e in model.stages]
    results = [arranged(sympy.sympify(e), moving, folded, y) for e, y in zip(flat, state, strict=True)]
    observed = [arranged(sympy.sympify(q).xreplace(to_lane), moving, folded) for q in quantities]
    condition = None if target is None else arranged_condition(target.xreplace(to_lane), moving, folded)
    opposite = None if target_fails is None else arranged_condition(target_fails.xreplace(to_lane), moving, folded)
    looked = None if place is None else arranged(place, moving, folded)

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
        target_fails=opposite,
        coefficients=tuple(folded.expressions),
        parameters=tuple(used),
        slopes=slopes,
        place=looked,
    )


def _found_ahead(
    stages: _Stages, results: list[Any], position: Sequence[sympy.Symbol], scheme: Scheme
) -> tuple[_Stages, list[Any], tuple[sympy.Symbol, ...], sympy.Expr | None]:
    """Stages and results with symbols for a gradient in the run's table, these symbols, and the place in a table."""
    from langevin_sgd.landscapes.tabulated import (
        Slope,  # sympy, which a program from an earlier process is known without
    )
    from langevin_sgd.landscapes.waves import WaveSlope

    every = [sympy.sympify(e) for e in (*(e for _, e in stages), *results)]
    tabulated = {call for e in every for call in e.atoms(Slope)}
    waves = {call for e in every for call in e.atoms(WaveSlope)}
    if not tabulated and not waves:
        return stages, results, (), None
    (where, *others) = {call.args for call in tabulated} | {call.args[1:] for call in waves}
    ahead = where != tuple(position) if waves else where[0].free_symbols & {name for name, _ in stages}
    if others or ahead:
        mend = "use euler_maruyama, or backend='batched'" if waves else "on a table use euler_maruyama"
        raise SchemeError(f"{scheme.name} takes the force ahead of the position; {mend}")
    slope = lane_symbol(_SLOPE)
    known = dict.fromkeys(tabulated, slope) | {call: lane_symbol(f"slope{call.args[0]}") for call in waves}
    slopes = (slope,) if tabulated else tuple(lane_symbol(f"slope{i}") for i in range(len(position)))
    replaced = [(name, e.xreplace(known)) for name, e in stages]
    return replaced, [sympy.sympify(e).xreplace(known) for e in results], slopes, where[0] if tabulated else None


def structure(landscape: Generated, noise: Noise) -> str:
    """The kind of noise, as schemes declare it: additive, diagonal or general."""
    return noise_structure(noise.amplitude(landscape.coordinates), landscape.coordinates)


def advance(program: LaneProgram, emitter: Emitter) -> None:
    """Emit one step into the emitter and bind the state symbols to the new values."""
    if program.place is not None and lane_symbol(_SLOPE) not in emitter.names:
        emitter.names[lane_symbol(_SLOPE)] = emitter.looked_up(program.place)
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
