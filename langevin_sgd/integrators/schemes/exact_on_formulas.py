"""The exact scheme on a quadratic formula: its matrices as symbols, with a number for each at every parameter point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_sgd.integrators.linear_law import at_points
from langevin_sgd.integrators.schemes.scheme import Dynamics, Rule, SchemeError, State, Vector
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import symbol
from langevin_sgd.noise import Noise


def formula_rule(
    landscape: Expression, noise: Noise, values: Mapping[str, Any], varying: Sequence[str]
) -> tuple[Rule, dict[str, Any]]:
    """The rule, and the entries of its matrices by name. Raises `SchemeError` when the curvature varies."""
    if not landscape.is_quadratic:
        why = "there is a force" if getattr(landscape, "force", ()) else "the curvature of this one varies"
        raise SchemeError(f"exact takes a quadratic landscape, and {why}; use sra1 or baoab")
    step, point = at_points(landscape, noise, values, varying)
    if not all(np.isfinite(part).all() for part in (step.move, step.shift, step.kick)):
        raise SchemeError("the law of a step is not finite for the parameters given; check their values")
    entries: dict[str, Any] = {}

    def symbols(prefix: str, numbers: NDArray[Any]) -> Vector:
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

    return bound, entries
