"""Roessler's SRI2 for diagonal noise: strong order 1 without derivatives of the noise."""

from __future__ import annotations

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """w' = w + (f(w) + f(p)) h/2 + b(w) dW + sqrt(h) (b(p + s) - b(p - s))/2.

    Here p = w + f(w) h and s = b(w) (dW^2 - h)/(2 sqrt(h)).

    With noise in which each amplitude depends on its own coordinate the mixed iterated integrals drop out.
    """
    w, (xi,) = state["position"], draws
    h, root = model.time_step, model.root(model.time_step)
    drift = model.named(model.drift(w) * h)
    ahead = model.named(w + drift)
    shift = model.named(model.noise(w, (xi * xi - 1) * (root / 2)))
    ones = xi * 0 + 1
    bracket = model.noise(ahead + shift, ones) - model.noise(ahead - shift, ones)
    return {
        "position": w + (drift + model.drift(ahead) * h) / 2 + model.noise(w, xi * root) + bracket * (root / 2),
    }


SCHEME = Scheme(
    name="sri2",
    rule=rule,
    interpretation="ito",
    strong_order={"additive": 1.0, "diagonal": 1.0},
    weak_order={"additive": 1.0, "diagonal": 1.0},
    sampling_order={"additive": 1.0, "diagonal": 1.0},
    increments=("gaussian",),
    in_sdeint="itoSRI2",
    source="Roessler, SIAM Journal on Numerical Analysis 48 (2010) 922",
)
