"""Roessler's SRA1: strong order 1.5 for additive noise from two gradients."""

from __future__ import annotations

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """H = w + (3/4) f(w) h + (3/2) b Z/h, w' = w + (f(w) + 2 f(H)) h/3 + b dW.

    Z = h^(3/2) (xi + zeta/sqrt(3))/2 is the time integral of W - W(0) over the step, xi and zeta the two draws.
    """
    w, (xi, zeta) = state["position"], draws
    h = model.time_step
    drift = model.named(model.drift(w))
    integral_over_step = (xi + zeta / model.root(3)) * (model.root(h) / 2)
    stage = model.named(w + drift * (3 * h / 4) + model.noise(w, integral_over_step * 3 / 2))
    return {"position": w + (drift + model.drift(stage) * 2) * (h / 3) + model.noise(w, xi * model.root(h))}


SCHEME = Scheme(
    name="sra1",
    rule=rule,
    interpretation="ito",
    strong_order={"linear": 2.0, "additive": 1.5},
    weak_order={"additive": 2.0},
    sampling_order={"additive": 2.0},
    increments=("gaussian",),
    draws_per_step=2,
    source="Roessler, SIAM Journal on Numerical Analysis 48 (2010) 922",
)
