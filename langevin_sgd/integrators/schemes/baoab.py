"""BAOAB: underdamped Langevin dynamics by splitting, for sampling."""

from __future__ import annotations

import math

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """dw = v dt, dv = f dt - gamma v dt + sqrt(gamma) b dW, unit mass: kick, drift, Ornstein-Uhlenbeck, drift, kick.

    With b = sqrt(T) the velocity has variance T/2, the thermal energy, and w is distributed as in the overdamped
    equation.
    """
    w, v, (xi,) = state["position"], state["velocity"], draws
    h = model.time_step
    kept = model.exponential(-model.parameter("friction") * h)
    v = v + model.drift(w) * (h / 2)
    w = w + v * (h / 2)
    v = model.named(v * kept + model.noise(w, xi * model.root((1 - kept * kept) / 2)))
    w = model.named(w + v * (h / 2))
    return {"position": w, "velocity": v + model.drift(w) * (h / 2)}


SCHEME = Scheme(
    name="baoab",
    rule=rule,
    interpretation="ito",
    strong_order={"additive": 1.0},
    weak_order={"additive": 2.0},
    sampling_order={"linear": math.inf, "additive": 2.0},
    increments=("gaussian", "three_point"),
    state=("position", "velocity"),
    parameters={"friction": 1.0},
    inertia=True,
    mobility=lambda own: 1.0 / own["friction"],
    source="Leimkuhler and Matthews, Applied Mathematics Research eXpress 2013 (2013) 34",
)
