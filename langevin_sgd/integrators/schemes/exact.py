"""The exact law of every step, on a quadratic landscape with constant noise: no error at any time step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, SchemeError, State, Vector

if TYPE_CHECKING:
    from langevin_sgd.noise import Noise


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """w' = w + (exp(-H h) - 1) w + shift + L xi, L L^T the covariance of a step; the numbers come from `bind`."""
    raise SchemeError("exact needs numbers for its matrices first; run it through integrate")


def bind(
    landscape: Any, noise: Noise, values: Mapping[str, Any], varying: Sequence[str]
) -> tuple[Scheme, dict[str, Any]]:
    """The rule with its matrices, and their entries as parameters: a number each, or an array over trajectories.

    Raises `SchemeError` when the curvature depends on the position.
    """
    # late: a scheme is also asked what it declares, and that takes no linear algebra
    from langevin_sgd.integrators.schemes.exact_on_formulas import formula_rule

    if not landscape.symbolic:
        from langevin_sgd.integrators.schemes.exact_on_tensors import tensor_rule

        return replace(SCHEME, rule=tensor_rule(landscape, noise, values)), {}
    bound, entries = formula_rule(landscape, noise, values, varying)
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
