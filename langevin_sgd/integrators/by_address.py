"""Calls of compiled functions by their addresses: what is compiled once may call what is generated for each formula.

A function compiled by `numba.cfunc` for one of the signatures below is called with `call(address, arguments)`, the
arguments of exactly the types that one of them has: nothing is converted, and other types do not compile.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from langevin_sgd.random_numbers.increments import KINDS

_pointer: Any = types.CPointer
_FLOATS = {"float32": types.float32, "float64": types.float64}
_WORDS, _NORMALS, _PASSAGE = _pointer(types.uint32), _pointer(types.float32), _pointer(types.int32)

DRAW = types.void(_WORDS, _NORMALS, _WORDS, types.int64, types.uint64, types.int64, types.uint64, types.uint64)
"""draw(w, z, ids, quads, high_of_counter, group, low, high)"""


def advance(state_type: str, kind: str) -> Any:
    """advance(y, feed, place, u, hit, offset); what is fed is normals for Gaussian increments, else words."""
    real = _pointer(_FLOATS[state_type])
    feed = _NORMALS if kind == "gaussian" else _WORDS
    return types.void(real, feed, types.uint32, real, _PASSAGE, types.int32)


def look_up(state_type: str) -> Any:
    """look_up(y, u, table, base, cell, work, cells, lanes)"""
    real = _pointer(_FLOATS[state_type])
    return types.void(real, real, real, _WORDS, _WORDS, real, types.int64, types.int64)


def observe(state_type: str) -> Any:
    """observe(y, s, seen, u)"""
    real = _pointer(_FLOATS[state_type])
    return types.void(real, real, _pointer(types.float64), real)


_KNOWN = {DRAW.args}
for _state_type in _FLOATS:
    _KNOWN |= {made(_state_type).args for made in (look_up, observe)}
    _KNOWN |= {advance(_state_type, kind).args for kind in KINDS}


def _at(typing_context, array, place):  # type: ignore[no-untyped-def]
    """The address of an entry of a contiguous array of one dimension."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    if not (isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"):
        raise TypingError("at() takes a contiguous array of one dimension")
    return _pointer(array.dtype)(array, types.intp), code


def _call(typing_context, address, arguments):  # type: ignore[no-untyped-def]
    """Call the function at an address with these arguments, a tuple; it returns nothing."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kinds = [context.get_value_type(kind) for kind in signature.args[1]]
        function = builder.inttoptr(given[0], ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        builder.call(function, [builder.extract_value(given[1], i) for i in range(len(kinds))])
        return context.get_dummy_value()

    if tuple(arguments) not in _KNOWN:
        raise TypingError(f"no function called by its address takes {', '.join(map(str, arguments))}")
    return types.void(types.int64, arguments), code


at: Any = intrinsic(_at)
call: Any = intrinsic(_call)
