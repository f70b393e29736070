"""Milstein's scheme for diagonal noise: strong order 1."""

from __future__ import annotations

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """w' = w + f h + b dW + b b' (dW^2 - h)/2."""
    w, (xi,) = state["position"], draws
    h = model.time_step
    second = model.noise_slope(w, (xi * xi - 1) * (h / 2))
    return {"position": w + model.drift(w) * h + model.noise(w, xi * model.root(h)) + second}


SCHEME = Scheme(
    name="milstein",
    rule=rule,
    interpretation="ito",
    strong_order={"additive": 1.0, "diagonal": 1.0},
    weak_order={"additive": 1.0, "diagonal": 1.0},
    sampling_order={"additive": 1.0, "diagonal": 1.0},
    increments=("gaussian",),
    needs=("gradient", "noise_slope"),
    source="Kloeden and Platen, Numerical Solution of Stochastic Differential Equations (1992), section 10.3",
)
