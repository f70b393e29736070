"""Compiled steps of the master equation on a line, for a block of disorders side by side, one a vector lane.

A stage solves (1 - tau W) x = b, tridiagonal with columns that sum to one, by eliminating site after site. The pivot
is kept as what its column sums to plus what it hands on, d = s + tau r, as Grassmann, Taksar and Heyman (Oper. Res. 33
(1985) 1107) do for stationary laws: with rates r to the right and l to the left,

    s_i = 1 + tau l_i s_(i-1)/d_(i-1),    d_i = s_i + tau r_i,    q_i = b_i + (tau r_(i-1)/d_(i-1)) q_(i-1),
    x_i = (q_i + tau l_(i+1) x_(i+1))/d_i,

nothing is ever subtracted, and every entry keeps its relative accuracy, however small. The first stage eliminates from
left to right, the second from right to left, so that putting back one stage and eliminating the next is one sweep: two
sweeps a step, each reading and writing 56 bytes a site. The recurrences run along the sites; the lanes are the vector.
numba does not vectorise such a loop, so the body of the sweep is written in the vector instructions of LLVM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

GAMMA = 1.0 - math.sqrt(0.5)
# The right-hand side of the second stage is P + (1 - gamma) dt W u = AHEAD u - BEHIND P, for W u = (u - P)/(gamma dt).
AHEAD = (1.0 - GAMMA) / GAMMA
BEHIND = AHEAD - 1.0
# It is held above this part of u: reached where a site loses two fifths of its probability within gamma dt.
FLOOR = 0.1

# What a site keeps, a vector each: rate to the right and to the left, probability, eliminated right-hand side, 1/pivot.
RIGHT, LEFT, PROBABILITY, ELIMINATED, INVERSE = range(5)
FIELDS = 5

_DOUBLE, _INDEX = ir.DoubleType(), ir.IntType(64)
# The work array begins at a multiple of this, so that no vector straddles two cache lines.
ALIGNMENT = 64

# numba's own annotations do not fit its decorators
_intrinsic: Any = intrinsic(prefer_literal=True)
_external_function: Any = cgutils.get_or_insert_function


class _Lanes:
    """A vector of float64 in LLVM code; every operation is written out and rounds once."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._b = builder
        self.value = value

    def __add__(self, other: _Lanes) -> _Lanes:
        return _Lanes(self._b, self._b.fadd(self.value, other.value))

    def __sub__(self, other: _Lanes) -> _Lanes:
        return _Lanes(self._b, self._b.fsub(self.value, other.value))

    def __mul__(self, other: _Lanes) -> _Lanes:
        return _Lanes(self._b, self._b.fmul(self.value, other.value))

    def __truediv__(self, other: _Lanes) -> _Lanes:
        return _Lanes(self._b, self._b.fdiv(self.value, other.value))

    def times_plus(self, factor: _Lanes, term: _Lanes) -> _Lanes:
        """self * factor + term, rounded once."""
        kind = self.value.type
        signature = ir.FunctionType(kind, [kind] * 3)
        fma = _external_function(self._b.module, signature, f"llvm.fma.v{kind.count}f64")
        return _Lanes(self._b, self._b.call(fma, [self.value, factor.value, term.value]))

    def at_least(self, other: _Lanes) -> _Lanes:
        above = self._b.fcmp_ordered(">", self.value, other.value)
        return _Lanes(self._b, self._b.select(above, self.value, other.value))

    def one_where_at_most(self, bound: _Lanes) -> _Lanes:
        """1 where self <= bound, else 0."""
        below = self._b.fcmp_ordered("<=", self.value, bound.value)
        return _Lanes(self._b, self._b.uitofp(below, self.value.type))


Load = Callable[[int], _Lanes]
Store = Callable[[int, _Lanes], None]
Body = Callable[[Load, Store, list[_Lanes]], list[_Lanes]]


class _Sweep:
    """A loop over the sites of the work array (site, field, lane) that carries vectors from one site to the next.

    The arguments of the intrinsic are known by their places: 0 is the number of lanes, 1 the work array.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, lanes: int) -> None:
        self._b = builder
        self._kind = ir.VectorType(_DOUBLE, lanes)
        self._arguments = arguments
        self._array: list[Any] = [
            context.make_array(kind)(context, builder, given) if isinstance(kind, types.Array) else None
            for kind, given in zip(signature.args, arguments, strict=True)
        ]

    def constant(self, value: float) -> _Lanes:
        return _Lanes(self._b, ir.Constant(self._kind, [ir.Constant(_DOUBLE, value)] * self._kind.count))

    def scalar(self, place: int) -> _Lanes:
        """A float64 argument, in every lane."""
        vector = ir.Constant(self._kind, ir.Undefined)
        for lane in range(self._kind.count):
            where = ir.Constant(ir.IntType(32), lane)
            vector = self._b.insert_element(vector, self._arguments[place], where)
        return _Lanes(self._b, vector)

    def vector(self, place: int) -> _Lanes:
        """An array argument (lane,)."""
        return _Lanes(self._b, self._b.load(self._pointer(place), align=8))

    def write(self, place: int, *values: _Lanes) -> None:
        """Fill an array argument (lane,), or (values * lane,)."""
        for index, value in enumerate(values):
            where = self._b.gep(self._pointer(place), [ir.Constant(_INDEX, index)])
            self._b.store(value.value, where, align=8)

    def run(self, first: Sequence[_Lanes], body: Body, *, backward: bool = False) -> list[_Lanes]:
        """Call `body` at every site with what is carried there; it returns what is carried on. The last of these."""
        b = self._b
        sites, base, one = self._b.extract_value(self._array[1].shape, 0), self._pointer(1), ir.Constant(_INDEX, 1)
        before, loop, after = b.block, b.append_basic_block("sites"), b.append_basic_block("swept")
        b.branch(loop)
        b.position_at_end(loop)
        done = b.phi(_INDEX)
        done.add_incoming(ir.Constant(_INDEX, 0), before)
        carried = [b.phi(self._kind) for _ in first]
        for phi, value in zip(carried, first, strict=True):
            phi.add_incoming(value.value, before)
        row = b.mul(b.sub(b.sub(sites, one), done) if backward else done, ir.Constant(_INDEX, FIELDS))
        where = [b.gep(base, [b.add(row, ir.Constant(_INDEX, field))]) for field in range(FIELDS)]
        carried_on = body(
            lambda field: _Lanes(b, b.load(where[field], align=ALIGNMENT)),
            lambda field, value: b.store(value.value, where[field], align=ALIGNMENT),
            [_Lanes(b, phi) for phi in carried],
        )
        following = b.add(done, one)
        done.add_incoming(following, loop)
        for phi, value in zip(carried, carried_on, strict=True):
            phi.add_incoming(value.value, loop)
        b.cbranch(b.icmp_signed("<", following, sites), loop, after)
        b.position_at_end(after)
        return carried_on

    def _pointer(self, place: int) -> Any:
        return self._b.bitcast(self._array[place].data, self._kind.as_pointer())


def _code(lanes: Any, build: Callable[[_Sweep], None]) -> Callable[..., Any]:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        build(_Sweep(context, builder, signature, arguments, lanes.literal_value))
        return context.get_dummy_value()

    return code


@_intrinsic
def _sweep_right(typing_context, lanes, work, scale, tau_before, tau):  # type: ignore[no-untyped-def]
    """Finish the second stage of the step before, times `scale` (lane,), and eliminate the first stage of the next."""

    def build(sweep: _Sweep) -> None:
        scaled, before, now = sweep.vector(2), sweep.scalar(3), sweep.scalar(4)
        zero, one = sweep.constant(0.0), sweep.constant(1.0)

        def body(load: Load, store: Store, carried: list[_Lanes]) -> list[_Lanes]:
            p, handed, q, passed, kept = carried
            p = handed.times_plus(p, scaled * load(ELIMINATED)) * load(INVERSE)
            rate = load(RIGHT)
            s = (now * load(LEFT)).times_plus(kept, one)
            ahead = now * rate
            inverse = one / (s + ahead)
            q = passed.times_plus(q, p)
            store(PROBABILITY, p)
            store(ELIMINATED, q)
            store(INVERSE, inverse)
            return [p, before * rate, q, ahead * inverse, s * inverse]

        sweep.run([zero, zero, zero, zero, one], body)

    return types.void(lanes, work, scale, types.float64, types.float64), _code(lanes, build)


@_intrinsic
def _sweep_left(typing_context, lanes, work, total, tau):  # type: ignore[no-untyped-def]
    """Finish the first stage and eliminate the second; the sum of its right-hand side into `total` (lane,)."""

    def build(sweep: _Sweep) -> None:
        now = sweep.scalar(3)
        zero, one, floor = sweep.constant(0.0), sweep.constant(1.0), sweep.constant(FLOOR)
        ahead_of, behind = sweep.constant(AHEAD), sweep.constant(-BEHIND)

        def body(load: Load, store: Store, carried: list[_Lanes]) -> list[_Lanes]:
            u, handed, q, passed, kept, sums = carried
            u = handed.times_plus(u, load(ELIMINATED)) * load(INVERSE)
            b = ahead_of.times_plus(u, behind * load(PROBABILITY)).at_least(floor * u)
            s = (now * load(RIGHT)).times_plus(kept, one)
            ahead = now * load(LEFT)
            inverse = one / (s + ahead)
            q = passed.times_plus(q, b)
            store(ELIMINATED, q)
            store(INVERSE, inverse)
            return [u, ahead, q, ahead * inverse, s * inverse, sums + b]

        sweep.write(2, sweep.run([zero, zero, zero, zero, one, zero], body, backward=True)[-1])

    return types.void(lanes, work, total, types.float64), _code(lanes, build)


@_intrinsic
def _moments(typing_context, lanes, work, start, out):  # type: ignore[no-untyped-def]
    """Sums of P, P (i - start) and P (i - start)^2 over the sites into `out` (3 lanes,); `start` float64 (lane,)."""

    def build(sweep: _Sweep) -> None:
        zero, one = sweep.constant(0.0), sweep.constant(1.0)

        def body(load: Load, store: Store, carried: list[_Lanes]) -> list[_Lanes]:
            x, total, first, second = carried
            p = load(PROBABILITY)
            weighted = p * x
            return [x + one, total + p, first + weighted, weighted.times_plus(x, second)]

        sweep.write(3, *sweep.run([zero - sweep.vector(2), zero, zero, zero], body)[1:])

    return types.void(lanes, work, start, out), _code(lanes, build)


@_intrinsic
def _quantiles(typing_context, lanes, work, target, out):  # type: ignore[no-untyped-def]
    """The first site up to which the probability exceeds `target` (lane,), as float64 (lane,)."""

    def build(sweep: _Sweep) -> None:
        zero, bound = sweep.constant(0.0), sweep.vector(2)

        def body(load: Load, store: Store, carried: list[_Lanes]) -> list[_Lanes]:
            cumulative, count = carried
            cumulative = cumulative + load(PROBABILITY)
            return [cumulative, count + cumulative.one_where_at_most(bound)]

        sweep.write(3, sweep.run([zero, zero], body)[1])

    return types.void(lanes, work, target, out), _code(lanes, build)


@njit(error_model="numpy", nogil=True, cache=True)
def _edges(work, width, out):  # type: ignore[no-untyped-def]
    """Probability on the `width` sites at each end, (lane,)."""
    out[:] = 0.0
    for i in range(width):
        for lane in range(out.size):
            out[lane] += work[i, PROBABILITY, lane] + work[work.shape[0] - 1 - i, PROBABILITY, lane]


def _named_by(lanes: int) -> Callable[[Any], Any]:
    """A decorator, below `njit`, for a function that is compiled for several numbers of lanes: it becomes part of the
    name. Machine code on disk is linked by names; what differs must not share one with another process's."""

    def named(function: Any) -> Any:
        function.__qualname__ += f"_{lanes}"
        return function

    return named


@cache
def kernel(lanes: int) -> Callable[..., None]:
    """The compiled run of a block of `lanes` disorders.

    run(work, start, steps, record, width, uniform, moments, edges, positions, distribution, returned)

    `work` (site, FIELDS, lane) aligned to ALIGNMENT, with rates, the first P as ELIMINATED and ones as INVERSE; `start`
    (lane,) the origin of the moments; `steps` (n,) lengths of time; `record` (n + 1,) the place of each time in the
    results, -1 where nothing is asked for; `uniform` (time, draw, lane). Results: `moments` (time, 3, lane), `edges`
    (time, lane), `positions` (time, draw, lane), `distribution` (time or 0, site, lane), `returned` (lane,): what
    FLOOR and rounding added or lost, and was given back.
    """

    @njit(error_model="numpy", nogil=True, cache=True)
    @_named_by(lanes)
    def run(  # type: ignore[no-untyped-def]
        work, start, steps, record, width, uniform, moments, edges, positions, distribution, returned
    ):
        scale, total = np.ones(lanes), np.empty(lanes)
        origin, target, site = start.astype(np.float64), np.empty(lanes), np.empty(lanes)
        returned[:] = 0.0
        tau_before = 0.0
        for n in range(steps.size + 1):
            tau = GAMMA * steps[n] if n < steps.size else 0.0
            _sweep_right(lanes, work, scale, tau_before, tau)
            at = record[n]
            if at >= 0:
                _moments(lanes, work, origin, moments[at].reshape(3 * lanes))
                _edges(work, width, edges[at])
                for draw in range(uniform.shape[1]):
                    for lane in range(lanes):
                        target[lane] = uniform[at, draw, lane] * moments[at, 0, lane]
                    _quantiles(lanes, work, target, site)
                    for lane in range(lanes):
                        positions[at, draw, lane] = np.int64(site[lane])
                if distribution.shape[0] > 0:
                    distribution[at] = work[:, PROBABILITY]
            if n < steps.size:
                _sweep_left(lanes, work, total, tau)
                for lane in range(lanes):
                    scale[lane] = 1.0 / total[lane]
                    returned[lane] += abs(total[lane] - 1.0)
            tau_before = tau

    return run
