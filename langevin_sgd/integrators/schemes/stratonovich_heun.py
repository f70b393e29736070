"""Heun's scheme for Stratonovich equations."""

from __future__ import annotations

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """p = w + f(w) h + b(w) dW, w' = w + (f(w) + f(p)) h/2 + (b(w) + b(p)) dW/2."""
    w, (xi,) = state["position"], draws
    h = model.time_step
    increment = xi * model.root(h)
    drift, noise = model.named(model.drift(w) * h), model.named(model.noise(w, increment))
    ahead = model.named(w + drift + noise)
    return {"position": w + (drift + model.drift(ahead) * h) / 2 + (noise + model.noise(ahead, increment)) / 2}


SCHEME = Scheme(
    name="stratonovich_heun",
    rule=rule,
    interpretation="stratonovich",
    strong_order={"additive": 1.0, "diagonal": 1.0, "general": 0.5},
    weak_order={"additive": 2.0, "diagonal": 1.0, "general": 1.0},
    sampling_order={"additive": 2.0, "diagonal": 1.0, "general": 1.0},
    increments=("gaussian",),
    in_sdeint="stratHeun",
    source="Ruemelin, SIAM Journal on Numerical Analysis 19 (1982) 604",
)
