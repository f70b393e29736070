"""The scheme of Leimkuhler and Matthews: one gradient a step, stationary averages to second order."""

from __future__ import annotations

import math

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """w' = w + f(w) h + b sqrt(h) (xi_n + xi_(n+1))/2.

    Exact in law at stationarity on a quadratic, and of second order otherwise, where there is no probability current;
    with one (a force that is no gradient, or H and b b^T that do not commute) of first order.
    """
    w, before, (xi,) = state["position"], state["previous_noise"], draws
    h = model.time_step
    return {
        "position": w + model.drift(w) * h + model.noise(w, (before + xi) * (model.root(h) / 2)),
        "previous_noise": xi,
    }


SCHEME = Scheme(
    name="leimkuhler_matthews",
    rule=rule,
    interpretation="ito",
    strong_order={"additive": 0.5},
    weak_order={"additive": 1.0},
    sampling_order={"linear": math.inf, "additive": 2.0},
    increments=("gaussian", "three_point"),
    state=("position", "previous_noise"),
    source="Leimkuhler and Matthews, Applied Mathematics Research eXpress 2013 (2013) 34",
)
