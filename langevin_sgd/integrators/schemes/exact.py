"""The exact law of every step, on a quadratic landscape with constant noise: no error at any time step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.integrators.dynamics import Dynamics, Vector
from langevin_sgd.integrators.linear_law import at_points
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError, State
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import symbol
from langevin_sgd.noise import Noise

Array = NDArray[Any]


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """w' = w + (exp(-H h) - 1) w + shift + L xi, L L^T the covariance of a step; the numbers come from `bind`."""
    raise SchemeError("exact needs numbers for its matrices first; run it through integrate")


def bind(
    landscape: Any, noise: Noise, values: Mapping[str, Any], varying: Sequence[str]
) -> tuple[Scheme, dict[str, Any]]:
    """The rule with its matrices, and their entries as parameters: a number each, or an array over trajectories.

    Raises `SchemeError` when the curvature depends on the position.
    """
    if not isinstance(landscape, Expression):
        from langevin_sgd.integrators.schemes.exact_on_tensors import tensor_rule

        return replace(SCHEME, rule=tensor_rule(landscape, noise, values)), {}
    if not landscape.is_quadratic:
        why = "there is a force" if landscape.force else "the curvature of this one varies"
        raise SchemeError(f"exact takes a quadratic landscape, and {why}; use sra1 or baoab")
    step, point = at_points(landscape, noise, values, varying)
    if not all(np.isfinite(part).all() for part in (step.move, step.shift, step.kick)):
        raise SchemeError("the law of a step is not finite for the parameters given; check their values")
    entries: dict[str, Any] = {}

    def symbols(prefix: str, numbers: Array) -> Vector:
        """Symbols for the entries (P, ...); one that is zero everywhere costs nothing."""
        out = np.zeros(numbers.shape[1:], dtype=object)
        for place in np.ndindex(out.shape):
            own = numbers[(slice(None), *place)]
            if own.any():
                name = f"_{prefix}_" + "_".join(map(str, place))
                entries[name] = float(own[0]) if (own == own[0]).all() else own[point]
                out[place] = symbol(name)
        return out

    move, shift, kick = symbols("move", step.move), symbols("shift", step.shift), symbols("kick", step.kick)

    def bound(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
        w, (xi,) = state["position"], draws
        return {"position": w + move @ w + shift + kick @ xi}

    return replace(SCHEME, rule=bound, parameters=dict.fromkeys(entries)), entries


SCHEME = Scheme(
    name="exact",
    rule=rule,
    interpretation="ito",
    # of the path against the increments it is given; the law has no error
    strong_order={"additive": 1.0},
    weak_order={"additive": math.inf},
    sampling_order={"additive": math.inf},
    increments=("gaussian",),
    draws_of="position",
    bind=bind,
    source="Uhlenbeck and Ornstein, Physical Review 36 (1930) 823; Gillespie, Physical Review E 54 (1996) 2084",
)
