"""Euler-Maruyama; with the time step eta it is SGD itself."""

from __future__ import annotations

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """w' = w + f(w) h + b(w) sqrt(h) xi."""
    w, (xi,) = state["position"], draws
    h = model.time_step
    return {"position": w + model.drift(w) * h + model.noise(w, xi * model.root(h))}


SCHEME = Scheme(
    name="euler_maruyama",
    rule=rule,
    interpretation="ito",
    strong_order={"additive": 1.0, "diagonal": 0.5, "general": 0.5},
    weak_order={"additive": 1.0, "diagonal": 1.0, "general": 1.0},
    sampling_order={"additive": 1.0, "diagonal": 1.0, "general": 1.0},
    increments=("gaussian", "three_point", "two_point"),
    euler_step=True,
    in_sdeint="itoEuler",
    source="Kloeden and Platen, Numerical Solution of Stochastic Differential Equations (1992), section 10.2",
)
